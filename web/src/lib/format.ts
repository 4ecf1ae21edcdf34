/** Numbers and dates in the reader's locale. */

const number = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });

export const count = (n: number): string => number.format(n);
export const short = (n: number): string => (n < 10_000 ? number.format(n) : compact.format(n));

/** "1 paper", "1,240 papers". */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${number.format(n)} ${n === 1 ? one : many}`;
}

/** "3 min. ago", "yesterday", "4 Nov", "4 Nov 2024". */
export function ago(iso: string, now = Date.now()): string {
  const then = new Date(iso);
  const seconds = (then.getTime() - now) / 1000;
  const past = Math.abs(seconds);

  if (Number.isNaN(past)) return '';
  if (past < 45) return relative.format(0, 'second');
  if (past < 3600) return relative.format(Math.round(seconds / 60), 'minute');
  if (past < 22 * 3600) return relative.format(Math.round(seconds / 3600), 'hour');
  if (past < 7 * 86_400) return relative.format(Math.round(seconds / 86_400), 'day');
  return then.getFullYear() === new Date(now).getFullYear() ? day.format(then) : dayOfYear.format(then);
}

export const exact = (iso: string): string => full.format(new Date(iso));

export function bytes(n: number): string {
  const unit = n < 1000 ? 'byte' : n < 1e6 ? 'kilobyte' : n < 1e9 ? 'megabyte' : 'gigabyte';
  const size = { byte: 1, kilobyte: 1e3, megabyte: 1e6, gigabyte: 1e9 }[unit];

  return new Intl.NumberFormat(undefined, {
    style: 'unit', unit, unitDisplay: unit === 'byte' ? 'long' : 'short', maximumFractionDigits: n < 1000 ? 0 : 1,
  }).format(n / size);
}

/** "12 s", "3 min", "1 h 20 min". */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));

  if (s < 90) return `${String(s)} s`;
  if (s < 5400) return `${String(Math.round(s / 60))} min`;
  return `${String(Math.floor(s / 3600))} h ${String(Math.round((s % 3600) / 60))} min`;
}

/** "Ada Lovelace, Alan Turing + 3" */
export function authors(names: string[], shown = 2): string {
  const first = names.slice(0, shown).join(', ');

  return names.length > shown ? `${first} + ${count(names.length - shown)}` : first;
}
