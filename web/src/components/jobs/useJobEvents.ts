import { useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { useCallback } from 'react';
import type { Got, Job } from '@/lib/api/types';
import { doneOf, isOver } from '@/lib/jobs';
import { addSample, paceOf, type Sample } from '@/lib/pace';
import { useLive } from '@/lib/socket';

type Page = Got<'/jobs/'>;

// What was seen of running jobs, for how fast they get on; forgotten when they end.
const samples = new Map<string, Sample[]>();

function note(job: Job) {
  const done = doneOf(job);

  if (isOver(job) || !done) samples.delete(job.job_id);
  else samples.set(job.job_id, addSample(samples.get(job.job_id) ?? [], { at: Date.now(), done: done.done }));
}

/** How many a second; nothing until there is something to go by. */
export const paceOfJob = (id: string): number | undefined => paceOf(samples.get(id) ?? [], Date.now());

function isIn(data: InfiniteData<Page> | undefined, id: string): boolean {
  return data?.pages.some((page) => page.results.some((job) => job.job_id === id)) ?? false;
}

function withJob(data: InfiniteData<Page>, job: Job): InfiniteData<Page> {
  return {
    ...data,
    pages: data.pages.map((page) => ({
      ...page, results: page.results.map((old) => (old.job_id === job.job_id ? job : old)),
    })),
  };
}

/**
 * Keeps ["jobs", "one", id] and the lists under ["jobs", "list"] as the socket
 * tells.  A list that does not have the job yet, or in which it may have no
 * place any more, is asked for anew.
 */
export function useJobEvents(): void {
  const queries = useQueryClient();

  useLive('job_progress', useCallback((job: Job) => {
    note(job);
    queries.setQueryData(['jobs', 'one', job.job_id], job);
    for (const query of queries.getQueryCache().findAll({ queryKey: ['jobs', 'list'] })) {
      const data = query.state.data as InfiniteData<Page> | undefined;

      if (isIn(data, job.job_id)) {
        queries.setQueryData<InfiniteData<Page>>(query.queryKey, (old) => old && withJob(old, job));
        if (isOver(job)) void queries.invalidateQueries({ queryKey: query.queryKey });
      } else {
        void queries.invalidateQueries({ queryKey: query.queryKey });
      }
    }
  }, [queries]));
}
