import { useEffect, useRef, type ReactNode } from 'react';
import classes from './Dropdown.module.css';

/** A button that opens a short list of links or buttons; any of them, Escape,
 *  or a click elsewhere closes it. */
export function Dropdown({ label, children }: { label: string; children: ReactNode }) {
  const at = useRef<HTMLDetailsElement>(null);

  useEffect(() => {
    const close = (event: Event) => {
      const box = at.current;

      if (!box?.open) return;
      if (event instanceof KeyboardEvent) {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        box.querySelector('summary')?.focus();
      } else if (event.target instanceof Node && box.querySelector('summary')?.contains(event.target)) {
        return;
      }
      box.open = false;
    };

    window.addEventListener('click', close);
    window.addEventListener('keydown', close, true);
    return () => {
      window.removeEventListener('click', close);
      window.removeEventListener('keydown', close, true);
    };
  }, []);
  return (
    <details ref={at} className={classes.dropdown}>
      <summary>{label}</summary>
      <div className={classes.list}>{children}</div>
    </details>
  );
}
