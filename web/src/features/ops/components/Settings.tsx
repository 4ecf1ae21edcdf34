import { useState } from 'react';
import { Failure, SkeletonRows } from '@/components/states/states';
import { useSettings, type Setting } from '../api/health';
import classes from './ops.module.css';

const origins: Record<string, string> = {
  default: 'by default', file: 'from sheaf.conf', environment: 'from the environment', flag: 'from the command line',
};

function Value({ of }: { of: Setting }) {
  if (of.secret) return <span className="secondary">{of.set ? 'set, not shown' : 'not set'}</span>;
  if (of.value === null || of.value === '') return <span className="secondary">not set</span>;
  return <code>{of.value}</code>;
}

/** What is in force, and where it came from. */
export function Settings() {
  const settings = useSettings();
  const [words, setWords] = useState('');
  const [changed, setChanged] = useState(false);

  if (settings.isError && !settings.data) {
    return <Failure error={settings.error} what="The settings could not be read." retry={() => void settings.refetch()} />;
  }
  if (!settings.data) return <SkeletonRows rows={6} height={56} />;

  const sought = words.trim().toLowerCase();
  const rows = settings.data.settings.filter((one) =>
    (!changed || one.origin !== 'default') &&
    (one.key.includes(sought) || one.meaning.toLowerCase().includes(sought)));

  return (
    <>
      <div className={classes.settingsBar}>
        <input
          type="search" className={classes.search} value={words} placeholder="Find a setting" aria-label="Find a setting"
          spellCheck={false} onChange={(event) => { setWords(event.target.value); }}
        />
        <label className={classes.check}>
          <input type="checkbox" checked={changed} onChange={(event) => { setChanged(event.target.checked); }} />
          Only what differs from the defaults
        </label>
      </div>
      <dl className={classes.settings}>
        {rows.map((one) => (
          <div key={one.key} className={classes.setting}>
            <dt><code>{one.key}</code></dt>
            <dd><Value of={one} /> <span className="secondary">{origins[one.origin] ?? one.origin}</span></dd>
            <dd className="secondary">{one.meaning}</dd>
          </div>
        ))}
      </dl>
      {rows.length === 0 && <p className="secondary">{sought === '' ? 'All are as they come.' : 'No setting has these words.'}</p>}
    </>
  );
}
