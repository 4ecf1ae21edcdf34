import { expect, test } from 'vitest';
import { everyWords } from './every';

test('how often, as people say it', () => {
  const at = (every: string, time: string | null = null) => everyWords({ every, at: time, tz: 'Europe/Berlin' });

  expect(at('24h', '06:00')).toBe('Every day at 06:00 (Europe/Berlin)');
  expect(at('7d')).toBe('Every 7 days');
  expect(at('1h')).toBe('Every hour');
  expect(at('48h')).toBe('Every 2 days');
  expect(at('90m')).toBe('Every 90 minutes');
  expect(at('2w')).toBe('Every 2w');
});
