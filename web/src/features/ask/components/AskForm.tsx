import { Button } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import classes from './AskForm.module.css';

const most_chars = 2000;

/** One box: words are searched for, a question is asked.  Enter does what fits. */
export function AskForm({ q, asks, submit, focus = false }: {
  q: string;
  /** What Enter does where there is no question mark. */
  asks: boolean;
  submit: (q: string, ask: boolean) => void;
  focus?: boolean;
}) {
  const [words, setWords] = useState(q);
  const trimmed = words.trim();
  const enters = asks || trimmed.endsWith('?');
  const go = (event: FormEvent) => {
    event.preventDefault();
    if (trimmed !== '') submit(trimmed, enters);
  };

  return (
    <form className={classes.form} onSubmit={go}>
      <input
        className={classes.input} value={words} maxLength={most_chars} dir="auto" aria-label="Words or a question"
        placeholder="Words to find, or a question" enterKeyHint="search" autoComplete="off"
        // The page is this box; who comes for it wants to write.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        autoFocus={focus}
        onChange={(event) => { setWords(event.target.value); }}
      />
      <Button
        type={enters ? 'button' : 'submit'} size="sm" variant={enters ? 'default' : 'filled'} disabled={trimmed === ''}
        onClick={enters ? () => { submit(trimmed, false); } : undefined}
      >
        Search
      </Button>
      <Button
        type={enters ? 'submit' : 'button'} size="sm" variant={enters ? 'filled' : 'default'} disabled={trimmed === ''}
        onClick={enters ? undefined : () => { submit(trimmed, true); }}
      >
        Ask
      </Button>
    </form>
  );
}

/** The next question of a conversation. */
export function FollowUp({ submit }: { submit: (q: string) => void }) {
  const [words, setWords] = useState('');
  const go = (event: FormEvent) => {
    event.preventDefault();
    if (words.trim() === '') return;
    submit(words.trim());
    setWords('');
  };

  return (
    <form className={classes.followUp} onSubmit={go}>
      <input
        className={classes.input} value={words} maxLength={most_chars} dir="auto" autoComplete="off"
        aria-label="Ask on" placeholder="Ask on: what was said before counts"
        onChange={(event) => { setWords(event.target.value); }}
      />
      <Button type="submit" size="sm" variant="default" disabled={words.trim() === ''}>Ask on</Button>
    </form>
  );
}
