import { useEffect } from 'react';
import { Link } from 'react-router';
import { count, counted } from '@/lib/format';
import { useLiveNow } from '@/lib/shared';
import { useConnection } from '@/lib/socket';
import { countViews } from '@/lib/tracker';
import classes from './Readers.module.css';

/** How many read the site now. */
export function Readers() {
  const on = useConnection() === 'on';
  const live = useLiveNow();
  const readers = live.data?.visitors;

  // Only where readers are counted at all.
  useEffect(() => { if (live.isSuccess) countViews(); }, [live.isSuccess]);

  return (
    <Link
      to="/live" className={classes.readers}
      title={readers === undefined ? 'Live' : `${counted(readers, 'reader')} in the last minutes`}
    >
      <span className={classes.dot} data-on={on || undefined} aria-hidden="true" />
      {readers === undefined ? <span className="hidden-visually">Live</span> : (
        <>
          <span className="num">{count(readers)}</span>
          <span className={classes.word}>{readers === 1 ? 'reader' : 'readers'}</span>
        </>
      )}
    </Link>
  );
}
