import { countChars, splitAt } from '@/lib/codepoints';
import type { Block } from './blocks';

/** A document's parts, by code points (GET /documents/{id}/outline). */
export interface Outline {
  pages: { page: number; start_char: number }[];
  headings: { level: number; title: string; start_char: number }[];
  chunks: number[][];
}

/** Characters to be marked. */
export interface Range {
  from: number;
  to: number;
}

/** A run of a block's text, and what begins where it begins. */
export interface Piece {
  at: number;
  text: string;
  lit: boolean;
  /** Number of the passage, from 1. */
  passage?: number;
  page?: number;
  /** Level of the heading that this run is. */
  heading?: number;
}

/** Of a list that rises by `key`, those with from <= key < to. */
function within<T>(list: T[], key: (item: T) => number, from: number, to: number): T[] {
  return list.slice(lowest(list, key, from), lowest(list, key, to));
}

/** Index of the first item whose key is not below `at`. */
export function lowest<T>(list: T[], key: (item: T) => number, at: number): number {
  let low = 0;
  let high = list.length;

  while (low < high) {
    const mid = (low + high) >> 1;

    if (key(list[mid] as T) < at) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** Where the line that begins at the code point `at` of the block ends. */
function lineEnd(block: Block, at: number): number {
  const [, rest = ''] = splitAt(block.text, [0, at - block.from]);
  const end = rest.indexOf('\n');

  return at + countChars(rest, end < 0 ? rest.length : end);
}

export function piecesOf(block: Block, outline: Outline, lit?: Range): Piece[] {
  const { from } = block;
  const to = from + countChars(block.text);
  const starts = new Map<number, Partial<Piece>>();
  const begin = (at: number, what: Partial<Piece>) => {
    if (at >= from && at < to) starts.set(at, { ...starts.get(at), ...what });
  };

  begin(from, {});
  if (lit) {
    begin(lit.from, {});
    begin(lit.to, {});
  }
  const passages = within(outline.chunks, (c) => c[0] ?? 0, from, to);
  const before = lowest(outline.chunks, (c) => c[0] ?? 0, from);

  passages.forEach((c, i) => { begin(c[0] ?? 0, { passage: before + i + 1 }); });
  for (const p of within(outline.pages, (q) => q.start_char, from, to)) begin(p.start_char, { page: p.page });
  for (const h of within(outline.headings, (g) => g.start_char, from, to)) {
    begin(h.start_char, { heading: h.level });
    begin(lineEnd(block, h.start_char), {});
  }

  const at = [...starts.keys()].sort((a, b) => a - b);

  return splitAt(block.text, at.map((a) => a - from)).map((text, i) => {
    const start = at[i] ?? from;

    return { ...starts.get(start), at: start, text, lit: lit !== undefined && start >= lit.from && start < lit.to };
  });
}
