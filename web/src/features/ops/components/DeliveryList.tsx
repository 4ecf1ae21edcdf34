import { useRef } from 'react';
import { Link } from 'react-router';
import { JobStatus } from '@/components/jobs/JobStatus';
import { Ago } from '@/components/text/Ago';
import { bytes, count, counted } from '@/lib/format';
import { useRowKeys } from '@/lib/useRowKeys';
import type { Delivery } from '../api/deliveries';
import classes from './ops.module.css';

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

/** What came of it, or what is next. */
export function deliveryWords(one: Delivery): string {
  if (one.status === 'delivered' && one.papers_created !== null && one.papers_updated !== null) {
    return `${count(one.papers_created)} new papers, ${count(one.papers_updated)} known`;
  }
  const words = one.last_error ?? (one.last_status === null ? '' : `The backend answered ${String(one.last_status)}`);

  if (one.status !== 'pending') return words;
  if (one.next_attempt_at === null || one.attempts === 0) return words || 'Not tried yet';
  return `${words}; next try at ${clock.format(new Date(one.next_attempt_at))}`;
}

export function DeliveryList({ rows, open, search }: { rows: Delivery[]; open: number | undefined; search: string }) {
  const list = useRef<HTMLUListElement>(null);

  useRowKeys(list, 'delivery');
  return (
    <ul ref={list} className={classes.rows} aria-label="Deliveries">
      {rows.map((one) => (
        <li key={one.id} className={classes.row} data-open={one.id === open || undefined}>
          <div className={classes.rowHead}>
            <Link
              data-row className={classes.rowTitle} aria-current={one.id === open || undefined}
              to={{ pathname: `/ops/webhooks/${String(one.id)}`, search }}
            >
              Delivery {count(one.id)} <span className="secondary">of {one.job_id}</span>
            </Link>
            <JobStatus status={one.status} />
          </div>
          <p className={classes.rowMore} data-bad={one.status === 'dead' || undefined}>
            <span className={classes.cut}>{deliveryWords(one)}</span>
            <span>{bytes(one.body_bytes)} · {counted(one.attempts, 'try', 'tries')} · <Ago at={one.created_at} /></span>
          </p>
        </li>
      ))}
    </ul>
  );
}
