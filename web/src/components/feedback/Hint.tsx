import { useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import classes from './Hint.module.css';

const wait_ms = 200;

/**
 * More about `children` on hover or focus: made only then, so that a thousand
 * rows with a hint each cost nothing.  With a `label` it is a picture; without, it is
 * what `children` are.
 */
export function Hint({ children, content, className, label, tabIndex }: {
  children: ReactNode;
  content: () => ReactNode;
  className?: string;
  label?: string;
  tabIndex?: number;
}) {
  const id = useId();
  const anchor = useRef<HTMLSpanElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [at, setAt] = useState<{ top: number; right: number; up: boolean }>();
  const show = (after: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const box = anchor.current?.getBoundingClientRect();

      if (!box) return;
      const up = box.bottom > window.innerHeight * 0.6;

      setAt({
        up, top: up ? window.innerHeight - box.top + 6 : box.bottom + 6,
        right: Math.max(8, window.innerWidth - box.right),
      });
    }, after);
  };
  const hide = () => {
    clearTimeout(timer.current);
    setAt(undefined);
  };

  useEffect(() => () => { clearTimeout(timer.current); }, []);
  useEffect(() => {
    if (!at) return undefined;
    const key = (event: KeyboardEvent) => {
      if (event.key === 'Escape') hide();
    };

    window.addEventListener('keydown', key, true);
    window.addEventListener('scroll', hide, true);
    return () => {
      window.removeEventListener('keydown', key, true);
      window.removeEventListener('scroll', hide, true);
    };
  }, [at]);
  return (
    <span
      ref={anchor} className={className} role={label === undefined ? undefined : 'img'} aria-label={label} tabIndex={tabIndex}
      aria-describedby={at ? id : undefined}
      onMouseEnter={() => { show(wait_ms); }} onMouseLeave={hide} onFocus={() => { show(0); }} onBlur={hide}
    >
      {children}
      {at && createPortal(
        <div
          id={id} role="tooltip" className={classes.hint}
          style={{ right: at.right, [at.up ? 'bottom' : 'top']: at.top }}
        >
          {content()}
        </div>,
        document.body,
      )}
    </span>
  );
}
