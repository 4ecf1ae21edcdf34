import { useRef } from 'react';
import { Link } from 'react-router';
import { JobProgress } from '@/components/jobs/JobProgress';
import { JobStatus } from '@/components/jobs/JobStatus';
import { Ago } from '@/components/text/Ago';
import type { Job } from '@/lib/api/types';
import { briefly, isActive, jobTitle, outcomeWords } from '@/lib/jobs';
import { useRowKeys } from '@/lib/useRowKeys';
import classes from './ops.module.css';

export function JobList({ jobs, open, search }: { jobs: Job[]; open: string | undefined; search: string }) {
  const list = useRef<HTMLUListElement>(null);

  useRowKeys(list, 'job');
  return (
    <ul ref={list} className={classes.rows} aria-label="Jobs">
      {jobs.map((job) => (
        <li key={job.job_id} className={classes.row} data-open={job.job_id === open || undefined}>
          <div className={classes.rowHead}>
            <Link
              data-row className={classes.rowTitle} aria-current={job.job_id === open || undefined}
              to={{ pathname: `/ops/jobs/${encodeURIComponent(job.job_id)}`, search }}
            >
              {jobTitle(job)}
            </Link>
            <JobStatus status={job.status} />
          </div>
          {isActive(job) ? <JobProgress job={job} /> : (
            <p className={classes.rowMore} data-bad={job.status === 'failed' || undefined}>
              <span className={classes.cut}>{job.status === 'failed' && job.error !== null ? briefly(job.error) : outcomeWords(job)}</span>
              <Ago at={job.updated_at} />
            </p>
          )}
          {isActive(job) && job.error !== null && <p className={classes.rowMore}><span className={classes.cut}>{briefly(job.error)}</span></p>}
        </li>
      ))}
    </ul>
  );
}
