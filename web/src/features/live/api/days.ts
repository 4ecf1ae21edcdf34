/** Days and hours of the reader's zone, as /stats takes them. */

export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/** "2026-03-29" in the reader's zone. */
export function dateOf(at: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');

  return `${String(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The same clock a day earlier; also when a day had 23 or 25 hours. */
export function dayBefore(at: Date): Date {
  const then = new Date(at);

  then.setDate(then.getDate() - 1);
  return then;
}

/** Where its hour began. */
export function hourOf(at: Date): Date {
  const then = new Date(at);

  then.setMinutes(0, 0, 0);
  return then;
}

/** "+12%", "−3%", or nothing to compare with. */
export function change(now: number, before: number): string | undefined {
  if (before === 0) return undefined;
  return new Intl.NumberFormat(undefined, {
    style: 'percent', maximumFractionDigits: 0, signDisplay: 'exceptZero',
  }).format((now - before) / before);
}
