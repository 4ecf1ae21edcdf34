import { keepPreviousData, useQueries } from '@tanstack/react-query';
import { api, reply } from '@/lib/api/client';
import type { Params } from '@/lib/api/types';
import { quoteOfPassage } from './quote';

export type Mode = NonNullable<Params<'/query'>['mode']>;

export const modes: { value: Mode; label: string }[] = [
  { value: 'hybrid', label: 'Meaning and words' },
  { value: 'semantic', label: 'Meaning' },
  { value: 'keyword', label: 'Words' },
];

export const collections = [
  { value: 'portfolio_documents', label: 'Documents', name: 'In documents' },
  { value: 'papers', label: 'Papers', name: 'In papers' },
];

export const sizes = [3, 5, 10, 20];

export interface Search {
  q: string;
  mode: Mode;
  k: number;
  collection?: string;
  document?: string;
}

/** Passages of each collection that is searched. */
export function usePassages({ q, mode, k, collection, document }: Search) {
  const where = document === undefined ? undefined : JSON.stringify({ document_id: document });
  const wanted = collections.filter(({ value }) =>
    document === undefined ? collection === undefined || value === collection : value === 'portfolio_documents');
  const found = useQueries({
    queries: wanted.map(({ value }) => {
      const query = { q, mode, k, collection: value, ...(where === undefined ? {} : { where }) };

      return {
        queryKey: ['documents', 'passages', query],
        enabled: q !== '',
        placeholderData: keepPreviousData,
        queryFn: async ({ signal }: { signal: AbortSignal }) => {
          const { results, warning, took_ms, metric } = await reply(api.GET('/query', { params: { query }, signal }));

          return { quotes: results.map(quoteOfPassage), warning, ms: took_ms.total, metric };
        },
      };
    }),
  });

  return wanted.map((c, i) => ({ ...c, found: found[i] as NonNullable<(typeof found)[number]> }));
}
