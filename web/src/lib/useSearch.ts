import { useCallback } from 'react';
import { useSearchParams } from 'react-router';

/** The URL carries the state of a view: `patch({ q: 'x', page: null })`. */
export function useSearch(): [
  URLSearchParams,
  (change: Record<string, string | null>, options?: { replace?: boolean }) => void,
] {
  const [params, set] = useSearchParams();
  const patch = useCallback(
    (change: Record<string, string | null>, options?: { replace?: boolean }) => {
      set(
        (old) => {
          const next = new URLSearchParams(old);

          for (const [name, value] of Object.entries(change)) {
            if (value === null || value === '') next.delete(name);
            else next.set(name, value);
          }
          return next;
        },
        { replace: options?.replace ?? false, preventScrollReset: true },
      );
    },
    [set],
  );

  return [params, patch];
}
