import { describe, expect, it } from 'vitest';
import { ago, authors, bytes, counted, duration } from './format';

const now = Date.parse('2026-11-28T12:00:00Z');

describe('ago', () => {
  it.each([
    ['2026-11-28T11:59:50Z', /now/],
    ['2026-11-28T11:30:00Z', /30 min/],
    ['2026-11-28T06:00:00Z', /6 hr/],
    ['2026-11-27T09:00:00Z', /yesterday/],
    ['2026-11-24T12:00:00Z', /4 days/],
    ['2026-03-04T12:00:00Z', /4/],
    ['2024-03-04T12:00:00Z', /2024/],
  ])('%s', (iso, words) => {
    expect(ago(iso, now)).toMatch(words);
  });
  it('says nothing of what is no time', () => {
    expect(ago('soon', now)).toBe('');
  });
});

it('counts', () => {
  expect(counted(1, 'paper')).toBe('1 paper');
  expect(counted(0, 'match', 'matches')).toBe('0 matches');
  expect(authors(['A', 'B', 'C', 'D'])).toBe('A, B + 2');
  expect(authors(['A'])).toBe('A');
  expect(bytes(999)).toMatch(/999/);
  expect(bytes(1_500_000)).toMatch(/1.5/);
  expect(duration(61)).toBe('61 s');
  expect(duration(4800)).toBe('80 min');
  expect(duration(7260)).toBe('2 h 1 min');
});
