import { describe, expect, it } from 'vitest';
import { excerpt } from './excerpt';

const words = Array.from({ length: 300 }, (_, i) => `word${String(i)}`).join(' ');
const litOf = (whole: string, from: number, to: number): string => {
  const { text, lit } = excerpt(whole, { from, to });

  return text.slice(lit?.from, lit?.to);
};

describe('an excerpt', () => {
  it('of a short text is all of it, on one line', () => {
    expect(excerpt('a\nb\tc')).toEqual({ text: 'a b c', lit: undefined });
    expect(excerpt('')).toEqual({ text: '', lit: undefined });
  });
  it('has what matters, wherever it is', () => {
    for (let from = 0; from < words.length - 50; from += 37) {
      expect(litOf(words, from, from + 50)).toBe(words.slice(from, from + 50));
    }
  });
  it('keeps the place of what matters over line ends', () => {
    expect(litOf('one\n\ntwo three.\n', 5, 15)).toBe('two three.');
  });
  it('is not longer for a long sentence', () => {
    const { text } = excerpt(words, { from: 200, to: 1900 });

    expect(text.length).toBeLessThan(700);
    expect(text.startsWith('… ')).toBe(true);
    expect(text.endsWith(' …')).toBe(true);
  });
  it('is cut where there are no spaces too', () => {
    expect(excerpt('x'.repeat(2000)).text).toHaveLength(362);
  });
});
