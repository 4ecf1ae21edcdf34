import { expect, test } from 'vitest';
import { Tally } from './tally';

test('an event may stand for several views', () => {
  const tally = new Tally();

  tally.take({ page: '/a', count: 10 });
  expect(tally.flush().views).toBe(1);
  tally.take({ page: '/a', count: 14 });
  tally.take({ page: '/a', count: 15 });
  expect(tally.flush()).toMatchObject({ views: 5, seen: [{ page: '/a', count: 15, views: 5 }] });
});

test('the newest page is first, and what was told is not told again', () => {
  const tally = new Tally();

  tally.take({ page: '/a', count: 1 });
  tally.take({ page: '/b', count: 1 });
  tally.take({ page: '/a', count: 2 });
  expect(tally.flush().seen.map((s) => s.page)).toEqual(['/a', '/b']);
  expect(tally.flush()).toEqual({ views: 0, seen: [] });
});

test('a page that was forgotten begins anew', () => {
  const tally = new Tally();

  tally.take({ page: '/a', count: 100 });
  tally.flush();
  tally.take({ page: '/a', count: 1 });
  expect(tally.flush().views).toBe(1);
});
