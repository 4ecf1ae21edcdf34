import { Button } from '@mantine/core';
import { Link } from 'react-router';
import { Ago } from '@/components/text/Ago';
import { exact } from '@/lib/format';
import { everyWords } from '../api/every';
import type { Schedule } from '../api/schedules';
import { useEnable } from '../api/schedules';
import classes from './ops.module.css';

export const scheduleName = (one: Schedule): string =>
  (one.category === 'all' ? 'All papers' : `Papers on ${one.category}`) + (one.query === null ? '' : `: ${one.query}`);

export function ScheduleList({ rows, open, remove }: {
  rows: Schedule[];
  open: number | undefined;
  remove: (id: number) => void;
}) {
  const enable = useEnable();

  return (
    <ul className={classes.rows} aria-label="Schedules">
      {rows.map((one) => (
        <li key={one.id} className={classes.row} data-open={one.id === open || undefined}>
          <div className={classes.rowHead}>
            <span className={classes.cut}>{scheduleName(one)}</span>
            <span className={classes.rowActions}>
              <label className={classes.check}>
                <input
                  type="checkbox" role="switch" checked={one.enabled}
                  aria-label={`Run ${scheduleName(one)}`}
                  onChange={(event) => { enable.mutate({ ...one, enabled: event.target.checked }); }}
                />
                {one.enabled ? 'On' : 'Off'}
              </label>
              <Button
                component={Link} to={`/ops/schedules?edit=${String(one.id)}`} variant="subtle" color="gray" size="compact-sm"
                aria-label={`Change ${scheduleName(one)}`}
              >
                Change
              </Button>
              <Button
                variant="subtle" color="gray" size="compact-sm" aria-label={`Delete ${scheduleName(one)}`}
                onClick={() => { remove(one.id); }}
              >
                Delete
              </Button>
            </span>
          </div>
          <p className={classes.rowMore}>
            <span>
              {everyWords(one)}
              {one.enabled && one.next_run_at !== null && ` · next on ${exact(one.next_run_at)}`}
            </span>
            {one.last_run_at !== null && (
              <span>
                last{' '}
                {one.last_job_id === null
                  ? <Ago at={one.last_run_at} />
                  : <Link to={`/ops/jobs/${encodeURIComponent(one.last_job_id)}`}><Ago at={one.last_run_at} /></Link>}
              </span>
            )}
          </p>
        </li>
      ))}
    </ul>
  );
}
