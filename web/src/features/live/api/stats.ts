import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api, reply } from '@/lib/api/client';
import type { Got } from '@/lib/api/types';
import { dateOf, dayBefore, hourOf, zone } from './days';

export type Interval = 'minute' | 'hour' | 'day';
export type Series = Got<'/stats/pageviews'>;

/** What each length of a point shows; the lists below the chart say the same stretch. */
export const spans: { value: Interval; name: string; of: string; ms: number }[] = [
  { value: 'minute', name: 'Hour', of: 'the last hour', ms: 3_600_000 },
  { value: 'hour', name: 'Day', of: 'the last 24 hours', ms: 86_400_000 },
  { value: 'day', name: '30 days', of: 'the last 30 days', ms: 30 * 86_400_000 },
];

export function readInterval(text: string | null): Interval {
  return spans.find((span) => span.value === text)?.value ?? 'hour';
}

/** Where the stretch begins, to the minute: so lists that are asked for in the
 *  same minute are the same query for the server. */
function begin(interval: Interval): string {
  const ms = spans.find((span) => span.value === interval)?.ms ?? 0;

  return new Date(Math.floor((Date.now() - ms) / 60_000) * 60_000).toISOString();
}

export function useSeries(interval: Interval, page: string | null) {
  return useQuery({
    queryKey: ['stats', 'series', interval, page],
    queryFn: ({ signal }) => reply(api.GET('/stats/pageviews', {
      params: { query: { interval, tz: zone(), ...(page === null ? {} : { page }) } }, signal,
    })),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}

async function viewsBetween(interval: Interval, from: string, to: string, signal: AbortSignal) {
  const series = await reply(api.GET('/stats/pageviews', {
    params: { query: { interval, from, to, tz: zone() } }, signal,
  }));

  return series.views;
}

/** Views of today, and of yesterday by this time. */
export function useToday() {
  return useQuery({
    queryKey: ['stats', 'today'],
    queryFn: async ({ signal }) => {
      const now = new Date();
      const then = dayBefore(now);
      const hour = hourOf(then);
      const today = dateOf(now);
      const [views, hours, minutes] = await Promise.all([
        viewsBetween('hour', today, today, signal),
        then.getHours() === 0 ? 0 : viewsBetween('hour', dateOf(then), hour.toISOString(), signal),
        then > hour ? viewsBetween('minute', hour.toISOString(), then.toISOString(), signal) : 0,
      ]);

      return { views, before: hours + minutes };
    },
    refetchInterval: 60_000,
  });
}

/** Different readers by day; days are those of UTC, since a reader is told
 *  apart within such a day only. */
export function useVisitors() {
  return useQuery({
    queryKey: ['stats', 'visitors'],
    queryFn: async ({ signal }) => {
      const { days } = await reply(api.GET('/stats/visitors', { params: { query: { days: 2 } }, signal }));
      const of = (ms: number) => {
        const day = new Date(ms).toISOString().slice(0, 10);

        return days.find((one) => one.day === day)?.visitors ?? 0;
      };

      return { visitors: of(Date.now()), before: of(Date.now() - 86_400_000) };
    },
    refetchInterval: 60_000,
  });
}

export type RankBy = 'page' | 'referrer' | 'bot';

export interface Ranked {
  name: string;
  title?: string;
  count: number;
}

export function useTop(by: RankBy, interval: Interval) {
  return useQuery({
    queryKey: ['stats', 'top', by, interval],
    queryFn: async ({ signal }) => {
      const top = await reply(api.GET('/stats/top', {
        params: { query: { by, from: begin(interval), limit: 20 } }, signal,
      }));

      return top.results.map((row): Ranked => {
        if ('page' in row) return { name: row.page, title: row.title, count: row.count };
        return { name: 'referrer' in row ? row.referrer : row.bot, count: row.count };
      });
    },
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}

export function forgetPage(page: string) {
  return reply(api.DELETE('/stats/pages', {
    // Also when the desk is closed before the time for undo is over.
    params: { query: { page } }, keepalive: true,
  }));
}
