import type { Filters } from './api/papers';

/** The filters of the list as they stand in the URL, and what they mean. */
export const orders = {
  '-published_at': 'Newest',
  '-relevance_score': 'Best score',
  '-created_at': 'Latest added',
  title: 'Title',
} as const;

export const spans = { 1: 'Last 24 hours', 7: 'Last 7 days', 30: 'Last 30 days', 365: 'Last year' } as const;
export const scores = ['0.6', '0.7', '0.8', '0.9'] as const;
export const states = { unread: 'Unread', read: 'Read', starred: 'Starred', noted: 'With a note' } as const;

export const names = [
  'search', 'category', 'tag', 'author', 'days', 'from', 'to', 'score', 'state',
] as const;
export type FilterName = (typeof names)[number];

const day_ms = 86_400_000;

/** The start of an hour, so that a list keeps its key in the cache for a while. */
function since(days: number, now: number): string {
  const hour = 3_600_000;

  return new Date(Math.floor((now - days * day_ms) / hour) * hour).toISOString().replace('.000Z', 'Z');
}

const isDate = (text: string | null): text is string => text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text);

export function toFilters(params: URLSearchParams, now = Date.now()): Filters {
  const get = (name: FilterName) => params.get(name) ?? undefined;
  const filters: Filters = {};
  const days = Number(get('days'));
  const score = Number(get('score'));
  const order = params.get('sort');
  const search = get('search');

  if (search) filters.search = search;
  if (get('category')) filters.category = get('category');
  if (get('tag')) filters.tag = get('tag');
  if (get('author')) filters.author = get('author');
  if (days > 0 && days <= 36_500) filters.published_after = since(days, now);
  if (isDate(params.get('from'))) filters.published_after = params.get('from') ?? undefined;
  if (isDate(params.get('to'))) filters.published_before = `${String(params.get('to'))}T23:59:59Z`;
  if (score > 0 && score <= 1) filters.min_relevance = score;
  switch (get('state')) {
    case 'unread': filters.read = false; break;
    case 'read': filters.read = true; break;
    case 'starred': filters.starred = true; break;
    case 'noted': filters.noted = true; break;
  }
  if (order !== null && order in orders) filters.ordering = order as Filters['ordering'];
  else filters.ordering = search ? '-rank' : '-published_at';
  return filters;
}

/** For a search that is kept: without the span, which moves with the days. */
export function toKept(params: URLSearchParams): Record<string, string | number | boolean> {
  const still = new URLSearchParams(params);

  still.delete('days');
  return { ...toFilters(still) };
}

/** The URL of a search that was kept. */
export function fromKept(filters: Record<string, unknown>): string {
  const params = new URLSearchParams();
  const put = (name: string, value: unknown) => {
    if (typeof value === 'string' || typeof value === 'number') params.set(name, String(value));
  };

  for (const name of ['search', 'category', 'tag', 'author']) put(name, filters[name]);
  put('score', filters.min_relevance);
  if (typeof filters.published_after === 'string') put('from', filters.published_after.slice(0, 10));
  if (typeof filters.published_before === 'string') put('to', filters.published_before.slice(0, 10));
  if (filters.read === false) put('state', 'unread');
  if (filters.read === true) put('state', 'read');
  if (filters.starred === true) put('state', 'starred');
  if (filters.noted === true) put('state', 'noted');
  if (filters.ordering !== '-rank' && filters.ordering !== '-published_at') put('sort', filters.ordering);
  return params.toString();
}

/** "llm, last 7 days, “attention”", as a name for a saved search. */
export function describe(params: URLSearchParams): string {
  const words: string[] = [];
  const search = params.get('search');
  const days = params.get('days');
  const state = params.get('state');

  if (search) words.push(search);
  for (const name of ['category', 'tag', 'author'] as const) {
    const value = params.get(name);

    if (value) words.push(value);
  }
  if (days !== null && days in spans) words.push(spans[days as unknown as keyof typeof spans].toLowerCase());
  if (params.get('score')) words.push(`from ${params.get('score') ?? ''}`);
  if (state !== null && state in states) words.push(states[state as keyof typeof states].toLowerCase());
  return words.join(', ') || 'All papers';
}
