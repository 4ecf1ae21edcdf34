import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { PaperRow } from '@/components/paper/PaperRow';
import { Empty, Failure, SkeletonRows } from '@/components/states/states';
import type { Paper } from '@/lib/api/types';
import { useShortcuts } from '@/lib/keys';
import { lastVisit } from '@/lib/visit';
import { useMark, type usePapers } from '../api/papers';
import classes from './papers.module.css';

const row_height = 64;

interface Props {
  papers: ReturnType<typeof usePapers>;
  rows: Paper[];
  total: number | undefined;
  open: number | undefined;
  show: (id: number | undefined, replace?: boolean) => void;
  query: string;
  selected: ReadonlySet<number>;
  toggle: (id: number) => void;
}

/** The list itself: only the rows in sight exist, and the next page is asked
 *  for before its rows are. */
export function PaperList({ papers, rows, total, open, show, query, selected, toggle }: Props) {
  const scroll = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(-1);
  const mark = useMark();
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = papers;
  const list = useVirtualizer({
    count: rows.length, getScrollElement: () => scroll.current, estimateSize: () => row_height, overscan: 12,
  });
  const items = list.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const openAt = open === undefined ? -1 : rows.findIndex((paper) => paper.id === open);
  const active = openAt >= 0 ? openAt : at;
  const paper = rows[active];

  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && last >= rows.length - 40) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage, last, rows.length]);

  const move = (step: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, active + step));
    const to = rows[next];

    if (!to) return;
    setAt(next);
    list.scrollToIndex(next, { align: 'auto' });
    if (open !== undefined) show(to.id, true);
    // The row may be made only now.
    requestAnimationFrame(() => {
      document.getElementById(`paper-${String(to.id)}`)?.focus({ preventScroll: true });
    });
  };

  useShortcuts([
    { keys: 'j', label: 'Next paper', run: () => { move(1); } },
    { keys: 'k', label: 'Previous paper', run: () => { move(-1); } },
    { keys: 'Enter', label: 'Open the paper', run: () => { if (paper) show(paper.id); } },
    { keys: 'o', label: 'Open on arXiv', run: () => { if (paper) window.open(paper.url, '_blank', 'noopener'); } },
    { keys: 's', label: 'Star', run: () => { if (paper) mark({ ids: [paper.id], marks: { starred: !paper.starred } }); } },
    { keys: 'e', label: 'Mark read', run: () => { if (paper) mark({ ids: [paper.id], marks: { read: !paper.read } }); } },
    { keys: 'x', label: 'Select', run: () => { if (paper) toggle(paper.id); } },
  ]);

  const select = useCallback((id: number) => { toggle(id); }, [toggle]);

  if (papers.isPending) return <SkeletonRows rows={12} height={row_height} />;
  if (papers.isError && rows.length === 0) {
    return <Failure what="The papers could not be read." error={papers.error} retry={() => void papers.refetch()} />;
  }
  if (rows.length === 0) return <Nothing filtered={query !== ''} />;
  return (
    <div ref={scroll} className={classes.scroll} data-stale={papers.isPlaceholderData || undefined}>
      <ul className={classes.list} style={{ height: list.getTotalSize() }} aria-label="Papers">
        {items.map((item) => {
          const row = rows[item.index];

          return row && (
            <li
              key={row.id} className={classes.item} aria-posinset={item.index + 1} aria-setsize={total ?? -1}
              style={{ height: row_height, transform: `translateY(${String(item.start)}px)` }}
            >
              <PaperRow
                paper={row} to={`/papers/${String(row.id)}${query && `?${query}`}`} active={item.index === active}
                selected={selected.has(row.id)} isNew={lastVisit !== undefined && row.created_at > lastVisit}
                onSelect={select}
              />
            </li>
          );
        })}
      </ul>
      {isFetchingNextPage && <SkeletonRows rows={2} height={row_height} />}
      {papers.isFetchNextPageError && (
        <Failure what="The next papers could not be read." error={papers.error} retry={() => void fetchNextPage()} />
      )}
    </div>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No paper matches.">
        <p>Take a filter away, or look for other words. <Link to="/papers">Show all papers</Link></p>
      </Empty>
    );
  }
  return (
    <Empty title="No papers yet.">
      <p>
        sheaf follows arXiv for you. <Link to="/">Fetch the first papers</Link> on Today, or set a schedule
        under <Link to="/ops/schedules">Operations</Link>.
      </p>
    </Empty>
  );
}
