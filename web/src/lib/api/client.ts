import createClient from 'openapi-fetch';
import { ApiError, NetworkError } from './errors';
import type { paths } from './schema';

/** The one client of sheaf's API; its types are made from /openapi.json. */
export const api = createClient<paths>({ baseUrl: '/', credentials: 'same-origin' });

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * The reply of a call, or an error that can be shown to a person as it is.
 *
 *     queryFn: ({ signal }) => reply(api.GET('/jobs/', { signal }))
 */
export async function reply<T>(call: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>;

  try {
    outcome = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new NetworkError();
  }
  if (!outcome.response.ok) throw ApiError.from(outcome.response, outcome.error);
  return outcome.data as T;
}
