import { useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { Link } from 'react-router';
import { Failure } from '@/components/states/states';
import { useLive, type LiveEvents } from '@/lib/socket';
import { useRunningJobs } from '../api/today';
import classes from './today.module.css';

const kinds: Record<string, string> = {
  scrape: 'Fetching papers', text: 'Reading a text', file: 'Reading a file', embed: 'Preparing papers for search',
  webhook: 'Delivering papers', coverage: 'Checking coverage',
};

/** Jobs that run now, with bars that move. */
export function RunningJobs() {
  const queries = useQueryClient();
  const jobs = useRunningJobs();

  useLive('job_progress', useCallback((event: LiveEvents['job_progress']) => {
    if (event.progress === 0 || event.progress >= 100) void queries.invalidateQueries({ queryKey: ['jobs'] });
  }, [queries]));
  if (jobs.isError) return <Failure what="The jobs could not be read." error={jobs.error} retry={() => void jobs.refetch()} />;
  if (!jobs.data || jobs.data.length === 0) return <p className="secondary">{jobs.data && 'Nothing is running.'}</p>;
  return (
    <ul className={classes.jobs}>
      {jobs.data.map((job) => (
        <li key={job.job_id}>
          <Link to={`/ops/jobs/${encodeURIComponent(job.job_id)}`}>{kinds[job.kind] ?? job.kind}</Link>
          <progress max={100} value={job.progress} aria-label={`${kinds[job.kind] ?? job.kind}: ${String(Math.round(job.progress))} %`} />
          <span className="secondary num">{Math.round(job.progress)} %</span>
        </li>
      ))}
    </ul>
  );
}
