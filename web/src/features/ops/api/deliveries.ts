import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { toast, toastError } from '@/components/feedback/toasts';
import { api, reply } from '@/lib/api/client';
import type { Got, Row } from '@/lib/api/types';

export type Delivery = Row<Got<'/api/webhook-deliveries/'>>;
export type DeliveryDetail = Got<'/api/webhook-deliveries/{id}/'>;
export type Shown = 'all' | Delivery['status'];

export const shown: { value: Shown; name: string }[] = [
  { value: 'all', name: 'All' },
  { value: 'pending', name: 'On its way' },
  { value: 'delivered', name: 'Delivered' },
  { value: 'dead', name: 'Given up' },
];

export function useDeliveries(status: Shown, job: string | null) {
  return useInfiniteQuery({
    queryKey: ['deliveries', 'list', status, job],
    queryFn: ({ pageParam, signal }) => reply(api.GET('/api/webhook-deliveries/', {
      params: {
        query: {
          page: pageParam, page_size: 50,
          ...(status === 'all' ? {} : { status }), ...(job === null ? {} : { job_id: job }),
        },
      },
      signal,
    })),
    initialPageParam: 1,
    getNextPageParam: (last, all) => (last.next === null ? undefined : all.length + 1),
    refetchInterval: (query) =>
      (query.state.data?.pages.some((page) => page.results.some((one) => one.status === 'pending')) ? 3000 : 30_000),
  });
}

export function useDelivery(id: number) {
  return useQuery({
    queryKey: ['deliveries', 'one', id],
    queryFn: ({ signal }) => reply(api.GET('/api/webhook-deliveries/{id}/', { params: { path: { id } }, signal })),
    refetchInterval: (query) => (query.state.data?.status === 'pending' ? 3000 : false),
  });
}

export function useReplay() {
  const queries = useQueryClient();

  return useMutation({
    mutationFn: (id: number) => reply(api.POST('/api/webhook-deliveries/{id}/replay/', { params: { path: { id } } })),
    onSuccess: () => { toast('On its way again. A receiver that has it already changes nothing.'); },
    onError: toastError,
    onSettled: () => queries.invalidateQueries({ queryKey: ['deliveries'] }),
  });
}

export function useTest() {
  return useMutation({
    mutationFn: () => reply(api.POST('/api/webhook-deliveries/test/')),
  });
}
