import type { RefObject } from 'react';
import { useShortcuts } from './keys';

/**
 * j and k walk over the rows of a list by moving the focus, so that Enter and
 * all else is the row's own.  A row is an element with `data-row` (its link)
 * inside of one that is its `li` or `tr`.
 */
export function useRowKeys(list: RefObject<HTMLElement | null>, what: string): void {
  const move = (step: number) => {
    const rows = [...(list.current?.querySelectorAll<HTMLElement>('[data-row]') ?? [])];
    const inside = document.activeElement?.closest('li, tr');
    const at = rows.findIndex((row) => inside?.contains(row));
    const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)];

    next?.focus({ preventScroll: true });
    next?.closest('li, tr')?.scrollIntoView({ block: 'nearest' });
  };

  useShortcuts([
    { keys: 'j', label: `Next ${what}`, run: () => { move(1); } },
    { keys: 'k', label: `Previous ${what}`, run: () => { move(-1); } },
  ]);
}
