import { count, counted } from '@/lib/format';
import type { IngestJob } from '@/lib/api/types';

/** A text on its way into the desk. */
export interface Upload {
  /** Also the Idempotency-Key: sent twice it is one job. */
  key: string;
  name: string;
  /** Bytes, where they are known. */
  size?: number;
  state: 'waiting' | 'sending' | 'working' | 'done' | 'duplicate' | 'failed' | 'cancelled';
  /** 0..1 */
  sent: number;
  jobId?: string;
  chunks: number;
  total: number;
  documentId?: string;
  warnings: string[];
  error?: string;
}

export const isUnderWay = (u: Upload): boolean => /^(waiting|sending|working)$/.test(u.state);

/** What its job says about it. */
export function withJob(upload: Upload, job: IngestJob): Upload {
  const seen: Upload = {
    ...upload,
    chunks: job.chunks_processed,
    total: job.total_chunks,
    documentId: job.document_id ?? undefined,
    warnings: job.warnings,
  };

  switch (job.status) {
    case 'completed':
      return job.duplicate_of === null
        ? { ...seen, state: 'done' }
        : { ...seen, state: 'duplicate', documentId: job.duplicate_of };
    case 'failed':
      return { ...seen, state: 'failed', error: job.error ?? 'The server did not say why.' };
    case 'cancelled':
      return { ...seen, state: 'cancelled' };
    default:
      return { ...seen, state: 'working' };
  }
}

/** How far it is, 0..1; undefined where that is not known. */
export function shareOf(upload: Upload): number | undefined {
  if (upload.state === 'sending') return upload.sent;
  if (upload.state === 'working' && upload.total > 0) return upload.chunks / upload.total;
  return undefined;
}

/** Where it is, in words. */
export function wordsOf(upload: Upload): string {
  switch (upload.state) {
    case 'waiting':
      return 'Waits for its turn';
    case 'sending':
      return upload.sent < 1 ? `Sending, ${count(Math.floor(upload.sent * 100))} %` : 'Sent';
    case 'working':
      return upload.total > 0
        ? `${count(upload.chunks)} of ${counted(upload.total, 'passage')}`
        : 'Reading the text';
    case 'done':
      return counted(upload.total, 'passage');
    case 'duplicate':
      return 'This text is here already';
    case 'cancelled':
      return 'Cancelled; nothing of it was kept';
    case 'failed':
      return upload.error ?? 'That did not work.';
  }
}
