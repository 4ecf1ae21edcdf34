import { describe, expect, it } from 'vitest';
import { block_chars, blockCount, blockOf, cutBlock, rangeOf, seam_chars } from './blocks';
import { countChars, sliceChars } from '@/lib/codepoints';

function blocks(text: string) {
  const chars = countChars(text);

  return Array.from({ length: blockCount(chars) }, (_, n) => {
    const { from, to } = rangeOf(n, chars);

    return cutBlock(n, sliceChars(text, from, to), chars);
  });
}

/** No character is lost or twice, and each block knows where it is. */
function check(text: string) {
  const all = blocks(text);

  expect(all.map((b) => b.text).join('')).toBe(text);
  for (const b of all) {
    expect(sliceChars(text, b.from, b.from + countChars(b.text))).toBe(b.text);
  }
  return all;
}

describe('blocks', () => {
  it('of a short text are one', () => {
    expect(check('')).toHaveLength(1);
    expect(check('a\nb')).toHaveLength(1);
    expect(check('x'.repeat(block_chars))).toHaveLength(1);
  });
  it('end where lines end', () => {
    const all = check('😀 a line of some words\n'.repeat(4000));

    expect(all.length).toBeGreaterThan(5);
    for (const b of all.slice(0, -1)) expect(b.text.endsWith('\n')).toBe(true);
  });
  it('are cut hard where there is no line', () => {
    const all = check('😀'.repeat(3 * block_chars + 5));

    expect(all.map((b) => b.from)).toEqual([0, 1, 2, 3].map((n) => n * block_chars));
  });
  it('agree about a seam at its very limits', () => {
    for (const at of [0, 1, seam_chars - 1, seam_chars, seam_chars + 1]) {
      const text = `${'x'.repeat(block_chars + at)}\n${'y'.repeat(2 * block_chars)}`;

      check(text);
    }
  });
  it('agree when the text ends in the seam', () => {
    for (const more of [1, seam_chars - 1, seam_chars, seam_chars + 1]) {
      check(`${'x'.repeat(block_chars)}${'y'.repeat(more)}`);
      check(`${'x'.repeat(block_chars)}${'y'.repeat(more - 1)}\n`);
    }
  });
  it('hold a code point', () => {
    expect(blockOf(0)).toBe(0);
    expect(blockOf(block_chars - 1)).toBe(0);
    expect(blockOf(block_chars)).toBe(1);
  });
});
