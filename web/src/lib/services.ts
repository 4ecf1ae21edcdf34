import { useQuery } from '@tanstack/react-query';
import { api, reply } from './api/client';
import type { Session } from './api/types';
import { keep, readKept } from './kept';

/** What a desk can be without. */
export type Service = 'scraper' | 'backend' | 'processor' | 'analytics';

const key = 'services';

export function useSession() {
  return useQuery({
    queryKey: ['session'],
    queryFn: async ({ signal }) => {
      const session = await reply(api.GET('/session', { signal }));

      keep(key, session.services);
      return session;
    },
  });
}

/**
 * Is it at this address?  As the server says; until it has, as it said last
 * time, so that only the very first page waits for that.  A server that says
 * nothing may have everything.
 */
export function hasService(
  name: Service, session: Pick<Session, 'services'> | undefined, failed: boolean, before: string[] | undefined,
): boolean | undefined {
  const services = session?.services ?? before;

  return services ? services.includes(name) : failed || undefined;
}

/** Asks whether the server at this address runs a service.  Undefined: not known yet. */
export function useHas(): (name: Service) => boolean | undefined {
  const { data, isError } = useSession();
  const before = readKept<string[] | undefined>(key, undefined);

  return (name) => hasService(name, data, isError, before);
}

export function useService(name: Service): boolean | undefined {
  return useHas()(name);
}
