import { expect, test } from 'vitest';
import { change, dateOf, dayBefore, hourOf } from './days';

test('dates are those of the reader', () => {
  expect(dateOf(new Date(2026, 2, 9, 23, 59))).toBe('2026-03-09');
  expect(dateOf(dayBefore(new Date(2026, 2, 1, 8, 0)))).toBe('2026-02-28');
});

test('an hour begins at its first minute', () => {
  expect(hourOf(new Date(2026, 2, 9, 23, 59, 3))).toEqual(new Date(2026, 2, 9, 23, 0));
});

test('a change needs something to compare with', () => {
  expect(change(5, 0)).toBeUndefined();
  expect(change(5, 5)).toMatch(/^0/);
  expect(change(15, 10)).toMatch(/^\+50/);
  expect(change(5, 10)).toMatch(/50/);
});
