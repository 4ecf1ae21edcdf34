import { Button } from '@mantine/core';
import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { CloseIcon } from '@/components/icons';
import { addText } from '../api/uploads';
import classes from './PasteDialog.module.css';

/** The server takes 15 MiB; what JSON adds to a text is left as room. */
const most_bytes = 14_000_000;

/** A title for a text that has none: its first line, without Markdown's mark. */
function firstLine(text: string): string {
  return (/\S.*/.exec(text)?.[0] ?? '').replace(/^#+\s*/, '').slice(0, 120).trim();
}

/** A text without a file. */
export function PasteDialog({ text: given, close }: { text: string; close: () => void }) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [title, setTitle] = useState('');
  const [text, setText] = useState(given);
  const guess = firstLine(text);
  const large = text.length > most_bytes / 3 && new Blob([text]).size > most_bytes;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    addText(title.trim() || guess, text);
    dialog.current?.close();
  };

  useEffect(() => { dialog.current?.showModal(); }, []);
  return (
    <dialog ref={dialog} className={classes.dialog} aria-labelledby={`${id}-head`} aria-modal="true" onClose={close}>
      <form className={classes.form} onSubmit={submit}>
        <div className={classes.head}>
          <h2 id={`${id}-head`}>Add a text</h2>
          <button type="button" className={classes.close} aria-label="Close (Esc)" onClick={() => dialog.current?.close()}>
            <CloseIcon />
          </button>
        </div>
        <label className={classes.label} htmlFor={`${id}-text`}>Text</label>
        <textarea
          id={`${id}-text`} className={classes.text} dir="auto" value={text} rows={12} required
          aria-describedby={large ? `${id}-large` : undefined}
          onChange={(event) => { setText(event.target.value); }}
        />
        {large && (
          <p id={`${id}-large`} className={classes.bad} role="alert">
            That is more than a text may have. Save it as a file and add that: files may have 50 MB.
          </p>
        )}
        <label className={classes.label} htmlFor={`${id}-title`}>
          Title <span className="secondary">(its first line, if you leave it empty)</span>
        </label>
        <input
          id={`${id}-title`} className={classes.input} dir="auto" value={title} maxLength={500}
          placeholder={guess} onChange={(event) => { setTitle(event.target.value); }}
        />
        <div className={classes.buttons}>
          <Button variant="default" size="sm" onClick={() => dialog.current?.close()}>Cancel</Button>
          <Button type="submit" size="sm" disabled={guess === '' || large}>Add it</Button>
        </div>
      </form>
    </dialog>
  );
}
