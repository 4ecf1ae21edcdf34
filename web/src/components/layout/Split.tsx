import { ActionIcon } from '@mantine/core';
import { useEffect, useRef, type ReactNode } from 'react';
import { CloseIcon } from '../icons';
import { useShortcuts } from '@/lib/keys';
import classes from './layout.module.css';

/** A list, and beside it what is open; on a phone what is open is the page. */
export function Split({ children, pane }: { children: ReactNode; pane: ReactNode }) {
  return (
    <div className={classes.split} data-open={pane ? true : undefined}>
      <div className={classes.list}>{children}</div>
      {pane}
    </div>
  );
}

/** `label`: what is open, for those who hear the page. */
export function Pane({ label, close, children, actions }: {
  label: string;
  close: () => void;
  children: ReactNode;
  actions?: ReactNode;
}) {
  const at = useRef<HTMLElement>(null);

  useShortcuts([{ keys: 'Escape', label: 'Close', run: close }]);
  // Another thing in the same pane begins at its top.
  useEffect(() => {
    at.current?.scrollTo({ top: 0 });
  }, [label]);

  return (
    <aside ref={at} className={classes.pane} aria-label={label}>
      <div className={classes.paneBar}>
        <div className={classes.paneActions}>{actions}</div>
        <ActionIcon variant="subtle" color="gray" aria-label="Close (Esc)" onClick={close}>
          <CloseIcon />
        </ActionIcon>
      </div>
      <div className={classes.paneBody}>{children}</div>
    </aside>
  );
}
