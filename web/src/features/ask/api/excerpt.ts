import type { Units } from './quote';

const shown_units = 360;
const most_units = 600;

/** Where a word ends at or behind `at`. */
function wordEnd(text: string, at: number): number {
  const space = text.indexOf(' ', at);

  return space < 0 || space > at + 40 ? at : space;
}

/**
 * A few lines of a text around what matters, on one line and cut at spaces.
 * White space stays as long as it was, so that `lit` keeps its place.
 */
export function excerpt(whole: string, lit?: Units): { text: string; lit?: Units } {
  const text = whole.replace(/\s/g, ' ');
  const middle = lit ? (lit.from + lit.to) / 2 : 0;
  const begins = Math.max(0, Math.min(middle - shown_units / 2, lit?.from ?? 0, text.length - shown_units));
  const from = begins === 0 ? 0 : wordEnd(text, begins);
  const ends = Math.min(Math.max(from + shown_units, lit?.to ?? 0), from + most_units);
  const to = ends >= text.length ? text.length : wordEnd(text, ends);
  const before = from > 0 ? '… ' : '';
  const shift = before.length - from;

  return {
    text: `${before}${text.slice(from, to)}${to < text.length ? ' …' : ''}`,
    lit: lit && { from: Math.max(lit.from, from) + shift, to: Math.min(lit.to, to) + shift },
  };
}
