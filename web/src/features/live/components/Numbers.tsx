import { Bar } from '@/components/states/states';
import { count } from '@/lib/format';
import { change } from '../api/days';
import { useLiveNow } from '@/lib/shared';
import { useToday, useVisitors } from '../api/stats';
import classes from './live.module.css';

function Change({ now, before, than }: { now: number; before: number; than: string }) {
  const percent = change(now, before);

  return (
    <>
      {percent !== undefined && <strong>{percent}</strong>} {count(before)} {than}
    </>
  );
}

function One({ name, value, children }: { name: string; value?: number; children: React.ReactNode }) {
  return (
    <div className={classes.number}>
      <dt>{name}</dt>
      <dd className={classes.value}>{value === undefined ? <Bar width="64px" height={28} /> : count(value)}</dd>
      <dd className="secondary">{children}</dd>
    </div>
  );
}

/** Readers now, views today, visitors today. */
export function Numbers() {
  const live = useLiveNow().data;
  const today = useToday().data;
  const visitors = useVisitors().data;

  return (
    <dl className={classes.numbers}>
      <One name="Readers now" value={live?.visitors}>
        {live ? `in the last ${String(live.minutes)} minutes` : <Bar width="120px" />}
      </One>
      <One name="Views today" value={today?.views}>
        {today ? <Change now={today.views} before={today.before} than="yesterday by this time" /> : <Bar width="120px" />}
      </One>
      <One name="Visitors today" value={visitors?.visitors}>
        {visitors ? <Change now={visitors.visitors} before={visitors.before} than="on all of yesterday (UTC)" /> : <Bar width="120px" />}
      </One>
    </dl>
  );
}
