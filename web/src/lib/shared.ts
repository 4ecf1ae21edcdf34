import { useQuery } from '@tanstack/react-query';
import { api, reply } from './api/client';
import { useService } from './services';

/* What more than one part of the desk shows, asked for once for all of them. */

/** Who reads now. */
export function useLiveNow() {
  return useQuery({
    queryKey: ['stats', 'live'], enabled: useService('analytics') === true,
    queryFn: ({ signal }) => reply(api.GET('/stats/live', { signal })),
    refetchInterval: 10_000,
  });
}

/** How many papers there are, and of what. */
export function usePaperStats() {
  return useQuery({
    queryKey: ['papers', 'stats'], enabled: useService('backend') === true,
    queryFn: ({ signal }) => reply(api.GET('/api/stats/papers/', { signal })),
    staleTime: 60_000,
  });
}
