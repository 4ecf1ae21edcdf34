import { Button } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { Choices } from '@/components/controls/Choices';
import { Bar, Failure } from '@/components/states/states';
import { count, counted } from '@/lib/format';
import { useKept } from '@/lib/kept';
import { spans, useSeries, type Interval, type Series } from '../api/stats';
import { labelOf } from './labels';
import classes from './live.module.css';

const Chart = lazy(() => import('./Chart'));

function summary(series: Series): string {
  const most = series.points.reduce((a, b) => (b.views > a.views ? b : a), series.points[0] ?? { start: '', views: 0 });

  return most.views === 0
    ? 'No views in this time.'
    : `${counted(series.views, 'view')}; most (${count(most.views)}) at ${labelOf(most.start, series.interval)}.`;
}

/** The same numbers for those who cannot see bars, or want to copy them. */
function Table({ series }: { series: Series }) {
  return (
    // It scrolls, so the keyboard must reach it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={classes.tableBox} tabIndex={0} role="region" aria-label="Views as a table">
      <table className={classes.table}>
        <thead><tr><th scope="col">Time</th><th scope="col">Views</th><th scope="col">Robots</th></tr></thead>
        <tbody>
          {[...series.points].reverse().map((point) => (
            <tr key={point.start}>
              <th scope="row">{labelOf(point.start, series.interval)}</th>
              <td>{count(point.views)}</td>
              <td>{count(point.bot_views)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Views({ interval, page }: { interval: Interval; page: string | null }) {
  const [asTable, setAsTable] = useKept('live.table', false);
  const series = useSeries(interval, page);
  const waiting = <Bar height={200} />;

  return (
    <section className={classes.views}>
      <div className={classes.bar}>
        <h2>Views</h2>
        <span className="secondary" role="status">{series.data ? summary(series.data) : ''}</span>
        <div className={classes.tools}>
          <Button
            variant="subtle" color="gray" size="compact-sm" aria-pressed={asTable}
            onClick={() => { setAsTable(!asTable); }}
          >
            Table
          </Button>
          <Choices
            label="Time" name="by" value={interval}
            options={spans.map(({ value, name }) => ({ value, name }))}
          />
        </div>
      </div>
      {series.isError && !series.data ? (
        <Failure error={series.error} what="The views did not come." retry={() => void series.refetch()} />
      ) : asTable ? (
        series.data ? <Table series={series.data} /> : waiting
      ) : (
        <div className={classes.chart} role="img" aria-label={series.data ? `Views over time. ${summary(series.data)}` : 'Views over time'}>
          {series.data ? <Suspense fallback={waiting}><Chart series={series.data} /></Suspense> : waiting}
        </div>
      )}
    </section>
  );
}
