import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { JobProgress } from '@/components/jobs/JobProgress';
import { JobStatus } from '@/components/jobs/JobStatus';
import { Pane } from '@/components/layout/Split';
import { Failure, SkeletonRows } from '@/components/states/states';
import type { Job } from '@/lib/api/types';
import { count, duration, exact } from '@/lib/format';
import { isActive, jobTitle, outcomeWords } from '@/lib/jobs';
import { useCancel, useJob, useRetry } from '../api/jobs';
import { Facts } from './Facts';
import classes from './ops.module.css';

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

function to(path: string, words: string): ReactNode {
  return <Button component={Link} to={path} size="xs">{words}</Button>;
}

/** Where to look when it is done. */
function After({ job }: { job: Job }): ReactNode {
  switch (job.kind) {
    case 'scrape':
      return job.webhook.status === 'dead'
        ? to(`/ops/webhooks?job=${encodeURIComponent(job.job_id)}`, 'See why the delivery failed')
        : to('/papers?sort=-created_at', 'See its papers');
    case 'process': {
      const id = job.document_id ?? job.duplicate_of;

      return id === null ? null : to(`/documents/${encodeURIComponent(id)}`, 'Open the document');
    }
    case 'webhook':
      return to(`/ops/webhooks/${String(job.delivery_id)}`, 'See the delivery');
    case 'coverage':
      return to('/ops/schedules', 'See the coverage');
    default:
      return null;
  }
}

/** The one right next step. */
function NextStep({ job }: { job: Job }) {
  const cancel = useCancel();
  const retry = useRetry();

  if (isActive(job)) {
    return (
      <Button variant="default" size="xs" loading={cancel.isPending} onClick={() => { cancel.mutate(job); }}>
        Cancel
      </Button>
    );
  }
  if (job.status === 'completed') return <After job={job} />;
  return (
    <Button size="xs" loading={retry.isPending} onClick={() => { retry.mutate(job); }}>
      {job.progress > 0 ? 'Go on from where it stopped' : 'Try again'}
    </Button>
  );
}

const webhook: Record<string, string> = {
  none: 'nothing to deliver yet', pending: 'on its way', delivered: 'delivered', dead: 'given up',
};

/** What only its kind has. */
function kindFacts(job: Job): [string, ReactNode][] {
  switch (job.kind) {
    case 'scrape':
      return [
        ['Looked at', count(job.papers_looked_at)],
        ['arXiv has', job.total_results === null ? undefined : count(job.total_results)],
        ['Asked for', job.days === undefined ? undefined : `${count(job.days)} days, at most ${count(job.max_results ?? 0)}`],
        ['Delivery', isActive(job) ? undefined : webhook[job.webhook.status]],
      ];
    case 'process':
      return [['Noted', job.warnings.length > 0 ? job.warnings.join(' ') : undefined]];
    case 'coverage':
      return [['Categories', job.arxiv_categories?.join(', ')]];
    default:
      return [];
  }
}

function Trouble({ job }: { job: Job }) {
  if (job.error === null) return null;
  return (
    <div className={classes.trouble} data-bad={job.status === 'failed' || undefined} role={job.status === 'failed' ? 'alert' : undefined}>
      <p>{job.error}</p>
      {job.next_attempt_at !== null && (
        <p className="secondary">The next try is at {clock.format(new Date(job.next_attempt_at))}.</p>
      )}
    </div>
  );
}

function Body({ job }: { job: Job }) {
  const took = (Date.parse(job.updated_at) - Date.parse(job.created_at)) / 1000;
  const kept = outcomeWords(job);

  return (
    <div className={classes.stack}>
      <h2>{jobTitle(job)}</h2>
      <div><JobStatus status={job.status} /></div>
      {isActive(job) && <JobProgress job={job} />}
      <Trouble job={job} />
      {'suspect' in job && job.suspect && (
        <p className={classes.trouble}>arXiv’s answer looked cut short. What was found is kept; look at the coverage of these days.</p>
      )}
      <div><NextStep job={job} /></div>
      <Facts
        rows={[
          [job.status === 'completed' ? 'Result' : 'Kept so far', kept || undefined],
          ...kindFacts(job),
          ['Begun', exact(job.created_at)],
          [isActive(job) ? 'Last step' : 'Ended', exact(job.updated_at)],
          ['Took', isActive(job) ? undefined : duration(took)],
          ['Tries since the last step', job.attempts > 1 ? count(job.attempts) : undefined],
          ['Id', <code key="id">{job.job_id}</code>],
        ]}
      />
    </div>
  );
}

export function JobPane({ id, close }: { id: string; close: () => void }) {
  const job = useJob(id);

  return (
    <Pane label={`Job ${id}`} close={close}>
      {job.data ? <Body job={job.data} /> : job.isError ? (
        <Failure error={job.error} what="The job could not be read." retry={() => void job.refetch()} />
      ) : <SkeletonRows rows={4} />}
    </Pane>
  );
}
