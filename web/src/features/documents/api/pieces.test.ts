import { describe, expect, it } from 'vitest';
import { piecesOf, type Outline } from './pieces';

const none: Outline = { pages: [], headings: [], chunks: [] };
const block = { from: 100, text: '😀 one\n## Two\nthree' };

describe('pieces', () => {
  it('are one where nothing begins', () => {
    expect(piecesOf(block, none)).toEqual([{ at: 100, text: block.text, lit: false }]);
    expect(piecesOf({ from: 0, text: '' }, none)).toEqual([{ at: 0, text: '', lit: false }]);
  });
  it('begin at passages, which are numbered from 1', () => {
    const chunks = [[0, 103], [90, 110], [102, 115], [119, 130]];
    const pieces = piecesOf(block, { ...none, chunks });

    expect(pieces.map((p) => [p.at, p.text, p.passage])).toEqual([
      [100, '😀 ', undefined], [102, 'one\n## Two\nthree', 3],
    ]);
  });
  it('mark a range, in code points', () => {
    const pieces = piecesOf(block, none, { from: 101, to: 105 });

    expect(pieces.map((p) => [p.text, p.lit])).toEqual([['😀', false], [' one', true], ['\n## Two\nthree', false]]);
  });
  it('mark a range that reaches beyond the block', () => {
    expect(piecesOf(block, none, { from: 0, to: 1000 }).map((p) => p.lit)).toEqual([true]);
    expect(piecesOf(block, none, { from: 0, to: 100 }).map((p) => p.lit)).toEqual([false]);
  });
  it('know a heading, which is its line', () => {
    const pieces = piecesOf(block, { ...none, headings: [{ level: 2, title: 'Two', start_char: 106 }] });

    expect(pieces.map((p) => [p.text, p.heading])).toEqual([
      ['😀 one\n', undefined], ['## Two', 2], ['\nthree', undefined],
    ]);
  });
  it('keep every character whatever begins', () => {
    for (let at = 95; at < 125; at++) {
      const outline = {
        pages: [{ page: 2, start_char: at }], chunks: [[at - 3, at], [at, at + 7]],
        headings: [{ level: 1, title: '', start_char: at }],
      };
      const pieces = piecesOf(block, outline, { from: at - 1, to: at + 2 });

      expect(pieces.map((p) => p.text).join('')).toBe(block.text);
    }
  });
});
