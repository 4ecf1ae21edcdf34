import { describe, expect, it } from 'vitest';
import { citedIn, inlineOf, paragraphsOf } from './rich';

describe('an answer', () => {
  it('has citations', () => {
    expect(inlineOf('So. [1] And [12][3].')).toEqual([
      { kind: 'text', text: 'So. ' }, { kind: 'cite', n: 1 }, { kind: 'text', text: ' And ' },
      { kind: 'cite', n: 12 }, { kind: 'cite', n: 3 }, { kind: 'text', text: '.' },
    ]);
  });
  it('has none in code', () => {
    expect(inlineOf('`items[0]` [1]')).toEqual([
      { kind: 'code', text: 'items[0]' }, { kind: 'text', text: ' ' }, { kind: 'cite', n: 1 },
    ]);
    expect(paragraphsOf('a\n```c\nx[1]\n```')).toEqual([
      { kind: 'text', inline: [{ kind: 'text', text: 'a' }] }, { kind: 'code', text: 'x[1]' },
    ]);
  });
  it('never becomes markup', () => {
    expect(inlineOf('<b>[x]</b> [link](javascript:1)')).toEqual([
      { kind: 'text', text: '<b>[x]</b> [link](javascript:1)' },
    ]);
  });
  it('has paragraphs and lists', () => {
    const [first, list, numbers] = paragraphsOf('One\nline.\n\n- a **b**\n- c [2]\n1. x\n2) y');

    expect(first).toEqual({ kind: 'text', inline: [{ kind: 'text', text: 'One\nline.' }] });
    expect(list).toMatchObject({ kind: 'list', ordered: false, items: [[{}, { kind: 'strong', text: 'b' }], [{}, { kind: 'cite', n: 2 }]] });
    expect(numbers).toMatchObject({ kind: 'list', ordered: true, items: [[{}], [{}]] });
  });
  it('cites what there is, and not in code', () => {
    expect([...citedIn('`a[3]` [1] [9]\n- b [2][1]\n```\n[3]\n```', 3)]).toEqual([1, 2]);
    expect(citedIn('nothing', 3).size).toBe(0);
  });
  it('may end anywhere while it is being written', () => {
    const whole = 'So `x[1]` is **bold** [1].\n\n```\ncode\n```\n- a';

    for (let i = 0; i <= whole.length; i++) expect(() => paragraphsOf(whole.slice(0, i))).not.toThrow();
    expect(paragraphsOf('```\nhalf')).toEqual([{ kind: 'code', text: 'half' }]);
    expect(paragraphsOf('')).toEqual([]);
  });
});
