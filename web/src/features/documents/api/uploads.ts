import { useSyncExternalStore } from 'react';
import { api, reply } from '@/lib/api/client';
import { ApiError, NetworkError } from '@/lib/api/errors';
import { newKey, send } from '@/lib/api/send';
import type { IngestJob, Job } from '@/lib/api/types';
import { keep, readKept } from '@/lib/kept';
import { isUnderWay, withJob, type Upload } from './upload';

/*
 * What is on its way in.  It belongs to the desk and not to a page: one may go
 * on reading while files are sent.  What the server has accepted is remembered,
 * so that a reload finds it again; what was still being sent is lost then, as
 * the browser says before it leaves.
 */
const at_once = 2;
const look_ms = 700;
const look_again_ms = 3000; // when the server did not answer
const most_kept = 100;

interface Body {
  path: '/process/file' | '/process/text';
  make: () => FormData | string;
}

interface Remembered {
  key: string;
  jobId: string;
  name: string;
  size?: number;
}

const watchers = new Set<() => void>();
const enders = new Set<() => void>();
const bodies = new Map<string, Body>();
const senders = new Map<string, AbortController>();
let uploads: Upload[] = readKept<Remembered[]>('uploads', []).map((r) => ({
  ...r, state: 'working', sent: 1, chunks: 0, total: 0, warnings: [],
}));
let timer: ReturnType<typeof setTimeout> | undefined;

function remember() {
  const accepted = uploads.flatMap(({ key, jobId, name, size, state }): Remembered[] =>
    state === 'working' && jobId !== undefined ? [{ key, jobId, name, size }] : []);

  keep('uploads', accepted.slice(-most_kept));
}

function set(next: Upload[]) {
  uploads = next;
  for (const told of watchers) told();
}

function change(key: string, with_: Partial<Upload>) {
  set(uploads.map((u) => (u.key === key ? { ...u, ...with_ } : u)));
}

/** Send those whose turn it is. */
function sendNext() {
  const sending = uploads.filter((u) => u.state === 'sending').length;

  for (const u of uploads.filter((w) => w.state === 'waiting').slice(0, at_once - sending)) void sendOne(u);
}

async function sendOne({ key }: Upload) {
  const body = bodies.get(key);
  const stop = new AbortController();

  if (!body) return;
  senders.set(key, stop);
  change(key, { state: 'sending', sent: 0, error: undefined });
  try {
    const accepted = await send(body.path, body.make(), {
      key, signal: stop.signal, onSent: (sent) => { change(key, { sent }); },
    });

    change(key, { state: 'working', sent: 1, jobId: accepted.job_id });
    bodies.delete(key);
    remember();
    look(0);
  } catch (error) {
    if (stop.signal.aborted) change(key, { state: 'cancelled' });
    else change(key, { state: 'failed', error: saidOf(error) });
  }
  senders.delete(key);
  sendNext();
}

function saidOf(error: unknown): string {
  if (error instanceof NetworkError) return 'sheaf did not answer while this was sent. It may be restarting.';
  return error instanceof Error ? error.message : 'That did not work.';
}

/** Ask how those that were accepted get on, in `ms`. */
function look(ms = look_ms) {
  clearTimeout(timer);
  if (uploads.some((u) => u.state === 'working')) timer = setTimeout(() => void lookNow(), ms);
}

async function lookNow() {
  try {
    const page = await reply(api.GET('/jobs/', { params: { query: { kind: 'process', page_size: 100 } } }));
    const known = new Map(page.results.map((job) => [job.job_id, job]));

    for (const { jobId } of uploads.filter((u) => u.state === 'working')) {
      if (jobId !== undefined && !known.has(jobId)) known.set(jobId, await jobOf(jobId));
    }
    heard(known);
    look();
  } catch {
    look(look_again_ms);
  }
}

/** One that is no longer on the first page of jobs; a job that is gone has failed. */
async function jobOf(id: string): Promise<Job> {
  try {
    return await reply(api.GET('/jobs/{id}', { params: { path: { id } } }));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    return {
      job_id: id, kind: 'process', status: 'failed', error: 'The server knows nothing of it any more.',
      progress: 0, attempts: 0, next_attempt_at: null, created_at: '', updated_at: '',
      chunks_processed: 0, total_chunks: 0, document_id: null, duplicate_of: null, warnings: [],
    } satisfies IngestJob;
  }
}

/** An event says it sooner than the next look. */
export function heardOf(job: Job) {
  if (uploads.some((u) => u.jobId === job.job_id)) heard(new Map([[job.job_id, job]]));
}

function heard(jobs: Map<string, Job>) {
  const before = uploads;

  set(before.map((u) => {
    const job = u.state === 'working' && u.jobId !== undefined ? jobs.get(u.jobId) : undefined;

    return job?.kind === 'process' ? withJob(u, job) : u;
  }));
  if (before.some((u, i) => isUnderWay(u) && uploads[i] && !isUnderWay(uploads[i]))) {
    remember();
    for (const told of enders) told();
  }
}

function add(name: string, size: number, body: Body) {
  const upload: Upload = {
    key: newKey(), name, size, state: 'waiting', sent: 0, chunks: 0, total: 0, warnings: [],
  };

  bodies.set(upload.key, body);
  set([...uploads, upload]);
}

export function addFiles(files: File[]) {
  for (const file of files) {
    add(file.name, file.size, {
      path: '/process/file',
      make: () => {
        const form = new FormData();

        form.append('file', file, file.name);
        return form;
      },
    });
  }
  sendNext();
}

export function addText(title: string, text: string) {
  const json = JSON.stringify({ title, text });

  add(title, new Blob([text]).size, { path: '/process/text', make: () => json });
  sendNext();
}

export async function cancel({ key, state, jobId }: Upload) {
  if (state === 'waiting') {
    change(key, { state: 'cancelled' });
  } else if (state === 'sending') {
    senders.get(key)?.abort();
  } else if (jobId !== undefined) {
    await reply(api.DELETE('/jobs/{id}', { params: { path: { id: jobId } } }));
    look(0);
  }
}

/** Send it again, or let its job go on from what it has stored. */
export async function again({ key, jobId }: Upload) {
  if (jobId === undefined) {
    change(key, { state: 'waiting', error: undefined });
    sendNext();
    return;
  }
  await reply(api.POST('/jobs/{id}/retry', { params: { path: { id: jobId } } }));
  change(key, { state: 'working', error: undefined });
  remember();
  look(0);
}

/** Is it any use to try this again as it is? */
export const canTryAgain = (u: Upload): boolean => u.jobId !== undefined || bodies.has(u.key);

export function dismiss(key: string) {
  bodies.delete(key);
  set(uploads.filter((u) => u.key !== key));
}

export function dismissEnded() {
  for (const u of uploads) if (!isUnderWay(u)) bodies.delete(u.key);
  set(uploads.filter(isUnderWay));
}

/** Called when one of them has ended. */
export function onEnded(told: () => void): () => void {
  enders.add(told);
  return () => { enders.delete(told); };
}

function watch(told: () => void) {
  watchers.add(told);
  look();
  return () => { watchers.delete(told); };
}

export function useUploads(): Upload[] {
  return useSyncExternalStore(watch, () => uploads);
}

window.addEventListener('beforeunload', (event) => {
  if (uploads.some((u) => u.state === 'waiting' || u.state === 'sending')) event.preventDefault();
});
