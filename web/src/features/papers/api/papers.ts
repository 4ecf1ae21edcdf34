import {
  keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient,
  type InfiniteData, type QueryClient,
} from '@tanstack/react-query';
import { toastError } from '@/components/feedback/toasts';
import { api, reply } from '@/lib/api/client';
import type { Got, Paper, Params } from '@/lib/api/types';

export type Filters = Omit<Params<'/api/papers/'>, 'page' | 'page_size' | 'cursor' | 'ids'>;
export type PaperPage = Got<'/api/papers/'>;
export type PaperDetail = Got<'/api/papers/{id}/'>;

// Enough for a screen and its reserve, little enough to be read in one frame.
const page_size = 50;

function nextCursor(page: PaperPage): string | undefined {
  return page.next === null ? undefined : (new URL(page.next).searchParams.get('cursor') ?? undefined);
}

function nextPage(page: PaperPage): number | undefined {
  return page.next === null ? undefined : Number(new URL(page.next).searchParams.get('page'));
}

/**
 * All papers that match, page by page.  The cursor holds its place while rows
 * arrive; the order by rank has none, and takes page numbers.
 */
export function usePapers(filters: Filters) {
  const ranked = filters.ordering === '-rank';

  return useInfiniteQuery({
    queryKey: ['papers', 'list', filters],
    queryFn: ({ pageParam, signal }) =>
      reply(api.GET('/api/papers/', {
        params: {
          query: {
            ...filters, page_size,
            ...(ranked ? { page: Number(pageParam || 1) } : { cursor: String(pageParam) }),
          },
        },
        signal,
      })),
    initialPageParam: '' as string | number,
    getNextPageParam: ranked ? nextPage : nextCursor,
    placeholderData: keepPreviousData,
  });
}

/** Begin anew with what is first now: not with all that was scrolled through. */
export function refreshPapers(queries: QueryClient) {
  queries.setQueriesData<InfiniteData<PaperPage>>({ queryKey: ['papers', 'list'] }, (data) =>
    data && { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) });
  void queries.invalidateQueries({ queryKey: ['papers'] });
}

export function usePaperCount(filters: Filters) {
  return useQuery({
    queryKey: ['papers', 'count', filters],
    queryFn: async ({ signal }) => {
      const page = await reply(api.GET('/api/papers/', { params: { query: { ...filters, page_size: 1 } }, signal }));

      return page.count ?? 0;
    },
    placeholderData: keepPreviousData,
  });
}

/** A row that is on the screen is shown at once, until the detail is here. */
export function usePaper(id: number) {
  const queries = useQueryClient();

  return useQuery<PaperDetail>({
    queryKey: ['papers', 'one', id],
    queryFn: ({ signal }) => reply(api.GET('/api/papers/{id}/', { params: { path: { id } }, signal })),
    placeholderData: () => {
      const row = rowsOf(queries).find((paper) => paper.id === id);

      return row && ({ ...row, note: '', marked_at: null } as unknown as PaperDetail);
    },
  });
}

export function useSimilar(id: number) {
  return useQuery({
    queryKey: ['papers', 'similar', id],
    queryFn: ({ signal }) =>
      reply(api.GET('/api/papers/{id}/similar/', { params: { path: { id }, query: { k: 5 } }, signal })),
    staleTime: 5 * 60_000,
  });
}

function rowsOf(queries: QueryClient): Paper[] {
  return queries
    .getQueriesData<InfiniteData<PaperPage>>({ queryKey: ['papers', 'list'] })
    .flatMap(([, data]) => data?.pages ?? [])
    .flatMap((page) => page.results);
}

export interface Marks {
  read?: boolean;
  starred?: boolean;
  note?: string;
}

function patchPaper<T extends Paper>(paper: T, ids: Set<number>, marks: Marks): T {
  if (!ids.has(paper.id)) return paper;
  return {
    ...paper, ...marks,
    has_note: marks.note === undefined ? paper.has_note : marks.note.trim() !== '',
  };
}

/** Everywhere a paper is shown. */
function patchAll(queries: QueryClient, ids: Set<number>, marks: Marks) {
  queries.setQueriesData<InfiniteData<PaperPage>>({ queryKey: ['papers', 'list'] }, (data) =>
    data && {
      ...data,
      pages: data.pages.map((page) => ({ ...page, results: page.results.map((p) => patchPaper(p, ids, marks)) })),
    });
  queries.setQueriesData<PaperPage>({ queryKey: ['papers', 'today'] }, (page) =>
    page && { ...page, results: page.results.map((p) => patchPaper(p, ids, marks)) });
  for (const id of ids) {
    queries.setQueryData<PaperDetail>(['papers', 'one', id], (p) => p && patchPaper(p, ids, marks));
  }
}

/** Marks are safe to show before the server has them: what it refuses is put
 *  right by asking again. */
export function useMark() {
  const queries = useQueryClient();
  const mark = useMutation({
    mutationFn: async ({ ids, marks }: { ids: number[]; marks: Marks }) => {
      const [first] = ids;

      if (ids.length === 1 && first !== undefined) {
        await reply(api.PATCH('/api/papers/{id}/marks/', { params: { path: { id: first } }, body: marks }));
      } else {
        const { read, starred } = marks;

        for (let i = 0; i < ids.length; i += 500) {
          await reply(api.POST('/api/papers/marks/', { body: { ids: ids.slice(i, i + 500), read, starred } }));
        }
      }
    },
    onMutate: ({ ids, marks }) => { patchAll(queries, new Set(ids), marks); },
    onError: (error) => {
      toastError(error);
      void queries.invalidateQueries({ queryKey: ['papers'] });
    },
  });

  return mark.mutate;
}

/** The text of an export, as for the clipboard. */
export async function exported(format: 'bibtex' | 'ris' | 'csv' | 'jsonl', ids: number[]): Promise<string> {
  return reply(
    api.GET('/api/papers/export/', { params: { query: { format, ids: ids.join(',') } }, parseAs: 'text' }),
  );
}

export function exportUrl(format: string, query: Record<string, unknown>): string {
  const params = new URLSearchParams({ format });

  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') params.set(name, String(value as string | number | boolean));
  }
  // A request line has room for a thousand numbers with plain commas only.
  return `/api/papers/export/?${params.toString().replaceAll('%2C', ',')}`;
}
