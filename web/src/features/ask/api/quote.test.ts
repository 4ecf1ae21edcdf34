import { describe, expect, it } from 'vitest';
import type { Passage } from '@/lib/api/types';
import { citedSentence, linkOf, placeOf, quoteOfPassage } from './quote';

const text = 'A Pod is a group of containers. A Service gives Pods\none address that stays. It is cheap.\n\nA Job ends.';
const cited = (answer: string, n: number): string | undefined => {
  const at = citedSentence(answer, n, text);

  return at && text.slice(at.from, at.to);
};

describe('the cited sentence', () => {
  it('is found word for word, over the end of a line', () => {
    expect(cited('A Service gives Pods one address that stays. [2]', 2)).toBe('A Service gives Pods\none address that stays.');
  });
  it('is found by its words', () => {
    expect(cited('Containers come in a group, the Pod [1].', 1)).toBe('A Pod is a group of containers.');
  });
  it('belongs to its own number', () => {
    expect(cited('A Pod is a group of containers. [1] A Job ends. [2]', 2)).toBe('A Job ends.');
    expect(cited('A Pod is a group of containers. [1][2]', 2)).toBe('A Pod is a group of containers.');
    expect(cited('A Pod is a group of containers. [1]', 3)).toBeUndefined();
  });
  it('is not made up', () => {
    expect(cited('Bread needs flour and water. [1]', 1)).toBeUndefined();
    expect(cited('', 1)).toBeUndefined();
  });
});

describe('a passage', () => {
  it('says where it is', () => {
    expect(placeOf({ section: 'Services > Types' })).toBe('Services › Types');
    expect(placeOf({ page: 3, page_end: 3 })).toBe('page 3');
    expect(placeOf({ page: 3, page_end: 4 })).toBe('pages 3–4');
    expect(placeOf({})).toBe('');
    expect(placeOf({ paper_id: 3 })).toBe('paper');
  });
  it('leads to its document or paper', () => {
    expect(linkOf({ document_id: 'doc-1', start_char: 3, end_char: 9 })).toBe('/documents/doc-1?from=3&to=9');
    expect(linkOf({ document_id: 'paper_7', paper_id: 7, start_char: 0 })).toBe('/papers/7');
  });
  it('marks its sentence, which the server counts in code points', () => {
    const passage: Passage = {
      id: 'doc-1_chunk_1', text: '😀 One. 😀 Two. Three.', link: '', distance: null, similarity: null, score: 1,
      metadata: { title: 'T', document_id: 'doc-1', job_id: 'j', chunk_index: 1, start_char: 100, end_char: 121 },
      highlight: { text: '😀 Two.', start_char: 107, end_char: 113 },
    };
    const { lit, text: whole } = quoteOfPassage(passage);

    expect(whole.slice(lit?.from, lit?.to)).toBe('😀 Two.');
  });
});
