import { counted } from '@/lib/format';
import type { Schedule } from './schedules';

const units: Record<string, string> = { m: 'minute', h: 'hour', d: 'day' };

/** "24h" and "1d" -> "day"; "90m" -> "90 minutes". */
function span(every: string): string {
  const [, n = '', unit = ''] = /^(\d+)([mhd])$/.exec(every) ?? [];
  const hours = Number(n) * (unit === 'd' ? 24 : 1);

  if (!(unit in units)) return every;
  if (unit !== 'm' && hours % 24 === 0) return hours === 24 ? 'day' : counted(hours / 24, 'day');
  return Number(n) === 1 ? (units[unit] ?? '') : counted(Number(n), units[unit] ?? '');
}

/** "Every day at 06:00 (Europe/Berlin)" */
export function everyWords(one: Pick<Schedule, 'every' | 'at' | 'tz'>): string {
  return one.at === null ? `Every ${span(one.every)}` : `Every ${span(one.every)} at ${one.at} (${one.tz})`;
}
