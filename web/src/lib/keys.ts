import { useEffect, useRef, useSyncExternalStore } from 'react';

/** One key ("j", "/", "Escape") or a sequence of two ("g p"). */
export interface Shortcut {
  keys: string;
  /** For the list that `?` shows; without it the shortcut is not listed. */
  label?: string;
  run: (event: KeyboardEvent) => void;
}

const sequence_ms = 1200;
const layers: Shortcut[][] = [];
const watchers = new Set<() => void>();
let shown: Shortcut[] = [];
let pending = '';
let pendingUntil = 0;

function changed() {
  shown = layers.flat().filter((s) => s.label);
  for (const told of watchers) told();
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target instanceof HTMLTextAreaElement ||
      target instanceof HTMLSelectElement ||
      (target instanceof HTMLInputElement && !/^(checkbox|radio|button)$/.test(target.type)))
  );
}

/** Does a control of its own want this key? */
function isTaken(event: KeyboardEvent): boolean {
  const on = event.target;

  return (
    (event.key === 'Enter' || event.key === ' ') &&
    on instanceof HTMLElement &&
    on.closest('a, button, summary, [role="menuitem"], [role="option"], [role="tab"]') !== null
  );
}

/** The newest layer that knows the keys wins. */
export function find(keys: string): Shortcut | undefined {
  for (let i = layers.length - 1; i >= 0; i--) {
    const hit = layers[i]?.find((s) => s.keys === keys);

    if (hit) return hit;
  }
  return undefined;
}

function pressed(event: KeyboardEvent) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== 'Escape' && (isTyping(event.target) || isTaken(event))) return;
  if (document.querySelector('dialog[open], [role="dialog"][aria-modal="true"]')) return;

  const both = performance.now() < pendingUntil ? find(`${pending} ${event.key}`) : undefined;
  const hit = both ?? find(event.key);

  pending = event.key;
  pendingUntil = performance.now() + sequence_ms;
  if (!hit) return;
  if (both) pendingUntil = 0;
  event.preventDefault();
  hit.run(event);
}

/** Shortcuts that are there as long as the component is. */
export function useShortcuts(shortcuts: Shortcut[]): void {
  const latest = useRef(shortcuts);
  const names = shortcuts.map((s) => `${s.keys}\t${s.label ?? ''}`).join('\n');

  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    // The functions change with every rendering; the layer only with the keys.
    const layer = names
      .split('\n')
      .filter(Boolean)
      .map((line, i) => {
        const [keys = '', label] = line.split('\t');

        return { keys, label, run: (event: KeyboardEvent) => latest.current[i]?.run(event) };
      });

    if (layers.length === 0) window.addEventListener('keydown', pressed);
    layers.push(layer);
    changed();
    return () => {
      layers.splice(layers.indexOf(layer), 1);
      if (layers.length === 0) window.removeEventListener('keydown', pressed);
      changed();
    };
  }, [names]);
}

function watch(told: () => void) {
  watchers.add(told);
  return () => {
    watchers.delete(told);
  };
}

/** What `?` lists. */
export function useShownShortcuts(): Shortcut[] {
  return useSyncExternalStore(watch, () => shown);
}
