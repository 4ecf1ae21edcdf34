import { Link } from 'react-router';
import { JobProgress } from '@/components/jobs/JobProgress';
import { Failure } from '@/components/states/states';
import { jobTitle } from '@/lib/jobs';
import { useRunningJobs } from '../api/today';
import classes from './today.module.css';

/** Jobs that run now, with bars that move. */
export function RunningJobs() {
  const jobs = useRunningJobs();

  if (jobs.isError) return <Failure what="The jobs could not be read." error={jobs.error} retry={() => void jobs.refetch()} />;
  if (!jobs.data || jobs.data.length === 0) return <p className="secondary">{jobs.data && 'Nothing is running.'}</p>;
  return (
    <ul className={classes.jobs}>
      {jobs.data.map((job) => (
        <li key={job.job_id}>
          <Link to={`/ops/jobs/${encodeURIComponent(job.job_id)}`}>{jobTitle(job)}</Link>
          <JobProgress job={job} />
        </li>
      ))}
    </ul>
  );
}
