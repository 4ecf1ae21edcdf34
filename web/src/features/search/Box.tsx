import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useDebouncedValue } from '@mantine/hooks';
import { useId, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { useNavigate } from 'react-router';
import { SearchIcon } from '@/components/icons';
import { Kbd } from '@/components/text/Kbd';
import { Tex } from '@/components/text/Tex';
import { useShortcuts } from '@/lib/keys';
import { useHas } from '@/lib/services';
import { findPapers, findPassages } from './api';
import classes from './Box.module.css';

interface Choice {
  key: string;
  to: string;
  kind: string;
  text: ReactNode;
  more?: ReactNode;
}

function useChoices(words: string): Choice[] {
  const [late] = useDebouncedValue(words, 80);
  const on = late.length > 1;
  const has = useHas();
  const hasPapers = has('backend') === true;
  const hasPassages = has('processor') === true;
  const papers = useQuery({
    queryKey: ['papers', 'box', late], enabled: on && hasPapers, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => findPapers(late, signal),
  });
  const passages = useQuery({
    queryKey: ['documents', 'box', late], enabled: on && hasPassages, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => findPassages(late, signal),
  });
  const ask: Choice = { key: 'ask', to: `/ask?q=${encodeURIComponent(words)}&ask=1`, kind: 'Ask', text: words };
  const all: Choice = {
    key: 'all', to: `/papers?search=${encodeURIComponent(words)}`, kind: 'Search papers', text: words,
  };

  if (words === '') return [];
  return [
    ...(words.endsWith('?') ? [ask, all] : [all, ask]).filter((choice) => (choice === ask ? hasPassages : hasPapers)),
    ...(on ? (papers.data ?? []) : []).map((paper) => ({
      key: `p${String(paper.id)}`, to: `/papers/${String(paper.id)}`, kind: 'Paper',
      text: <Tex>{paper.title}</Tex>, more: paper.authors,
    })),
    ...(on ? (passages.data ?? []) : []).map((hit) => ({
      key: hit.id, to: hit.to, kind: 'Passage', text: hit.title, more: hit.text,
    })),
  ];
}

/** The box at the top: words search, a question asks; results as one types. */
export function Box() {
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const [words, setWords] = useState('');
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const trimmed = words.trim();
  const choices = useChoices(trimmed);
  const active = choices[Math.min(at, choices.length - 1)];

  useShortcuts([{
    keys: '/', label: 'Search or ask', run: () => { input.current?.focus(); input.current?.select(); },
  }]);

  const go = (choice: Choice | undefined) => {
    if (!choice) return;
    setOpen(false);
    input.current?.blur();
    void navigate(choice.to);
  };
  const key = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];

    if (event.nativeEvent.isComposing) return;
    if (step !== undefined && choices.length > 0) {
      event.preventDefault();
      setOpen(true);
      setAt((at + step + choices.length) % choices.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      go(active);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      if (open && words) setOpen(false);
      else input.current?.blur();
    }
  };

  return (
    <div
      className={classes.box} role="search"
      onBlur={(event) => { if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false); }}
    >
      <span className={classes.icon}><SearchIcon /></span>
      <input
        ref={input} className={classes.input} type="text" value={words} maxLength={500}
        placeholder="Search or ask" aria-label="Search or ask" autoComplete="off" spellCheck={false}
        role="combobox" aria-expanded={open && choices.length > 0} aria-controls={id} aria-autocomplete="list"
        aria-activedescendant={open && active ? `${id}-${active.key}` : undefined}
        onChange={(event) => { setWords(event.target.value); setAt(0); setOpen(true); }}
        onFocus={() => { setOpen(true); }} onKeyDown={key}
      />
      <span className={classes.hint}><Kbd keys="/" /></span>
      <ul id={id} role="listbox" aria-label="Results" className={classes.list} hidden={!open || choices.length === 0}>
        {open && choices.map((choice) => (
          // Keys are handled by the box: the options never have the focus.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <li
            key={choice.key} id={`${id}-${choice.key}`} role="option" aria-selected={choice === active}
            className={classes.choice}
            onMouseDown={(event) => { event.preventDefault(); }} onClick={() => { go(choice); }}
          >
            <span className={classes.kind}>{choice.kind}</span>
            <span className={classes.text}>{choice.text}</span>
            {choice.more !== undefined && <span className={classes.more}>{choice.more}</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}
