import { keepPreviousData, useInfiniteQuery, useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { useCallback, useSyncExternalStore } from 'react';
import { toastError, toastUndo } from '@/components/feedback/toasts';
import { api, reply } from '@/lib/api/client';
import type { Document, Got, Params } from '@/lib/api/types';

const page_size = 50;

type Page = Got<'/documents/'>;

export type Ordering = NonNullable<Params<'/documents/'>['ordering']>;

export const orderings: { value: Ordering; label: string }[] = [
  { value: '-updated_at', label: 'Newest' },
  { value: 'updated_at', label: 'Oldest' },
  { value: 'title', label: 'Title' },
  { value: '-bytes', label: 'Largest' },
];

export function useDocuments(search: string, ordering: Ordering) {
  const query = { ordering, page_size, ...(search === '' ? {} : { search }) };

  return useInfiniteQuery({
    queryKey: ['documents', 'list', query],
    initialPageParam: 1,
    placeholderData: keepPreviousData,
    queryFn: ({ pageParam, signal }) =>
      reply(api.GET('/documents/', { params: { query: { ...query, page: pageParam } }, signal })),
    getNextPageParam: (page: Page, pages) => (page.next === null ? undefined : pages.length + 1),
  });
}

/** All rows once: those that arrive meanwhile push others onto the next page. */
export function rowsOf(data: InfiniteData<Page> | undefined, without: ReadonlySet<string>): Document[] {
  const rows = new Map<string, Document>();

  for (const page of data?.pages ?? []) {
    for (const row of page.results) if (!without.has(row.id)) rows.set(row.id, row);
  }
  return [...rows.values()];
}

/* Documents that go when the time for undoing is over. */
const watchers = new Set<() => void>();
let going: ReadonlySet<string> = new Set();

function setGoing(id: string, on: boolean) {
  const next = new Set(going);

  if (on) next.add(id);
  else next.delete(id);
  going = next;
  for (const told of watchers) told();
}

function watch(told: () => void) {
  watchers.add(told);
  return () => { watchers.delete(told); };
}

export const useGoing = (): ReadonlySet<string> => useSyncExternalStore(watch, () => going);

export function useDelete(): (document: Pick<Document, 'id' | 'title'>) => void {
  const queries = useQueryClient();

  return useCallback(({ id, title }) => {
    const back = () => { setGoing(id, false); };
    const commit = async () => {
      try {
        // It must outlive the page: this is also called when that is left.
        await reply(api.DELETE('/documents/{id}', { params: { path: { id } }, keepalive: true }));
        await queries.invalidateQueries({ queryKey: ['documents'] });
      } catch (error) {
        toastError(error);
      }
      back();
    };

    setGoing(id, true);
    toastUndo(`“${short(title)}” is deleted.`, () => void commit(), back);
  }, [queries]);
}

function short(title: string): string {
  return title.length > 60 ? `${title.slice(0, 60).trimEnd()}…` : title;
}
