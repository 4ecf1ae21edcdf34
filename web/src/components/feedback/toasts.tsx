import { useEffect, useSyncExternalStore } from 'react';
import { CloseIcon } from '../icons';
import classes from './toasts.module.css';

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action?: { label: string; run: () => void };
  /** Called once, when it goes away without its action. */
  gone?: () => void;
}

const shown_ms = 6000;
const watchers = new Set<() => void>();
let toasts: Toast[] = [];
let nextId = 1;

function change(next: Toast[]) {
  toasts = next;
  for (const told of watchers) told();
}

function add(toast: Omit<Toast, 'id'>) {
  // The oldest makes room: three lines are as much as one reads.
  for (const old of toasts.slice(0, -2)) close(old);
  change([...toasts, { ...toast, id: nextId++ }]);
}

function close(toast: Toast) {
  if (!toasts.includes(toast)) return;
  change(toasts.filter((t) => t !== toast));
  toast.gone?.();
}

export function toast(text: string) {
  add({ text, bad: false });
}

export function toastError(error: unknown) {
  add({ text: error instanceof Error ? error.message : 'That did not work.', bad: true });
}

/**
 * Undo in place of "are you sure": `commit` is called when the time for undoing
 * is over, or the page is left; `undo` when the person wants it back.
 */
export function toastUndo(text: string, commit: () => void, undo: () => void) {
  add({
    text, bad: false, gone: commit,
    action: { label: 'Undo', run: undo },
  });
}

window.addEventListener('pagehide', () => {
  for (const t of toasts) close(t);
});

function watch(told: () => void) {
  watchers.add(told);
  return () => {
    watchers.delete(told);
  };
}

function One({ it }: { it: Toast }) {
  useEffect(() => {
    const timer = setTimeout(() => { close(it); }, it.bad ? shown_ms * 2 : shown_ms);

    return () => { clearTimeout(timer); };
  }, [it]);
  const act = () => {
    change(toasts.filter((t) => t !== it));
    it.action?.run();
  };

  return (
    <li className={classes.toast} data-bad={it.bad || undefined}>
      <span>{it.text}</span>
      {it.action && <button type="button" className={classes.action} onClick={act}>{it.action.label}</button>}
      <button type="button" className={classes.close} aria-label="Dismiss" onClick={() => { close(it); }}>
        <CloseIcon />
      </button>
    </li>
  );
}

export function Toasts() {
  const all = useSyncExternalStore(watch, () => toasts);

  return (
    <div role="status" aria-label="Messages">
      <ul className={classes.toasts}>
        {all.map((it) => <One key={it.id} it={it} />)}
      </ul>
    </div>
  );
}
