import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { paced } from '@/lib/paced';
import { useLive, type LiveEvents } from '@/lib/socket';
import { Tally, type Seen } from './tally';

const repaint_ms = 250;
const exact_ms = 5000;
const kept = 60;

/**
 * The views that came since the page was opened, the newest first; the number
 * of today moves with them, and what needs the server is asked for anew now
 * and then.
 */
export function useViews(): Seen[] {
  const queries = useQueryClient();
  const [seen, setSeen] = useState<Seen[]>([]);
  const [made] = useState(() => {
    const tally = new Tally();
    const exact = paced(() => { void queries.invalidateQueries({ queryKey: ['stats'] }); }, exact_ms);
    const repaint = paced(() => {
      const { views, seen: fresh } = tally.flush();

      if (fresh.length === 0) return;
      setSeen((old) => [...fresh, ...old].slice(0, kept));
      queries.setQueryData<{ views: number; before: number }>(['stats', 'today'], (old) =>
        old && { ...old, views: old.views + views });
      exact.ask();
    }, repaint_ms);

    return { tally, exact, repaint };
  });

  useLive('new_pageview', useCallback((event: LiveEvents['new_pageview']) => {
    made.tally.take(event);
    made.repaint.ask();
  }, [made]));
  useEffect(() => () => {
    made.repaint.stop();
    made.exact.stop();
  }, [made]);
  return seen;
}
