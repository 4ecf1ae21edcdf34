import '@mantine/charts/styles.layer.css';
import { BarChart } from '@mantine/charts';
import type { Series } from '../api/stats';
import { labelOf } from './labels';

/** A chunk of its own: charts are large. */
export default function Chart({ series }: { series: Series }) {
  const data = series.points.map((point) => ({
    at: labelOf(point.start, series.interval), Views: point.views,
  }));

  return (
    <BarChart
      h={200} data={data} dataKey="at" series={[{ name: 'Views', color: 'var(--accent-fill)' }]}
      gridAxis="x" tickLine="none" withTooltip barProps={{ isAnimationActive: false, radius: 2 }}
      yAxisProps={{ allowDecimals: false, width: 44 }}
      xAxisProps={{ minTickGap: 32 }} tooltipAnimationDuration={0}
      barChartProps={{ accessibilityLayer: false }}
    />
  );
}
