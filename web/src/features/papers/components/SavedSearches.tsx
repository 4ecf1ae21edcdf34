import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router';
import { toastError, toastUndo } from '@/components/feedback/toasts';
import { CloseIcon } from '@/components/icons';
import { api, reply } from '@/lib/api/client';
import type { Got } from '@/lib/api/types';
import { count } from '@/lib/format';
import { useSearch } from '@/lib/useSearch';
import { describe, fromKept, names, toKept } from '../filters';
import classes from './papers.module.css';

const key = ['searches'];

type Searches = Got<'/api/searches/'>;

function useSavedSearches() {
  const queries = useQueryClient();
  const again = () => void queries.invalidateQueries({ queryKey: key });
  const list = useQuery({ queryKey: key, queryFn: ({ signal }) => reply(api.GET('/api/searches/', { signal })) });
  const save = useMutation({
    mutationFn: (search: { name: string; filters: Record<string, string | number | boolean> }) =>
      reply(api.POST('/api/searches/', { body: search })),
    onSuccess: again, onError: toastError,
  });
  const seen = useMutation({
    mutationFn: (id: number) => reply(api.POST('/api/searches/{id}/seen/', { params: { path: { id } } })),
    onSuccess: again, onError: toastError,
  });
  const remove = (id: number, name: string) => {
    const before = queries.getQueryData<Searches>(key);

    queries.setQueryData<Searches>(key, (old) => old && { ...old, results: old.results.filter((s) => s.id !== id) });
    toastUndo(
      `“${name}” is no longer kept.`,
      () => {
        reply(api.DELETE('/api/searches/{id}/', { params: { path: { id } }, keepalive: true })).catch(toastError).finally(again);
      },
      () => { queries.setQueryData(key, before); },
    );
  };

  return { list, save, seen, remove };
}

/** Searches that are kept, each with how many papers are new in it. */
export function SavedSearches() {
  const [params] = useSearch();
  const { list, save, seen, remove } = useSavedSearches();
  const query = fromKept(toKept(params));
  const searches = list.data?.results ?? [];
  const isKept = searches.some((s) => fromKept(s.filters) === query);
  const canKeep = names.some((name) => name !== 'days' && params.has(name)) && !isKept;

  if (searches.length === 0 && !canKeep) return null;
  return (
    <nav className={classes.saved} aria-label="Saved searches">
      {searches.map((search) => {
        const to = fromKept(search.filters);

        return (
          <span key={search.id} className={classes.search} data-current={to === query || undefined}>
            <Link to={`/papers?${to}`} onClick={() => { if ((search.new_count ?? 0) > 0) seen.mutate(search.id); }}>
              {search.name}
              {(search.new_count ?? 0) > 0 && (
                <span className={classes.count} title="New since you looked">
                  {count(search.new_count ?? 0)}<span className="hidden-visually"> new</span>
                </span>
              )}
            </Link>
            <button type="button" aria-label={`Do not keep ${search.name}`} onClick={() => { remove(search.id, search.name); }}>
              <CloseIcon />
            </button>
          </span>
        );
      })}
      {canKeep && (
        <button
          type="button" className={classes.clear} disabled={save.isPending}
          onClick={() => { save.mutate({ name: describe(params).slice(0, 100), filters: toKept(params) }); }}
        >
          Save this search
        </button>
      )}
    </nav>
  );
}
