import { memo, type ReactNode } from 'react';
import { Link } from 'react-router';
import { StarIcon } from '@/components/icons';
import { Ago } from '@/components/text/Ago';
import { Tex } from '@/components/text/Tex';
import type { Paper } from '@/lib/api/types';
import { authors } from '@/lib/format';
import { ScoreBar } from './ScoreBar';
import classes from './paper.module.css';

export interface PaperRowProps {
  paper: Paper;
  to: string;
  active?: boolean;
  selected?: boolean;
  isNew?: boolean;
  /** A third line, as the reason for its place. */
  reason?: ReactNode;
  /** Toggles; without it there is no box. */
  onSelect?: (id: number) => void;
}

/** Title; authors, category, date; the score at the right. */
export const PaperRow = memo(function PaperRow({
  paper, to, active = false, selected = false, isNew = false, reason, onSelect,
}: PaperRowProps) {
  return (
    <div className={classes.row} data-active={active || undefined} data-selected={selected || undefined} data-read={paper.read || undefined}>
      <div className={classes.mark}>
        {onSelect && (
          <input
            type="checkbox" className={classes.check} checked={selected} tabIndex={-1}
            aria-label={`Select ${paper.title}`} onChange={() => { onSelect(paper.id); }}
          />
        )}
        {isNew && <span className={classes.dot} role="img" aria-label="New" title="New since your last visit" />}
      </div>
      <div className={classes.main}>
        <div className={classes.first}>
          <Link to={to} className={classes.title} id={`paper-${String(paper.id)}`} aria-current={active || undefined} dir="auto">
            <Tex>{paper.title}</Tex>
          </Link>
          {paper.version !== null && paper.version > 1 && <span className={classes.badge} title={`Version ${String(paper.version)}`}>v{paper.version}</span>}
          {paper.starred && <span className={classes.star} role="img" aria-label="Starred"><StarIcon filled /></span>}
        </div>
        <div className={classes.second}>
          <span className={classes.authors} dir="auto">{authors(paper.author_list)}</span>
          <span className={classes.rest}>
            {paper.primary_category}
            {paper.published_at && <> · <Ago at={paper.published_at} /></>}
          </span>
        </div>
        {reason !== undefined && <div className={classes.reason}>{reason}</div>}
      </div>
      <ScoreBar paper={paper} />
    </div>
  );
});
