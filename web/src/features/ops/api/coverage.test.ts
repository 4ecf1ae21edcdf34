import { expect, test } from 'vitest';
import { calendar, gapLink } from './coverage';

const day = (category: string, date: string, missing = 0) => ({
  category, day: date, expected: 10, stored: 10 - missing, missing, checked_at: null,
});

test('a day that nobody looked at is a hole in the row, not a shift', () => {
  const { days, rows } = calendar([day('cs.LG', '2026-03-01'), day('cs.AI', '2026-02-27', 3), day('cs.AI', '2026-03-01')]);

  expect(days).toEqual(['2026-03-01', '2026-02-28', '2026-02-27']);
  expect(rows.map((row) => row.category)).toEqual(['cs.AI', 'cs.LG']);
  expect(rows[0]?.days.map((one) => one?.missing)).toEqual([0, undefined, 3]);
  expect(calendar([])).toEqual({ days: [], rows: [] });
});

test('a gap is fetched by its day', () => {
  const link = gapLink(day('cs.AI', '2026-03-01', 3), Date.parse('2026-03-04T12:00:00Z'));
  const params = new URL(link, 'http://x').searchParams;

  expect(params.get('days')).toBe('4');
  expect(params.get('query')).toBe('submittedDate:[202603010000 TO 202603012359]');
  expect(params.get('arxiv_categories')).toBe('cs.AI');
});
