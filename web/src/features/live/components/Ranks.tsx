import { Link } from 'react-router';
import { Choices } from '@/components/controls/Choices';
import { Failure, SkeletonRows } from '@/components/states/states';
import { count } from '@/lib/format';
import { spans, useTop, type Interval, type RankBy, type Ranked } from '../api/stats';
import classes from './live.module.css';

const lists: { value: RankBy; name: string; none: string }[] = [
  { value: 'page', name: 'Pages', none: 'No page was read' },
  { value: 'referrer', name: 'Referrers', none: 'Nobody came from another site' },
  { value: 'bot', name: 'Robots', none: 'No robot came by' },
];

/** Why it was taken for no person. */
const reasons: Record<string, string> = {
  crawler: 'Says that it is a crawler, as search engines do',
  headless: 'A browser without a window, run by a program',
  monitor: 'Looks whether the site is up, or how fast',
  preview: 'Fetched the page to show a preview of a link',
};

export function readRank(text: string | null): RankBy {
  return lists.find((list) => list.value === text)?.value ?? 'page';
}

function Name({ by, row, interval }: { by: RankBy; row: Ranked; interval: Interval }) {
  if (by === 'page') {
    return (
      <Link
        className={classes.rankName} preventScrollReset title={row.title} dir="auto"
        to={`/live?${new URLSearchParams({ by: interval, page: row.name }).toString()}`}
      >
        {row.name}
      </Link>
    );
  }
  if (by === 'bot') {
    return <span className={classes.reason}>{row.name} <span className="secondary">{reasons[row.name]}</span></span>;
  }
  return <span className={classes.rankName} dir="auto">{row.name}</span>;
}

/** Pages and where readers came from, most first; robots apart, with the reason. */
export function Ranks({ by, interval, hidden }: { by: RankBy; interval: Interval; hidden: ReadonlySet<string> }) {
  const top = useTop(by, interval);
  const rows = top.data?.filter((row) => by !== 'page' || !hidden.has(row.name));
  const most = rows?.[0]?.count ?? 1;
  const span = spans.find((one) => one.value === interval)?.of ?? '';

  return (
    <section className={classes.ranks}>
      <div className={classes.bar}>
        <h2>Top</h2>
        <div className={classes.tools}><Choices label="What is ranked" name="top" value={by} options={lists} /></div>
      </div>
      {by === 'bot' && (
        <p className="secondary">Robots are counted apart: they are in no other number of this page.</p>
      )}
      {top.isError && !rows ? (
        <Failure error={top.error} what="The list did not come." retry={() => void top.refetch()} />
      ) : !rows ? (
        <SkeletonRows rows={6} height={36} />
      ) : rows.length === 0 ? (
        <p className={classes.none}>{lists.find((list) => list.value === by)?.none} in {span}.</p>
      ) : (
        <ol className={classes.rankList}>
          {rows.map((row) => (
            <li key={row.name} className={classes.rank}>
              <span className={classes.rankBar} style={{ width: `${String((100 * row.count) / most)}%` }} aria-hidden="true" />
              <Name by={by} row={row} interval={interval} />
              <span className="num">{count(row.count)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
