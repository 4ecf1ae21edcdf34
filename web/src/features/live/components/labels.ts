import type { Interval } from '../api/stats';

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** Of a point, in the reader's zone. */
export function labelOf(start: string, interval: Interval): string {
  return (interval === 'day' ? day : clock).format(new Date(start));
}
