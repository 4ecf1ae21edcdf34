import { Button } from '@mantine/core';
import { Link } from 'react-router';
import { Section } from '@/components/layout/Page';
import { Failure, SkeletonRows } from '@/components/states/states';
import { count, counted } from '@/lib/format';
import { calendar, gapLink } from '../api/coverage';
import { useCheck, useCoverage, type CoverageDay } from '../api/schedules';
import classes from './ops.module.css';

const checked_days = 14;
// Days are arXiv's and so UTC, whatever the reader's zone is.
const head = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const name = (day: string) => head.format(new Date(day));

/** A sign for those who see it, words for those who hear it. */
function Said({ mark, words }: { mark: string; words: string }) {
  return (
    <>
      <span aria-hidden="true">{mark}</span>
      <span className="hidden-visually">{words}</span>
    </>
  );
}

function Cell({ day, at }: { day: string; at: CoverageDay | undefined }) {
  if (!at) return <td className={classes.dayUnknown} title={`${name(day)}: not looked at`}><Said mark="?" words="not looked at" /></td>;

  const words = `${at.category}, ${name(day)}: ${count(at.stored)} of ${count(at.expected)} papers`;

  if (at.missing <= 0) return <td className={classes.dayFull} title={words}><Said mark="✓" words={words} /></td>;
  return (
    <td className={classes.dayGap}>
      <Link to={gapLink(at)} title={`${words}. Fetch the rest`} aria-label={`${words}. Fetch the ${count(at.missing)} missing`}>
        {count(at.missing)}
      </Link>
    </td>
  );
}

/** What arXiv has and what is here, by category and day: gaps are numbers. */
export function Coverage() {
  const coverage = useCoverage();
  const check = useCheck(checked_days);
  const { days, rows } = calendar(coverage.data?.results ?? []);
  const gaps = rows.flatMap((row) => row.days).filter((one) => one !== undefined && one.missing > 0).length;

  return (
    <Section
      title="Coverage"
      aside={
        <Button variant="default" size="xs" loading={check.isPending} onClick={() => { check.mutate(); }}>
          Check the last {counted(checked_days, 'day')}
        </Button>
      }
    >
      {coverage.isError && !coverage.data ? (
        <Failure error={coverage.error} what="The coverage could not be read." retry={() => void coverage.refetch()} />
      ) : !coverage.data ? <SkeletonRows rows={3} height={36} /> : days.length === 0 ? (
        <p className="secondary">Not looked at yet. A check asks arXiv how many papers each day had, and shows which are missing here.</p>
      ) : (
        <>
          <p className="secondary">
            {gaps === 0 ? 'Nothing is missing.' : `${counted(gaps, 'gap')}: its number says how many papers are missing, and fetches them.`}
          </p>
          {/* It scrolls, so the keyboard must reach it. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <div className={classes.calendarBox} tabIndex={0} role="region" aria-label="Coverage by day">
            <table className={classes.calendar}>
              <thead>
                <tr>
                  <th scope="col">arXiv</th>
                  {days.map((day) => <th key={day} scope="col">{name(day)}</th>)}
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={row.category}>
                    <th scope="row">{row.category}</th>
                    {row.days.map((one, i) => <Cell key={days[i]} day={days[i] ?? ''} at={one} />)}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </Section>
  );
}
