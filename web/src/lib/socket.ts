import { useEffect, useSyncExternalStore } from 'react';
import type { Socket } from 'socket.io-client';
import type { Job, Paper } from './api/types';

/** Events of the server, by name (docs/socketio.md, docs/analytics.md). */
export interface LiveEvents {
  snapshot: { totals: { views: number; pages: number; bot_views: number }; online: number };
  new_pageview: { page: string; count: number };
  job_progress: Job;
  paper_added: {
    count: number;
    /** Up to ten of them. */
    papers: Pick<Paper, 'id' | 'title' | 'url' | 'category' | 'relevance_score'>[];
  };
  document_ready: { document_id: string; title: string; chunks: number; job_id: string };
  document_removed: { document_id: string };
}

export type Connection = 'connecting' | 'on' | 'off';
type Listener = (data: never) => void;

const listeners = new Map<string, Set<Listener>>();
const watchers = new Set<() => void>();
let state: Connection = 'connecting';
let socket: Promise<Socket> | undefined;
let served = false;

function become(next: Connection) {
  if (state === next) return;
  state = next;
  for (const told of watchers) told();
}

/** The desk has one socket; it is opened by whoever needs it first. */
function open() {
  if (!served) return;
  socket ??= import('socket.io-client').then(({ io }) => {
    const made = io({ transports: ['websocket', 'polling'], reconnectionDelayMax: 5000 });

    made.on('connect', () => { become('on'); });
    made.on('disconnect', () => { become('off'); });
    made.on('connect_error', () => { become('off'); });
    made.onAny((name: string, data: unknown) => {
      for (const told of listeners.get(name) ?? []) told(data as never);
    });
    return made;
  });
}

/** Is there anything to connect to?  Before that, and without, nothing is. */
export function setServed(on: boolean): void {
  if (served === on) return;
  served = on;
  if (!on) hangUp();
  else if (socket) reconnect();
  else if (listeners.size + watchers.size > 0) open();
}

/** Call `handle` for each event; `handle` should be stable (useCallback). */
export function useLive<N extends keyof LiveEvents>(
  name: N,
  handle: (data: LiveEvents[N]) => void,
): void {
  useEffect(() => {
    const all = listeners.get(name) ?? new Set<Listener>();

    listeners.set(name, all.add(handle));
    open();
    return () => {
      all.delete(handle);
    };
  }, [name, handle]);
}

/** Until reconnect(): the server wants a login first. */
export function hangUp(): void {
  void socket?.then((s) => s.disconnect());
}

/** Connect anew, as after a login: what the server tells depends on it. */
export function reconnect(): void {
  void socket?.then((s) => s.disconnect().connect());
}

function watch(told: () => void) {
  watchers.add(told);
  open();
  return () => {
    watchers.delete(told);
  };
}

export function useConnection(): Connection {
  return useSyncExternalStore(watch, () => state);
}
