import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { Bar } from '@/components/states/states';
import { count } from '@/lib/format';
import { useHas } from '@/lib/services';
import { useLiveNow } from '@/lib/shared';
import { useViewsToday } from '../api/today';
import classes from './today.module.css';

function Tile({ to, name, value }: { to: string; name: string; value: number | undefined }): ReactNode {
  return (
    <Link to={to} className={classes.tile}>
      <span className={classes.value}>{value === undefined ? <Bar width="40px" height={20} /> : count(value)}</span>
      <span className="secondary">{name}</span>
    </Link>
  );
}

export function Numbers({ papers, documents }: { papers: number | undefined; documents: number | undefined }) {
  const readers = useLiveNow();
  const views = useViewsToday();
  const has = useHas();
  const counts = has('analytics') !== false;

  return (
    <div className={classes.tiles}>
      {counts && <Tile to="/live" name="readers now" value={readers.data?.visitors} />}
      {counts && <Tile to="/live" name="views today" value={views.data?.views} />}
      {has('backend') !== false && <Tile to="/papers" name="papers" value={papers} />}
      {has('processor') !== false && <Tile to="/documents" name="documents" value={documents} />}
    </div>
  );
}
