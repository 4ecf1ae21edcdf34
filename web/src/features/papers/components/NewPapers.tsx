import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { counted } from '@/lib/format';
import { useLive, type LiveEvents } from '@/lib/socket';
import { refreshPapers } from '../api/papers';
import classes from './papers.module.css';

/** Papers that came while one reads wait behind a pill: nothing moves by itself. */
export function NewPapers() {
  const queries = useQueryClient();
  const [waiting, setWaiting] = useState(0);

  useLive('paper_added', useCallback((event: LiveEvents['paper_added']) => {
    setWaiting((n) => n + event.count);
  }, []));
  if (waiting === 0) return null;
  return (
    <button
      type="button" className={classes.pill}
      onClick={() => {
        setWaiting(0);
        refreshPapers(queries);
      }}
    >
      {counted(waiting, 'new paper')}
    </button>
  );
}
