import { useRef } from 'react';
import { Link } from 'react-router';
import { Empty, Failure, SkeletonRows } from '@/components/states/states';
import { useRowKeys } from '@/lib/useRowKeys';
import { usePassages, type Search } from '../api/search';
import { Passage } from './Passage';
import classes from './Results.module.css';

type Found = ReturnType<typeof usePassages>[number];

function Part({ part, alone }: { part: Found; alone: boolean }) {
  const { data, error, isPlaceholderData, refetch } = part.found;

  return (
    <section aria-label={part.name} className={classes.part} data-old={isPlaceholderData || undefined}>
      {!alone && <h2 className={classes.head}>{part.name}</h2>}
      {error && data === undefined && <Failure what={`The search ${part.name.toLowerCase()} did not work.`} error={error} retry={() => void refetch()} />}
      {data?.warning !== undefined && <p className={classes.note}>{data.warning}</p>}
      {data?.quotes.length === 0 && !alone && <p className={classes.note}>Nothing here.</p>}
      <ol>{data?.quotes.map((quote) => <Passage key={quote.key} quote={quote} />)}</ol>
    </section>
  );
}

/** Passages for words. */
export function Results({ search, askInstead }: { search: Search; askInstead: string }) {
  const parts = usePassages(search);
  const all = useRef<HTMLDivElement>(null);
  const none = parts.every(({ found }) => found.data?.quotes.length === 0);

  useRowKeys(all, 'passage');
  // All at once: a part that comes later would push the next one down.
  if (parts.some(({ found }) => found.isPending)) return <SkeletonRows rows={8} height={112} />;
  if (none) {
    return (
      <Empty title="Nothing was found.">
        <p>
          {search.mode === 'keyword'
            ? 'No passage has these words. A search by meaning finds others that say the same.'
            : 'There are no documents or papers to look in yet.'}
        </p>
        <p><Link to="/documents">Add documents</Link></p>
      </Empty>
    );
  }
  return (
    <div ref={all}>
      {parts.map((part) => <Part key={part.value} part={part} alone={parts.length === 1} />)}
      <p className={classes.foot}><Link to={askInstead}>Ask this as a question</Link></p>
    </div>
  );
}
