import { Button } from '@mantine/core';
import { useMemo, useRef } from 'react';
import { toast } from '@/components/feedback/toasts';
import { Bar } from '@/components/states/states';
import { copy } from '@/lib/clipboard';
import { counted, duration } from '@/lib/format';
import { useRowKeys } from '@/lib/useRowKeys';
import { quoteOfSource, type Quote } from '../api/quote';
import { citedIn } from '../api/rich';
import { isRunning, type Turn as TurnData } from '../api/turn';
import { AnswerText } from './AnswerText';
import { Passage } from './Passage';
import classes from './Answer.module.css';

function tookOf(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toLocaleString(undefined, { maximumFractionDigits: 1 })} s` : duration(ms / 1000);
}

/** "Answer from 3 passages · sentences word for word · 0.4 s" */
function Facts({ turn }: { turn: TurnData }) {
  const cited = citedIn(turn.answer, turn.sources.length).size;
  const parts = [
    ...(turn.state === 'stopped' ? ['Stopped'] : []),
    ...(cited > 0 ? [`Answer from ${counted(cited, 'passage')}`] : []),
    ...(cited === 0 ? [] : turn.model === 'extractive' ? ['sentences of the sources, word for word'] : turn.model === undefined ? [] : [turn.model]),
    ...(turn.ms === undefined ? [] : [tookOf(turn.ms)]),
  ];

  return <p className={classes.facts}>{parts.join(' · ')}</p>;
}

/** What the server wants to be known about an answer. */
function Notes({ turn }: { turn: TurnData }) {
  const { warning, leftOut, complete } = turn;
  const notes = [
    ...(warning === undefined ? [] : [warning]),
    ...(complete === false && warning === undefined ? ['This answer is not complete.'] : []),
    ...(leftOut && leftOut.sources > 0 ? [`The model had no room for ${counted(leftOut.sources, 'passage')}.`] : []),
    ...(leftOut && leftOut.turns > 0 ? [`The model had no room for ${counted(leftOut.turns, 'earlier question')}.`] : []),
  ];

  return notes.map((note) => <p key={note} className={classes.note}>{note}</p>);
}

/** An answer and its sources as text, for a letter or a note. */
function asText({ question, answer }: TurnData, quotes: Quote[]): string {
  const cited = citedIn(answer, quotes.length);
  const sources = quotes.flatMap((q, i) =>
    cited.has(i + 1)
      ? [`[${String(i + 1)}] ${[q.title, q.place].filter(Boolean).join(', ')} ${window.location.origin}/app${q.to}`]
      : []);

  return [question, answer, sources.join('\n')].filter(Boolean).join('\n\n');
}

export function Turn({ turn, open, opened, last, stop, again }: {
  turn: TurnData;
  open: (n: number) => void;
  /** The source that is open beside it. */
  opened?: number;
  last: boolean;
  stop: () => void;
  again: () => void;
}) {
  const { answer, sources, state } = turn;
  const list = useRef<HTMLOListElement>(null);
  // Which sentence is cited is looked for once the answer is whole.
  const settled = isRunning(turn) ? '' : answer;
  const quotes = useMemo(() => sources.map((s) => quoteOfSource(s, settled)), [sources, settled]);
  const thin = turn.grounded === false;
  const shown = thin ? quotes.slice(0, 3) : quotes;

  useRowKeys(list, 'source');
  return (
    <article className={classes.turn} aria-label={turn.question}>
      <h2 className={classes.question} dir="auto">{turn.question}</h2>
      <div
        role="group" aria-label="Answer" aria-live="polite" aria-busy={isRunning(turn)}
        className={classes.answer} data-thin={thin || undefined}
      >
        {answer === '' && isRunning(turn) && (
          <div className={classes.waiting}>
            <p className="secondary" role="status">{state === 'searching' ? 'Looking for passages' : 'Reading them'}</p>
            <Bar width="92%" /><Bar width="78%" />
          </div>
        )}
        <AnswerText text={answer} quotes={quotes} open={open} />
        {state === 'failed' && <p className={classes.failed} role="alert">{turn.error}</p>}
      </div>
      {!isRunning(turn) && <Facts turn={turn} />}
      <Notes turn={turn} />
      <div className={classes.buttons}>
        {isRunning(turn) && <Button variant="default" size="xs" onClick={stop}>Stop</Button>}
        {!isRunning(turn) && last && <Button variant="default" size="xs" onClick={again}>Ask again</Button>}
        {!isRunning(turn) && answer !== '' && (
          <Button
            variant="default" size="xs"
            onClick={() => void copy(asText(turn, quotes)).then((ok) => { toast(ok ? 'Copied, with its sources.' : 'This browser does not let pages copy.'); })}
          >
            Copy with citations
          </Button>
        )}
      </div>
      {shown.length > 0 && (
        <section className={classes.sources}>
          <h3>{thin ? 'The nearest passages' : 'Sources'}</h3>
          <ol ref={list}>
            {shown.map((quote, i) => (
              <Passage key={quote.key} quote={quote} number={i + 1} active={opened === i + 1} onOpen={() => { open(i + 1); }} />
            ))}
          </ol>
        </section>
      )}
    </article>
  );
}
