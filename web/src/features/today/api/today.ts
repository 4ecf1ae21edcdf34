import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { api, reply } from '@/lib/api/client';
import type { Got, Job } from '@/lib/api/types';
import { isActive } from '@/lib/jobs';
import { useService } from '@/lib/services';
import { useLive } from '@/lib/socket';
import { lastVisit } from '@/lib/visit';

const day_ms = 86_400_000;
const best = 25;
const active = ['jobs', 'active'];

/** What is new: since the last visit; at the first one, of the last week. */
export const since = lastVisit ?? new Date(Date.now() - 7 * day_ms).toISOString();

export function useNewPapers() {
  return useQuery({
    queryKey: ['papers', 'today', since],
    queryFn: ({ signal }) =>
      reply(api.GET('/api/papers/', {
        params: { query: { created_after: since, ordering: '-relevance_score', page_size: best } }, signal,
      })),
  });
}

/** When nothing is new there is still something worth reading. */
export function useUnread(enabled: boolean) {
  return useQuery({
    queryKey: ['papers', 'today', 'unread'], enabled,
    queryFn: ({ signal }) =>
      reply(api.GET('/api/papers/', {
        params: { query: { read: false, ordering: '-relevance_score', page_size: 10 } }, signal,
      })),
  });
}

export function useDocumentCount() {
  return useQuery({
    queryKey: ['documents', 'count'], enabled: useService('processor') === true,
    queryFn: async ({ signal }) =>
      (await reply(api.GET('/documents/', { params: { query: { page_size: 1 } }, signal }))).count,
  });
}

export function useViewsToday() {
  const tz = Intl.DateTimeFormat().resolvedOptions().timeZone;

  return useQuery({
    queryKey: ['stats', 'views', 'today', tz], enabled: useService('analytics') === true,
    queryFn: ({ signal }) => {
      const from = new Date();

      from.setHours(0, 0, 0, 0);
      return reply(
        api.GET('/stats/pageviews', { params: { query: { interval: 'day', tz, from: from.toISOString() } }, signal }),
      );
    },
    refetchInterval: 30_000,
  });
}

/** What runs now: as the socket tells, and asked for now and then without it. */
export function useRunningJobs() {
  const queries = useQueryClient();

  useLive('job_progress', useCallback((job: Job) => {
    queries.setQueryData<Got<'/jobs/'>>(active, (page) =>
      page && { ...page, results: [job, ...page.results.filter((old) => old.job_id !== job.job_id)] });
  }, [queries]));
  return useQuery({
    queryKey: active,
    queryFn: ({ signal }) => reply(api.GET('/jobs/', { params: { query: { page_size: 20 } }, signal })),
    refetchInterval: 15_000,
    select: (page) => page.results.filter(isActive),
  });
}
