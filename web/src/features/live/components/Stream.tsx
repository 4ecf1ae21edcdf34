import { Button } from '@mantine/core';
import { useState } from 'react';
import { count, counted } from '@/lib/format';
import { useConnection } from '@/lib/socket';
import type { Seen } from '../api/tally';
import classes from './live.module.css';

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** Views as they happen.  It stands still while somebody points at it. */
export function Stream({ seen }: { seen: Seen[] }) {
  const connection = useConnection();
  const [paused, setPaused] = useState(false);
  const [held, setHeld] = useState<Seen[]>();
  const shown = held ?? seen;
  const newest = held ? seen.findIndex((one) => one === held[0]) : 0;
  const more = held === undefined ? 0 : newest < 0 ? seen.length : newest;
  const hold = (on: boolean) => { setHeld(on ? (held ?? seen) : undefined); };

  return (
    <section className={classes.stream}>
      <div className={classes.bar}>
        <h2>As they happen</h2>
        <div className={classes.tools}>
          {more > 0 && <span className="secondary">{count(more)} more</span>}
          <Button
            variant="subtle" color="gray" size="compact-sm" aria-pressed={paused}
            onClick={() => { setPaused(!paused); hold(!paused); }}
          >
            {paused ? 'Go on' : 'Pause'}
          </Button>
        </div>
      </div>
      {shown.length === 0 ? (
        <p className={classes.none}>
          {connection === 'on' ? 'Quiet since you opened this page. The next view appears here at once.' : 'Connecting…'}
        </p>
      ) : (
        <ol
          className={classes.streamList}
          onMouseEnter={() => { hold(true); }} onMouseLeave={() => { hold(paused); }}
        >
          {shown.map((one) => (
            <li key={one.key} className={classes.seen}>
              <time dateTime={one.at}>{clock.format(new Date(one.at))}</time>
              <span className={classes.rankName} dir="auto">{one.page}</span>
              {one.views > 1 && <span className="secondary">{`+${count(one.views)}`}</span>}
              <span className="num" title={`${counted(one.count, 'view')} of this page in all`}>{count(one.count)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
