import { useQuery } from '@tanstack/react-query';
import { api, reply } from '@/lib/api/client';
import type { Got } from '@/lib/api/types';

export type Readiness = Got<'/readyz'>;
export type Setting = Got<'/settings/'>['settings'][number];

function isReadiness(body: unknown): body is Readiness {
  return typeof body === 'object' && body !== null && 'checks' in body;
}

/** Not being ready is an answer as well: a 503 that says why. */
export function useReadiness() {
  return useQuery({
    queryKey: ['readyz'],
    queryFn: async ({ signal }) => {
      const outcome = api.GET('/readyz', { signal });
      const { error } = await outcome.catch(() => ({ error: undefined }));

      return isReadiness(error) ? error : reply(outcome);
    },
    refetchInterval: 10_000,
  });
}

export function useStatus() {
  return useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => reply(api.GET('/status/', { signal })),
    refetchInterval: 10_000,
  });
}

export function useSettings() {
  return useQuery({
    queryKey: ['settings'],
    queryFn: ({ signal }) => reply(api.GET('/settings/', { signal })),
    staleTime: Infinity,
  });
}
