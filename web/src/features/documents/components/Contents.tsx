import { Link } from 'react-router';
import type { Outline } from '../api/pieces';
import classes from './Contents.module.css';

const to = (at: number): string => `?from=${String(at)}`;

/** Headings, or pages, to go to; `went`: one did. */
export function Contents({ outline, went }: { outline: Outline; went: () => void }) {
  const top = Math.min(...outline.headings.map((h) => h.level));

  if (outline.headings.length > 1) {
    return (
      <nav aria-label="Headings" className={classes.contents}>
        <ul>
          {outline.headings.map((h) => (
            <li key={h.start_char} data-depth={Math.min(h.level - top, 3)}>
              <Link to={to(h.start_char)} onClick={went}>{h.title || 'Without a name'}</Link>
            </li>
          ))}
        </ul>
      </nav>
    );
  }
  if (outline.pages.length > 1) {
    return (
      <nav aria-label="Pages of the document" className={classes.contents}>
        <h2 className={classes.head}>Pages</h2>
        <ul className={classes.pages}>
          {outline.pages.map((p) => (
            <li key={p.page}><Link to={to(p.start_char)} onClick={went} aria-label={`Page ${String(p.page)}`}>{p.page}</Link></li>
          ))}
        </ul>
      </nav>
    );
  }
  return (
    <nav aria-label="Contents" className={classes.contents}>
      <p className="secondary">This text has neither headings nor pages.</p>
    </nav>
  );
}
