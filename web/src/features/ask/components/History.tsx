import { Button } from '@mantine/core';
import { Link } from 'react-router';
import { toastUndo } from '@/components/feedback/toasts';
import { TrashIcon } from '@/components/icons';
import { Section } from '@/components/layout/Page';
import { Ago } from '@/components/text/Ago';
import { counted } from '@/lib/format';
import { forget, forgetAll, restore, type Conversation } from '../api/conversations';
import classes from './History.module.css';

function linkTo({ id, turns }: Conversation): string {
  return `/ask?${new URLSearchParams({ q: turns.at(-1)?.question ?? '', ask: '1', c: id }).toString()}`;
}

/** What was asked from this browser. */
export function History({ all }: { all: Conversation[] }) {
  const clear = () => {
    const gone = forgetAll();

    toastUndo(`${counted(gone.length, 'question')} forgotten.`, () => undefined, () => { gone.forEach(restore); });
  };
  const drop = (one: Conversation) => {
    forget(one.id);
    toastUndo('Forgotten.', () => undefined, () => { restore(one); });
  };

  return (
    <Section
      title="Asked before"
      aside={<Button variant="subtle" color="gray" size="compact-xs" onClick={clear}>Forget all</Button>}
    >
      <p className="secondary">Kept in this browser only, the last fifty.</p>
      <ul className={classes.list}>
        {all.map((one) => (
          <li key={one.id} className={classes.row}>
            <Link to={linkTo(one)} className={classes.link}><bdi>{one.turns[0]?.question}</bdi></Link>
            {one.turns.length > 1 && <small>+ {one.turns.length - 1}</small>}
            <small className={classes.when}><Ago at={new Date(one.at).toISOString()} /></small>
            <button
              type="button" className={classes.drop} title="Forget" aria-label={`Forget ${one.turns[0]?.question ?? ''}`}
              onClick={() => { drop(one); }}
            >
              <TrashIcon />
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}
