import { QueryCache, QueryClient } from '@tanstack/react-query';
import { isPassing, needsLogin } from './api/errors';

/** `onLoginNeeded`: the server wants the token for what was asked. */
export function makeQueryClient(onLoginNeeded: () => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (needsLogin(error)) onLoginNeeded();
      },
    }),
    defaultOptions: {
      queries: {
        // The desk talks to a machine that may well be this one: whether the
        // browser thinks that it is online says nothing.
        networkMode: 'always',
        staleTime: 15_000,
        gcTime: 10 * 60_000,
        retry: (failures, error) => isPassing(error) && failures < 2,
        retryDelay: (attempt) => 300 * 3 ** attempt,
      },
      mutations: { networkMode: 'always', retry: false },
    },
  });
}
