import { useEffect, useRef } from 'react';
import { Kbd } from '@/components/text/Kbd';
import { CloseIcon } from '@/components/icons';
import { useShownShortcuts } from '@/lib/keys';
import classes from './Help.module.css';

/** The keys that do something now, on a native dialog. */
export function Help({ opened, close }: { opened: boolean; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const shortcuts = useShownShortcuts();

  useEffect(() => {
    if (opened) dialog.current?.showModal();
    else dialog.current?.close();
  }, [opened]);
  return (
    <dialog ref={dialog} className={classes.help} onClose={close} aria-labelledby="help-title" aria-modal="true">
      {opened && (
        <>
          <div className={classes.head}>
            <h2 id="help-title">Keys</h2>
            <button type="button" className={classes.close} aria-label="Close (Esc)" onClick={close}>
              <CloseIcon />
            </button>
          </div>
          <dl className={classes.keys}>
            {shortcuts.map(({ keys, label }) => (
              <div key={keys} className={classes.row}>
                <dt>{label}</dt>
                <dd><Kbd keys={keys} /></dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </dialog>
  );
}
