import { ApiError, NetworkError } from './errors';
import type { JobAccepted } from './types';

/**
 * POST a body that may be large, and hear how much of it has gone: what fetch
 * cannot tell.  `key`: the same body sent again under it is the same job.
 */
export function send(
  path: '/process/file' | '/process/text',
  body: FormData | string,
  { key, onSent, signal }: { key: string; onSent: (share: number) => void; signal: AbortSignal },
): Promise<JobAccepted> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();

    request.open('POST', path);
    request.setRequestHeader('Idempotency-Key', key);
    if (typeof body === 'string') request.setRequestHeader('Content-Type', 'application/json');
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onSent(event.loaded / event.total);
    };
    request.onerror = () => { reject(new NetworkError()); };
    request.onabort = () => { reject(new DOMException('Stopped.', 'AbortError')); };
    request.onload = () => {
      let reply: unknown;

      try {
        reply = JSON.parse(request.responseText);
      } catch {
        reply = undefined;
      }
      if (request.status >= 200 && request.status < 300) resolve(reply as JobAccepted);
      else reject(ApiError.from(answerOf(request), reply));
    };
    signal.addEventListener('abort', () => { request.abort(); });
    request.send(body);
  });
}

function answerOf(request: XMLHttpRequest): Response {
  const wait = request.getResponseHeader('Retry-After');

  return new Response(null, { status: request.status, headers: wait === null ? {} : { 'Retry-After': wait } });
}

/** Random enough to be nobody else's; randomUUID() is for https alone. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join('-');
}
