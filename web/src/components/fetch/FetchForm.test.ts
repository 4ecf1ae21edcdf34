import { expect, test } from 'vitest';
import { ApiError } from '@/lib/api/errors';
import { errorAt, listOf, usual, wantedBody, wantedIsValid } from './FetchForm';

test('what is empty is left out', () => {
  expect(wantedBody(usual)).toEqual({ category: 'all', days: 7, max_results: 50 });
  expect(wantedBody({ ...usual, query: ' ti:x ', arxiv_categories: 'cs.AI,cs.LG ' })).toEqual({
    category: 'all', days: 7, max_results: 50, query: 'ti:x', arxiv_categories: ['cs.AI', 'cs.LG'],
  });
});

test('numbers are whole and in their range', () => {
  expect(wantedIsValid(usual)).toBe(true);
  for (const days of ['', '0', '366', '1.5', 'x']) expect(wantedIsValid({ ...usual, days })).toBe(false);
  expect(wantedIsValid({ ...usual, max_results: '2001' })).toBe(false);
});

test('an error is shown at its field', () => {
  const error = new ApiError(400, 'no such category', 'category');

  expect(errorAt(error, 'category')).toBe('no such category');
  expect(errorAt(error, 'days')).toBeUndefined();
  expect(errorAt(new Error('away'), 'days')).toBeUndefined();
});

test('lists may be written with commas or spaces', () => {
  expect(listOf(' cs.AI  cs.LG,,cs.CV')).toEqual(['cs.AI', 'cs.LG', 'cs.CV']);
  expect(listOf('  ')).toEqual([]);
});
