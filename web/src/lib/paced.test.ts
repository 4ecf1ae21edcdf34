import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { paced } from './paced';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

test('runs at once, and once more for all that came meanwhile', () => {
  const run = vi.fn();
  const { ask } = paced(run, 250);

  for (let i = 0; i < 10; i++) ask();
  expect(run).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(249);
  expect(run).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(1000);
  expect(run).toHaveBeenCalledTimes(2);
});

test('never more often than said', () => {
  const run = vi.fn();
  const { ask } = paced(run, 250);

  for (let i = 0; i < 99; i++) {
    ask();
    vi.advanceTimersByTime(10);
  }
  expect(run).toHaveBeenCalledTimes(4);
});

test('what was stopped does not run', () => {
  const run = vi.fn();
  const { ask, stop } = paced(run, 250);

  ask();
  ask();
  stop();
  vi.advanceTimersByTime(1000);
  expect(run).toHaveBeenCalledTimes(1);
});
