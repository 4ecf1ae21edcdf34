import { describe as group, expect, it } from 'vitest';
import { describe, fromKept, toFilters, toKept } from './filters';

const now = Date.parse('2026-11-28T12:34:56Z');
const of = (query: string) => toFilters(new URLSearchParams(query), now);

group('toFilters', () => {
  it('orders by date, and by rank when there are words', () => {
    expect(of('')).toEqual({ ordering: '-published_at' });
    expect(of('search=llm')).toEqual({ search: 'llm', ordering: '-rank' });
    expect(of('search=llm&sort=title').ordering).toBe('title');
  });
  it('keeps the key of a span the same for an hour', () => {
    expect(of('days=7').published_after).toBe('2026-11-21T12:00:00Z');
    expect(toFilters(new URLSearchParams('days=7'), now + 60_000)).toEqual(of('days=7'));
  });
  it('takes a day to its end', () => {
    expect(of('from=2026-11-01&to=2026-11-02')).toMatchObject({
      published_after: '2026-11-01', published_before: '2026-11-02T23:59:59Z',
    });
  });
  it('drops what makes no sense', () => {
    expect(of('days=-1&score=7&sort=evil&state=odd&from=yesterday')).toEqual({ ordering: '-published_at' });
  });
  it('knows the states', () => {
    expect(of('state=unread').read).toBe(false);
    expect(of('state=starred').starred).toBe(true);
  });
});

it('describes a search in words', () => {
  expect(describe(new URLSearchParams('search=agents&category=llm&days=7&state=unread')))
    .toBe('agents, llm, last 7 days, unread');
  expect(describe(new URLSearchParams())).toBe('All papers');
});

it('keeps a search and finds its way back', () => {
  const query = 'search=agents&category=llm&score=0.7&from=2026-11-01&to=2026-11-02&state=unread&sort=title';

  expect(fromKept(toKept(new URLSearchParams(query)))).toBe(
    'search=agents&category=llm&score=0.7&from=2026-11-01&to=2026-11-02&state=unread&sort=title',
  );
  expect(fromKept(toKept(new URLSearchParams('days=7&tag=rag')))).toBe('tag=rag');
});
