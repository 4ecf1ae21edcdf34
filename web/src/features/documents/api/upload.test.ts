import { describe, expect, it } from 'vitest';
import type { IngestJob } from '@/lib/api/types';
import { isUnderWay, shareOf, withJob, wordsOf, type Upload } from './upload';

const upload: Upload = {
  key: 'k', name: 'a.pdf', state: 'working', sent: 1, chunks: 0, total: 0, warnings: [], jobId: 'file-1',
};
const job: IngestJob = {
  job_id: 'file-1', kind: 'process', status: 'processing', progress: 33, error: null, attempts: 1,
  next_attempt_at: null, created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z',
  chunks_processed: 412, total_chunks: 1240, document_id: null, duplicate_of: null, warnings: [],
};

describe('an upload', () => {
  it('counts what is done', () => {
    const seen = withJob(upload, job);

    expect(wordsOf(seen)).toBe('412 of 1,240 passages');
    expect(shareOf(seen)).toBeCloseTo(0.332, 3);
    expect(isUnderWay(seen)).toBe(true);
  });
  it('has no share before its text is known', () => {
    const seen = withJob(upload, { ...job, status: 'pending', total_chunks: 0, chunks_processed: 0 });

    expect(shareOf(seen)).toBeUndefined();
    expect(wordsOf(seen)).toBe('Reading the text');
  });
  it('ends as a document', () => {
    const seen = withJob(upload, { ...job, status: 'completed', chunks_processed: 1, total_chunks: 1, document_id: 'doc-1' });

    expect(seen).toMatchObject({ state: 'done', documentId: 'doc-1' });
    expect(wordsOf(seen)).toBe('1 passage');
    expect(isUnderWay(seen)).toBe(false);
  });
  it('may be here already', () => {
    const seen = withJob(upload, { ...job, status: 'completed', document_id: 'doc-2', duplicate_of: 'doc-1' });

    expect(seen).toMatchObject({ state: 'duplicate', documentId: 'doc-1' });
  });
  it('says why it failed', () => {
    const seen = withJob(upload, { ...job, status: 'failed', error: 'the file is encrypted' });

    expect(wordsOf(seen)).toBe('the file is encrypted');
    expect(seen.state).toBe('failed');
  });
  it('shows the bytes that have gone', () => {
    expect(wordsOf({ ...upload, state: 'sending', sent: 0.415 })).toBe('Sending, 41 %');
    expect(wordsOf({ ...upload, state: 'sending', sent: 1 })).toBe('Sent');
  });
});
