import { Link } from 'react-router';
import { Pane } from '@/components/layout/Split';
import type { Quote } from '../api/quote';
import { Lit } from './Lit';
import { Nearness } from './Passage';
import classes from './SourcePane.module.css';

/** A source beside its answer, at the sentence that is cited. */
export function SourcePane({ n, quote, close }: { n: number; quote: Quote; close: () => void }) {
  return (
    <Pane label={`Source ${String(n)}: ${quote.title}`} close={close} actions={<span className="secondary">Source {n}</span>}>
      {/* On a phone this is the page. */}
      <h1 className={classes.title}><bdi>{quote.title}</bdi></h1>
      <p className={classes.facts}>
        {quote.place !== '' && <span>{quote.place}</span>}
        <Nearness similarity={quote.similarity} />
      </p>
      <p className={classes.text} dir="auto"><Lit text={quote.text} lit={quote.lit} /></p>
      <p><Link to={quote.to}>{quote.to.startsWith('/papers/') ? 'Open the paper' : 'Open in its document'}</Link></p>
    </Pane>
  );
}
