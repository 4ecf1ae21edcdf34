import { expect, test } from 'vitest';
import type { Job } from './api/types';
import { briefly, doneOf, isActive, jobTitle, outcomeWords, progressWords } from './jobs';

const common = {
  job_id: 'x-1', progress: 0, created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z',
  error: null, attempts: 1, next_attempt_at: null,
};
const scrape = {
  ...common, kind: 'scrape', status: 'running', source: 'arxiv', category: 'llm', replay: false, days: 7, max_results: 50,
  papers_found: 12, papers_looked_at: 100, total_results: 5000, suspect: false, papers_created: null,
  papers_updated: null, papers_unchanged: null, webhook: { status: 'none', attempts: 0, next_attempt_at: null },
} satisfies Job;
const document_ = {
  ...common, kind: 'process', status: 'processing', chunks_processed: 64, total_chunks: 0, document_id: null,
  duplicate_of: null, warnings: [],
} satisfies Job;

test('a scrape looks at no more than 2,000', () => {
  expect(doneOf(scrape)).toEqual({ done: 100, total: 2000, unit: 'papers looked at' });
  expect(progressWords(scrape)).toMatch(/^100 of 2.000 papers looked at$/);
});

test('what is not known yet is not said', () => {
  expect(progressWords(document_)).toBe('64 passages');
  expect(progressWords({ ...document_, chunks_processed: 0 })).toBe('Has begun');
  expect(progressWords({ ...document_, status: 'pending' })).toBe('Waits for its turn');
});

test('what came of it', () => {
  expect(outcomeWords(scrape)).toBe('12 papers found');
  expect(outcomeWords({ ...scrape, status: 'completed', papers_created: 10, papers_updated: 2 }))
    .toBe('12 papers: 10 new, 2 known');
  expect(outcomeWords({ ...document_, duplicate_of: 'd1' })).toBe('Already there');
});

test('titles, also of a kind that is not known here', () => {
  expect(jobTitle(scrape)).toBe('Fetch papers from arXiv: llm');
  expect(jobTitle({ ...scrape, category: 'all' })).toBe('Fetch papers from arXiv');
  expect(jobTitle({ ...common, kind: 'brew', status: 'pending' } as unknown as Job)).toBe('brew');
});

test('a line of a list has no addresses', () => {
  expect(briefly("asking arXiv: 'https://x.org/a?b=c': Could not resolve host: x.org"))
    .toBe('asking arXiv: Could not resolve host: x.org');
  expect(briefly("there is no 'file'")).toBe("there is no 'file'");
});

test('which are at work', () => {
  expect(isActive(scrape)).toBe(true);
  expect(isActive({ ...scrape, status: 'failed' })).toBe(false);
});
