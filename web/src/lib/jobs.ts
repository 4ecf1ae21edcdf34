import type { Job } from './api/types';
import { count, counted, duration } from './format';

/** What jobs are and where they stand, in words. */

export const isActive = (job: Job): boolean => /^(pending|running|processing)$/.test(job.status);
export const isOver = (job: Job): boolean => !isActive(job);

/** The kinds, for a filter. */
export const kinds: Record<string, string> = {
  scrape: 'Papers', process: 'Documents', embed: 'Search', webhook: 'Deliveries', coverage: 'Coverage',
  chroma: 'Vector server', index: 'Vector index',
};

export function jobTitle(job: Job): string {
  switch (job.kind) {
    case 'scrape':
      if (job.replay) return 'Take in recorded answers of arXiv';
      return job.category === undefined || job.category === 'all'
        ? 'Fetch papers from arXiv'
        : `Fetch papers from arXiv: ${job.category}`;
    case 'process':
      return 'Take in a document';
    case 'embed':
      return 'Make texts findable by meaning';
    case 'chroma':
      return 'Bring the Chroma server up to date';
    case 'index':
      return job.collection === 'papers' ? 'Index the papers' : 'Index the documents';
    case 'webhook':
      return `Send delivery ${count(job.delivery_id)}`;
    case 'coverage':
      return `Ask arXiv what the last ${counted(job.days, 'day')} had`;
    default:
      // A kind of a newer server.
      return (job as { kind: string }).kind;
  }
}

export interface Done {
  done: number;
  /** Not known before the work has begun. */
  total: number | null;
  unit: string;
}

/** What is counted while it runs; some kinds have nothing. */
export function doneOf(job: Job): Done | undefined {
  switch (job.kind) {
    case 'scrape': {
      // At most 2,000 are looked at, whatever arXiv has.
      const total = job.total_results === null ? null : Math.min(job.total_results, 2000);

      return { done: job.papers_looked_at, total, unit: 'papers looked at' };
    }
    case 'process':
      return { done: job.chunks_processed, total: job.total_chunks || null, unit: 'passages' };
    case 'embed':
      return { done: job.embedded, total: job.total || null, unit: 'texts' };
    case 'chroma':
      return { done: job.compared, total: job.total || null, unit: 'passages compared' };
    case 'index':
      return { done: Math.round(job.progress), total: 100, unit: 'percent' };
    default:
      return undefined;
  }
}

/** "412 of 1,240 passages", "Waits for its turn". */
export function progressWords(job: Job): string {
  const done = doneOf(job);

  if (job.status === 'pending') return job.next_attempt_at === null ? 'Waits for its turn' : 'Waits for its next try';
  if (!done || (done.done === 0 && done.total === null)) return 'Has begun';
  if (done.total === null) return `${count(done.done)} ${done.unit}`;
  return `${count(done.done)} of ${count(done.total)} ${done.unit}`;
}

/** What came of it, or what was kept of what it had done. */
export function outcomeWords(job: Job): string {
  switch (job.kind) {
    case 'scrape':
      if (job.papers_created !== null && job.papers_updated !== null) {
        return `${counted(job.papers_found, 'paper')}: ${count(job.papers_created)} new, ${count(job.papers_updated)} known`;
      }
      return `${counted(job.papers_found, 'paper')} found`;
    case 'process':
      if (job.duplicate_of !== null) return 'Already there';
      return counted(job.chunks_processed, 'passage');
    case 'embed':
      return counted(job.embedded, 'text');
    case 'chroma':
      return `${counted(job.sent, 'passage')} sent, ${count(job.removed)} removed`;
    default:
      return '';
  }
}

/** For a line of a list: without the addresses, which the detail has. */
export const briefly = (error: string): string => error.replace(/:? '\w+:\/\/[^']*'/g, '');

/** "34 papers looked at a second"; "about 2 min left". */
export function rateWords(perSecond: number, unit: string): string {
  return perSecond >= 1
    ? `${count(Math.round(perSecond))} ${unit} a second`
    : `${count(Math.max(1, Math.round(perSecond * 60)))} ${unit} a minute`;
}

export const leftWords = (seconds: number): string => `about ${duration(seconds)} left`;
