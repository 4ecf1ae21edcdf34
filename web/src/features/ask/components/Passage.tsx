import { Link } from 'react-router';
import { excerpt } from '../api/excerpt';
import type { Quote } from '../api/quote';
import { Lit } from './Lit';
import classes from './Passage.module.css';

const similar = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** How near it is, as a number with its metric. */
export function Nearness({ similarity }: { similarity: number | null }) {
  if (similarity === null) return <span className={classes.near}>by its words</span>;
  return (
    <span className={classes.near} title="Cosine similarity of meaning: 1 is the same">
      {similar.format(similarity)} <span className={classes.metric}>cosine</span>
    </span>
  );
}

/** A passage in a list.  `onOpen`: open it beside the list in place of its document. */
export function Passage({ quote, number, active = false, onOpen }: {
  quote: Quote;
  number?: number;
  active?: boolean;
  onOpen?: () => void;
}) {
  const part = excerpt(quote.text, quote.lit);
  const title = <bdi>{quote.title}</bdi>;

  return (
    <li className={classes.passage} data-active={active || undefined}>
      <div className={classes.head}>
        {number !== undefined && <span className={classes.number}>{number}</span>}
        {onOpen
          ? <button type="button" className={classes.title} data-row onClick={onOpen} aria-expanded={active}>{title}</button>
          : <Link to={quote.to} className={classes.title} data-row>{title}</Link>}
        {quote.place !== '' && <span className={classes.place}>{quote.place}</span>}
        <Nearness similarity={quote.similarity} />
      </div>
      <p className={classes.text} dir="auto"><Lit {...part} /></p>
    </li>
  );
}
