import { useSyncExternalStore } from 'react';
import { api, reply } from '@/lib/api/client';
import { newKey } from '@/lib/api/send';
import { readEvents } from '@/lib/api/sse';
import { keep, onKeptElsewhere, readKept } from '@/lib/kept';
import { ask, ended, heard, historyOf, isRunning, type Turn } from './turn';

/*
 * Questions and their answers, in this browser alone.  They belong to the desk
 * and not to a page: who opens a source and comes back finds the answer there,
 * and it goes on being written meanwhile.
 */
export interface Scope {
  /** Where to look; undefined: everywhere. */
  collection?: string;
  /** One document only. */
  document?: string;
  k: number;
}

export interface Conversation {
  id: string;
  /** Of the last question; milliseconds. */
  at: number;
  scope: Scope;
  turns: Turn[];
}

const name = 'asked';
const most = 50;
const none: Conversation[] = [];

const running = new Map<string, AbortController>();
const watchers = new Set<() => void>();
let all: Conversation[] = readKept(name, none);
let told = false;

/** At most once a frame: a model may say hundreds of words a second. */
function tell() {
  if (told) return;
  told = true;
  requestAnimationFrame(() => {
    told = false;
    for (const watcher of watchers) watcher();
  });
}

function put(conversation: Conversation) {
  all = [conversation, ...all.filter((c) => c.id !== conversation.id)].slice(0, most);
  tell();
}

/** What is still being written is not kept: a reload would find it half. */
function save() {
  keep(name, all.flatMap((c) => {
    const turns = c.turns.filter((turn) => !isRunning(turn));

    return turns.length > 0 ? [{ ...c, turns }] : [];
  }));
}

/* What another window has asked or forgotten is so here too. */
onKeptElsewhere(name, none, (theirs) => {
  const ours = all.filter((c) => c.turns.some(isRunning));

  all = [...ours, ...theirs.filter(({ id }) => !running.has(id))].sort((a, b) => b.at - a.at);
  tell();
});

function setLast(id: string, change: (turn: Turn) => Turn) {
  all = all.map((c) => {
    const last = c.turns.at(-1);

    return c.id === id && last ? { ...c, turns: [...c.turns.slice(0, -1), change(last)] } : c;
  });
  tell();
}

async function stream(conversation: Conversation, turn: Turn, signal: AbortSignal, on: (change: (t: Turn) => Turn) => void) {
  const { collection, document, k } = conversation.scope;
  const history = historyOf(conversation.turns);
  const body = await reply(api.POST('/ask', {
    body: {
      question: turn.question, k, stream: true,
      ...(document === undefined ? {} : { where: { document_id: document } }),
      ...(collection === undefined ? {} : { collection }),
      ...(history.length > 0 ? { history } : {}),
    },
    parseAs: 'stream', signal,
  }));

  // openapi-fetch types the body as JSON, whatever it is read as.
  for await (const event of readEvents(body as unknown as ReadableStream<Uint8Array>)) on((t) => heard(t, event));
}

/** Ask as the next turn of a conversation. */
async function run(before: Conversation, question: string) {
  const { id } = before;
  const control = new AbortController();
  const turn = ask(question);
  const begin = performance.now();

  running.get(id)?.abort();
  running.set(id, control);
  put({ ...before, at: Date.now(), turns: [...before.turns, turn] });
  try {
    await stream(before, turn, control.signal, (change) => {
      if (!control.signal.aborted) setLast(id, change);
    });
    if (!control.signal.aborted) setLast(id, ended);
  } catch (error) {
    if (!control.signal.aborted) {
      setLast(id, (t) => ({ ...t, state: 'failed', error: error instanceof Error ? error.message : 'That did not work.' }));
    }
  }
  if (running.get(id) !== control) return; // asked again meanwhile
  running.delete(id);
  setLast(id, (t) => ({ ...t, ms: performance.now() - begin }));
  save();
}

/** Returns the id of the new conversation. */
export function start(question: string, scope: Scope): string {
  const id = newKey();

  void run({ id, at: 0, scope, turns: [] }, question);
  return id;
}

export function followUp(conversation: Conversation, question: string) {
  void run({ ...conversation, turns: conversation.turns.filter((turn) => !isRunning(turn)) }, question);
}

/** The last question once more, with what was said before it. */
export function askAgain(conversation: Conversation) {
  const question = conversation.turns.at(-1)?.question;

  if (question !== undefined) void run({ ...conversation, turns: conversation.turns.slice(0, -1) }, question);
}

/** What is there of the answer stays. */
export function stop(id: string) {
  setLast(id, (turn) => (isRunning(turn) ? { ...turn, state: 'stopped' } : turn));
  running.get(id)?.abort();
}

export function forget(id: string) {
  running.get(id)?.abort();
  all = all.filter((c) => c.id !== id);
  tell();
  save();
}

/** Undo of forget(). */
export function restore(conversation: Conversation) {
  all = [...all, conversation].sort((a, b) => b.at - a.at).slice(0, most);
  tell();
  save();
}

export function forgetAll(): Conversation[] {
  const gone = all;

  for (const { id } of gone) running.get(id)?.abort();
  all = [];
  tell();
  save();
  return gone;
}

function watch(watcher: () => void) {
  watchers.add(watcher);
  return () => { watchers.delete(watcher); };
}

/** The newest first. */
export const useConversations = (): Conversation[] => useSyncExternalStore(watch, () => all);
