import { memo, useMemo } from 'react';
import { Hint } from '@/components/feedback/Hint';
import type { Quote } from '../api/quote';
import { paragraphsOf, type Inline } from '../api/rich';
import classes from './Answer.module.css';

/** What a citation shows without opening it: the sentence, else how the passage begins. */
function Sentence({ quote }: { quote: Quote }) {
  const { text, lit } = quote;

  return (
    <>
      <strong className={classes.hintTitle}>{quote.title}</strong>
      <span dir="auto">{lit ? text.slice(lit.from, lit.to) : `${text.slice(0, 200)} …`}</span>
    </>
  );
}

function Cite({ n, quote, open }: { n: number; quote?: Quote; open: (n: number) => void }) {
  // A number that leads nowhere: the server takes them out; while it writes one may be there.
  if (!quote) return `[${String(n)}]`;
  return (
    <Hint content={() => <Sentence quote={quote} />}>
      <button type="button" className={classes.cite} aria-label={`Source ${String(n)}: ${quote.title}`} onClick={() => { open(n); }}>
        {n}
      </button>
    </Hint>
  );
}

function Run({ parts, quotes, open }: { parts: Inline[]; quotes: Quote[]; open: (n: number) => void }) {
  return parts.map((part, i) => {
    switch (part.kind) {
      case 'cite':
        return <Cite key={i} n={part.n} quote={quotes[part.n - 1]} open={open} />;
      case 'code':
        return <code key={i}>{part.text}</code>;
      case 'strong':
        return <strong key={i}>{part.text}</strong>;
      case 'text':
        return <span key={i}>{part.text}</span>;
    }
  });
}

/** An answer, whose [n] are buttons. */
export const AnswerText = memo(function AnswerText({ text, quotes, open }: {
  text: string;
  quotes: Quote[];
  open: (n: number) => void;
}) {
  const paragraphs = useMemo(() => paragraphsOf(text), [text]);

  return paragraphs.map((p, i) => {
    if (p.kind === 'code') return <pre key={i} className={classes.code}>{p.text}</pre>;
    if (p.kind === 'text') return <p key={i} dir="auto"><Run parts={p.inline} quotes={quotes} open={open} /></p>;

    const List = p.ordered ? 'ol' : 'ul';

    return (
      <List key={i} className={classes.list}>
        {p.items.map((item, j) => <li key={j} dir="auto"><Run parts={item} quotes={quotes} open={open} /></li>)}
      </List>
    );
  });
});
