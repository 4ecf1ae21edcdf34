import { expect, test } from 'vitest';
import { addSample, paceOf, type Sample } from './pace';

const seen = (...all: [number, number][]): Sample[] =>
  all.reduce<Sample[]>((samples, [at, done]) => addSample(samples, { at, done }), []);

test('two steps make a pace', () => {
  expect(paceOf(seen([0, 0], [4000, 64]), 4000)).toBe(16);
  expect(paceOf(seen([0, 0], [4000, 64]), 8000)).toBe(8);
});

test('nothing to go by yet', () => {
  expect(paceOf([], 1000)).toBeUndefined();
  expect(paceOf(seen([0, 10]), 9000)).toBeUndefined();
  expect(paceOf(seen([0, 10], [500, 20]), 500)).toBeUndefined();
});

test('what is long ago does not count, and a new beginning forgets all', () => {
  expect(paceOf(seen([0, 0], [60_000, 60], [70_000, 160]), 70_000)).toBe(10);
  expect(seen([0, 100], [1000, 3])).toEqual([{ at: 1000, done: 3 }]);
});
