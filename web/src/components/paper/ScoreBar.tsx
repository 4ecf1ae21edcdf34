import { Hint } from '@/components/feedback/Hint';
import type { Paper } from '@/lib/api/types';
import { scoreParts } from '@/lib/score';
import classes from './paper.module.css';

const two = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** What the score is made of, one part a line. */
export function ScoreParts({ paper }: { paper: Paper }) {
  return (
    <dl className={classes.parts}>
      {scoreParts(paper.relevance).map((part) => (
        <div key={part.label}>
          <dt>{part.label}</dt>
          <dd className="num">{two.format(part.points)}</dd>
        </div>
      ))}
      <div className={classes.total}>
        <dt>Score, of at most 1</dt>
        <dd className="num">{two.format(paper.relevance_score)}</dd>
      </div>
    </dl>
  );
}

/** The score as a small bar; hover says why. */
export function ScoreBar({ paper }: { paper: Paper }) {
  return (
    <Hint
      className={classes.score} label={`Score ${two.format(paper.relevance_score)}`}
      content={() => <ScoreParts paper={paper} />}
    >
      <span className={classes.track}>
        <span className={classes.fill} style={{ width: `${String(Math.round(paper.relevance_score * 100))}%` }} />
      </span>
      <span className="num">{two.format(paper.relevance_score)}</span>
    </Hint>
  );
}
