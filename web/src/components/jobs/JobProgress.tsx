import type { Job } from '@/lib/api/types';
import { doneOf, jobTitle, leftWords, progressWords, rateWords } from '@/lib/jobs';
import { paceOfJob } from './useJobEvents';
import classes from './jobs.module.css';

/** Where a running job stands: a bar, and the same in words. */
export function JobProgress({ job }: { job: Job }) {
  const done = doneOf(job);
  const pace = paceOfJob(job.job_id);
  const words = [progressWords(job)];

  if (done && pace !== undefined) {
    words.push(rateWords(pace, done.unit));
    if (done.total !== null && done.total > done.done) words.push(leftWords((done.total - done.done) / pace));
  }
  return (
    <div className={classes.progress}>
      <progress max={100} value={job.progress} aria-label={jobTitle(job)} aria-valuetext={words.join(', ')} />
      <span className="secondary num">{words.join(' · ')}</span>
    </div>
  );
}
