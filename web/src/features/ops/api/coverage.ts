import type { CoverageDay } from './schedules';

/** The days of a category, as a row of a calendar. */
export interface CoverageRow {
  category: string;
  days: (CoverageDay | undefined)[];
}

/** Days without a hole in between, the newest first, and a row a category. */
export function calendar(all: CoverageDay[]): { days: string[]; rows: CoverageRow[] } {
  const known = new Map(all.map((one) => [`${one.category} ${one.day}`, one]));
  const sorted = all.map((one) => one.day).sort();
  const days = between(sorted[0], sorted.at(-1));
  const categories = [...new Set(all.map((one) => one.category))].sort();

  return {
    days,
    rows: categories.map((category) => ({
      category, days: days.map((day) => known.get(`${category} ${day}`)),
    })),
  };
}

const day_ms = 86_400_000;
const shown = 31;

function between(first: string | undefined, last: string | undefined): string[] {
  const days: string[] = [];

  if (first === undefined || last === undefined) return days;
  for (let at = Date.parse(last); at >= Date.parse(first) && days.length < shown; at -= day_ms) {
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  return days;
}

/** Where the form begins that fetches what is missing: that day alone (UTC). */
export function gapLink(gap: CoverageDay, now = Date.now()): string {
  const ago = Math.ceil((now - Date.parse(gap.day)) / day_ms);
  const day = gap.day.replaceAll('-', '');

  return `/ops/jobs?${new URLSearchParams({
    fetch: '1', days: String(Math.min(365, Math.max(1, ago))), max_results: '2000',
    arxiv_categories: gap.category, query: `submittedDate:[${day}0000 TO ${day}2359]`,
  }).toString()}`;
}
