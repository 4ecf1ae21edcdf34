import { useCallback, useSyncExternalStore } from 'react';

/**
 * Small things that this browser remembers, under "sheaf.<name>".  A value that
 * cannot be read counts as not there; one that cannot be kept lives until the
 * page is closed.
 */
const memory = new Map<string, unknown>();
const watchers = new Set<() => void>();

export function readKept<T>(name: string, otherwise: T): T {
  if (!memory.has(name)) {
    let value: unknown;

    try {
      const text = localStorage.getItem(`sheaf.${name}`);
      value = text === null ? undefined : JSON.parse(text);
    } catch {
      value = undefined;
    }
    memory.set(name, value);
  }
  return (memory.get(name) as T | undefined) ?? otherwise;
}

export function keep(name: string, value: unknown): void {
  memory.set(name, value);
  try {
    localStorage.setItem(`sheaf.${name}`, JSON.stringify(value));
  } catch {
    // Private windows and full disks: the memory has it.
  }
  for (const told of watchers) told();
}

function watch(told: () => void) {
  const elsewhere = (event: StorageEvent) => {
    if (!event.key?.startsWith('sheaf.')) return;
    memory.delete(event.key.slice('sheaf.'.length));
    told();
  };

  watchers.add(told);
  window.addEventListener('storage', elsewhere);
  return () => {
    watchers.delete(told);
    window.removeEventListener('storage', elsewhere);
  };
}

/** Calls `told` when another window of this browser keeps something else. */
export function onKeptElsewhere<T>(name: string, otherwise: T, told: (value: T) => void): void {
  window.addEventListener('storage', (event) => {
    if (event.key !== `sheaf.${name}`) return;
    memory.delete(name);
    told(readKept(name, otherwise));
  });
}

/** `otherwise` must be the same value each time (a constant). */
export function useKept<T>(name: string, otherwise: T): [T, (value: T) => void] {
  const value = useSyncExternalStore(watch, () => readKept(name, otherwise));
  const set = useCallback((next: T) => { keep(name, next); }, [name]);

  return [value, set];
}
