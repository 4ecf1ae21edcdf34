import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, reply } from '@/lib/api/client';
import type { Document } from '@/lib/api/types';
import { cutBlock, rangeOf } from './blocks';

export function useDocument(id: string) {
  return useQuery({
    queryKey: ['documents', 'one', id],
    queryFn: ({ signal }) => reply(api.GET('/documents/{id}', { params: { path: { id } }, signal })),
  });
}

/* A version never changes: what was read of it is right as long as it is there. */
const once = { staleTime: Infinity };

export function useOutline({ id, job_id }: Document) {
  return useQuery({
    ...once,
    queryKey: ['documents', 'outline', id, job_id],
    queryFn: ({ signal }) => reply(api.GET('/documents/{id}/outline', { params: { path: { id } }, signal })),
  });
}

export function blockQuery({ id, job_id, chars }: Document, n: number) {
  return queryOptions({
    ...once,
    queryKey: ['documents', 'text', id, job_id, n],
    queryFn: async ({ signal }) => {
      const part = await reply(
        api.GET('/documents/{id}/text', { params: { path: { id }, query: rangeOf(n, chars) }, signal }),
      );

      return cutBlock(n, part.text, chars);
    },
  });
}
