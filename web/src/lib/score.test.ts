import { describe, expect, it } from 'vitest';
import { scoreParts, scoreReason } from './score';

const relevance = {
  base: 0.5, recency: 0.1744, keywords: 0.3,
  matched: [
    { keyword: 'agent', in: 'abstract', points: 0.04 },
    { keyword: 'LLM', in: 'title', points: 0.08 },
    { keyword: 'RAG', in: 'title', points: 0.08 },
    { keyword: 'GPT', in: 'title', points: 0.08 },
    { keyword: 'prompt', in: 'title', points: 0.08 },
  ],
};

describe('scoreParts', () => {
  it('adds up to the score, with the limit of keywords as a part', () => {
    const sum = scoreParts(relevance).reduce((all, part) => all + part.points, 0);

    expect(sum).toBeCloseTo(0.5 + 0.1744 + 0.3, 5);
    expect(scoreParts(relevance).at(-1)?.label).toMatch(/more than/i);
  });
  it('leaves out what gave nothing', () => {
    expect(scoreParts({ base: 0.5, recency: 0, keywords: 0, matched: [] })).toEqual([
      { label: 'Base', points: 0.5 },
    ]);
  });
  it('takes anything', () => {
    expect(scoreParts(null)).toEqual([]);
    expect(scoreParts('?')).toEqual([]);
  });
});

describe('scoreReason', () => {
  it('names the strongest first and counts the rest', () => {
    expect(scoreReason(relevance)).toBe('“LLM” in title, “RAG” in title, 3 more, new');
  });
});
