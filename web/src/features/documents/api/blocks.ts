import { countChars, unitAt } from '@/lib/codepoints';

/*
 * A long text is shown in blocks of about so many code points, each fetched and
 * drawn by itself.  A block ends where a line ends, so that the seam cannot be
 * seen: behind the first line end at or after its number times `block_chars`,
 * if there is one within `seam_chars`; else just there.  Both neighbours of a
 * seam look at the same characters, so they agree.
 */
export const block_chars = 12_000;
export const seam_chars = 3_000;

export interface Block {
  /** Code point of the document at which `text` begins. */
  from: number;
  text: string;
}

/** How many blocks a document of `chars` code points has; at least one. */
export const blockCount = (chars: number): number => Math.max(1, Math.ceil(chars / block_chars));
/** In which block a code point is to be looked for first. */
export const blockOf = (at: number): number => Math.floor(at / block_chars);

/** What is to be fetched for block `n`: [from, to) with what follows. */
export function rangeOf(n: number, chars: number): { from: number; to: number } {
  const from = Math.min(n * block_chars, chars);

  return { from, to: Math.min(from + block_chars + seam_chars, chars) };
}

/** Units of `text` before the seam that lies at or behind the unit `at`. */
function seam(text: string, at: number): number {
  const end = unitAt(text.slice(at), seam_chars) + at;
  const line = text.indexOf('\n', at);

  return line >= 0 && line < end ? line + 1 : at;
}

/** Block `n` of the characters that rangeOf(n) names. */
export function cutBlock(n: number, fetched: string, chars: number): Block {
  const { from, to } = rangeOf(n, chars);
  const start = n === 0 ? 0 : seam(fetched, 0);
  const last = to - from <= block_chars && to === chars;
  const end = last ? fetched.length : seam(fetched, unitAt(fetched, block_chars));

  return { from: from + countChars(fetched, start), text: fetched.slice(start, end) };
}
