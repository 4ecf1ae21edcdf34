import { describe, expect, it } from 'vitest';
import { countChars, sliceChars, splitAt, unitAt } from './codepoints';

const text = 'a😀b👩‍🔬é漢';

describe('code points', () => {
  it('are found in UTF-16', () => {
    for (let i = 0; i <= [...text].length; i++) {
      expect(text.slice(0, unitAt(text, i))).toBe([...text].slice(0, i).join(''));
    }
  });
  it('beyond the end are the end', () => {
    expect(unitAt(text, 1000)).toBe(text.length);
    expect(unitAt('', 3)).toBe(0);
  });
  it('are counted', () => {
    expect(countChars(text)).toBe([...text].length);
    expect(countChars(text, 3)).toBe(2);
    expect(countChars('')).toBe(0);
  });
  it('are cut out', () => {
    expect(sliceChars(text, 1, 3)).toBe('😀b');
    expect(sliceChars(text, 2, 2)).toBe('');
    expect(sliceChars(text, 5, 100)).toBe([...text].slice(5).join(''));
  });
  it('count halves of a pair one by one, as nothing else can be said of them', () => {
    expect(countChars('\ud83d')).toBe(1);
    expect(countChars('\ude00\ud83d')).toBe(2);
    expect(unitAt('\ud83da', 1)).toBe(1);
  });
  it('cut a text into pieces', () => {
    expect(splitAt(text, [0, 2, 3])).toEqual(['a😀', 'b', '👩‍🔬é漢']);
    expect(splitAt(text, [0])).toEqual([text]);
    expect(splitAt('', [0, 0, 4])).toEqual(['', '', '']);
    expect(splitAt(text, [0, 2, 3]).join('')).toBe(text);
  });
});
