import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { toast, toastError, toastUndo } from '@/components/feedback/toasts';
import { api, reply } from '@/lib/api/client';
import type { Got, Row } from '@/lib/api/types';

type Page = Got<'/schedules/'>;
export type Schedule = Row<Page>;
export type CoverageDay = Row<Got<'/api/coverage/'>>;

export function useSchedules() {
  return useQuery({
    queryKey: ['schedules', 'list'],
    queryFn: ({ signal }) => reply(api.GET('/schedules/', { params: { query: { page_size: 100 } }, signal })),
    refetchInterval: 30_000,
  });
}

function withOne(page: Page | undefined, one: Schedule): Page | undefined {
  return page && { ...page, results: page.results.map((old) => (old.id === one.id ? one : old)) };
}

/** On and off at once; put back when the server says no. */
export function useEnable() {
  const queries = useQueryClient();

  return useMutation({
    mutationFn: (one: Schedule) =>
      reply(api.PATCH('/schedules/{id}', { params: { path: { id: one.id } }, body: { enabled: one.enabled } })),
    onMutate: (one) => { queries.setQueryData<Page>(['schedules', 'list'], (old) => withOne(old, one)); },
    onError: toastError,
    onSettled: () => queries.invalidateQueries({ queryKey: ['schedules'] }),
  });
}

/** Gone from the list at once, and for good when the time for undo is over. */
export function useDeletion() {
  const queries = useQueryClient();
  const [going, setGoing] = useState<ReadonlySet<number>>(new Set());
  const back = (id: number) => {
    setGoing((old) => {
      const next = new Set(old);

      next.delete(id);
      return next;
    });
  };
  const commit = async (id: number) => {
    try {
      // Also when the desk is closed before the time for undo is over.
      await reply(api.DELETE('/schedules/{id}', { params: { path: { id } }, keepalive: true }));
    } catch (error) {
      toastError(error);
    }
    await queries.invalidateQueries({ queryKey: ['schedules'] });
    back(id);
  };
  const remove = (id: number) => {
    setGoing((old) => new Set(old).add(id));
    toastUndo('The schedule is deleted.', () => void commit(id), () => { back(id); });
  };

  return { going, remove };
}

export function useCoverage() {
  return useQuery({
    queryKey: ['coverage'],
    queryFn: ({ signal }) => reply(api.GET('/api/coverage/', { params: { query: { page_size: 100 } }, signal })),
    refetchInterval: 60_000,
  });
}

export function useCheck(days: number) {
  const queries = useQueryClient();

  return useMutation({
    mutationFn: () => reply(api.POST('/api/coverage/check', { body: { days } })),
    onSuccess: () => {
      toast('Asking arXiv how many papers each day had. It takes a moment.');
      void queries.invalidateQueries({ queryKey: ['jobs'] });
    },
    onError: toastError,
  });
}
