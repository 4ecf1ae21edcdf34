import { useCallback, useEffect, useRef, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { api, reply } from '@/lib/api/client';
import type { PaperDetail } from '../api/papers';
import classes from './pane.module.css';

const pause_ms = 700;
const longest = 20_000;

/**
 * A note that saves itself when one pauses, leaves the field or closes the
 * paper.  `kept`: what the server has; undefined: not known yet.  One paper for
 * the life of the component (give it a key).
 */
export function Note({ id, kept }: { id: number; kept: string | undefined }) {
  const queries = useQueryClient();
  const [text, setText] = useState<string>();
  const [state, setState] = useState<'' | 'saving' | 'saved' | 'failed'>('');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const unsaved = useRef<string>(undefined);

  const save = useCallback(() => {
    const note = unsaved.current;

    clearTimeout(timer.current);
    if (note === undefined) return;
    unsaved.current = undefined;
    setState('saving');
    reply(api.PATCH('/api/papers/{id}/marks/', { params: { path: { id } }, body: { note }, keepalive: note.length < 10_000 })).then(
      () => {
        queries.setQueryData<PaperDetail>(['papers', 'one', id], (old) => old && { ...old, note, has_note: note.trim() !== '' });
        setState('saved');
      },
      () => {
        // Newer text takes this one's place; otherwise the next pause tries again.
        unsaved.current ??= note;
        setState('failed');
      },
    );
  }, [id, queries]);

  useEffect(() => {
    window.addEventListener('pagehide', save);
    return () => {
      window.removeEventListener('pagehide', save);
      save();
    };
  }, [save]);
  return (
    <>
      <textarea
        id="paper-note" className={classes.note} aria-label="Note" placeholder="Markdown, saved as you write"
        rows={3} maxLength={longest} dir="auto" readOnly={kept === undefined && text === undefined}
        value={text ?? kept ?? ''}
        onChange={(event) => {
          setText(event.target.value);
          unsaved.current = event.target.value;
          clearTimeout(timer.current);
          timer.current = setTimeout(save, pause_ms);
        }}
        onBlur={save}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.stopPropagation();
          event.currentTarget.blur();
        }}
      />
      <p className="secondary" role="status">
        {state === 'saving' && 'Saving…'}
        {state === 'saved' && 'Saved.'}
        {state === 'failed' && (
          <>Not saved; sheaf did not take it. <button type="button" className={classes.inline} onClick={save}>Try again</button></>
        )}
      </p>
    </>
  );
}
