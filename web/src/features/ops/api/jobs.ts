import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { toastError } from '@/components/feedback/toasts';
import { api, reply } from '@/lib/api/client';
import type { Got, Job, Params } from '@/lib/api/types';
import { isActive } from '@/lib/jobs';

type Status = NonNullable<Params<'/jobs/'>['status']>;
type Page = Got<'/jobs/'>;
export type Shown = 'all' | 'active' | 'completed' | 'failed' | 'cancelled';

export const shown: { value: Shown; name: string }[] = [
  { value: 'all', name: 'All' },
  { value: 'active', name: 'Active' },
  { value: 'completed', name: 'Done' },
  { value: 'failed', name: 'Failed' },
  { value: 'cancelled', name: 'Cancelled' },
];

function list(page: number, kind: string, status: Status | undefined, signal: AbortSignal): Promise<Page> {
  return reply(api.GET('/jobs/', {
    params: { query: { page, page_size: 50, ...(status && { status }), ...(kind && { kind }) } }, signal,
  }));
}

/** A scrape is "running" where others are "pending" and then "processing"; to a
 *  person they all are at work.  So many at once that pages are needed do not occur. */
async function active(kind: string, signal: AbortSignal): Promise<Page> {
  const pages = await Promise.all(
    (['running', 'processing', 'pending'] as const).map((status) => list(1, kind, status, signal)),
  );
  const results = pages.flatMap((page) => page.results);

  results.sort((a, b) => b.created_at.localeCompare(a.created_at));
  return { count: results.length, next: null, previous: null, results };
}

export function useJobs(status: Shown, kind: string) {
  return useInfiniteQuery({
    queryKey: ['jobs', 'list', status, kind],
    queryFn: ({ pageParam, signal }) => (status === 'active'
      ? active(kind, signal)
      : list(pageParam, kind, status === 'all' ? undefined : status, signal)),
    initialPageParam: 1,
    getNextPageParam: (last, all) => (last.next === null ? undefined : all.length + 1),
    // The socket tells; this is for what another process does.
    refetchInterval: (query) =>
      (query.state.data?.pages.some((page) => page.results.some(isActive)) ? 5000 : 30_000),
  });
}

export function useJob(id: string) {
  return useQuery({
    queryKey: ['jobs', 'one', id],
    queryFn: ({ signal }) => reply(api.GET('/jobs/{id}', { params: { path: { id } }, signal })),
    refetchInterval: (query) => (query.state.data && isActive(query.state.data) ? 5000 : false),
  });
}

function useStep(run: (job: Job) => Promise<Job>) {
  const queries = useQueryClient();

  return useMutation({
    mutationFn: run,
    onSuccess: (job) => { queries.setQueryData(['jobs', 'one', job.job_id], job); },
    onError: toastError,
    onSettled: () => queries.invalidateQueries({ queryKey: ['jobs'] }),
  });
}

export const useCancel = () =>
  useStep((job) => reply(api.DELETE('/jobs/{id}', { params: { path: { id: job.job_id } } })));
export const useRetry = () =>
  useStep((job) => reply(api.POST('/jobs/{id}/retry', { params: { path: { id: job.job_id } } })));
