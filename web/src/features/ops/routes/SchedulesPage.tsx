import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { Link } from 'react-router';
import { Page } from '@/components/layout/Page';
import { Pane, Split } from '@/components/layout/Split';
import { Empty, Failure, SkeletonRows } from '@/components/states/states';
import type { Job } from '@/lib/api/types';
import { isOver } from '@/lib/jobs';
import { useLive } from '@/lib/socket';
import { useSearch } from '@/lib/useSearch';
import { useDeletion, useSchedules, type Schedule } from '../api/schedules';
import { Coverage } from '../components/Coverage';
import { ScheduleForm } from '../components/ScheduleForm';
import { ScheduleList } from '../components/ScheduleList';
import { Tabs } from '../components/Tabs';
import classes from '../components/ops.module.css';

function List({ schedules, rows, open, remove }: {
  schedules: ReturnType<typeof useSchedules>;
  rows: Schedule[] | undefined;
  open: number | undefined;
  remove: (id: number) => void;
}) {
  if (schedules.isError && !rows) {
    return <Failure error={schedules.error} what="The schedules could not be read." retry={() => void schedules.refetch()} />;
  }
  if (!rows) return <SkeletonRows rows={3} />;
  if (rows.length === 0) {
    return (
      <Empty title="Nothing is fetched by itself yet.">
        <p>A schedule fetches papers again and again. A run that was missed while the machine was off is caught up.</p>
        <div><Button component={Link} to="/ops/schedules?new=1" size="xs">Add a schedule</Button></div>
      </Empty>
    );
  }
  return <ScheduleList rows={rows} open={open} remove={remove} />;
}

/** A check of the coverage ended, or a scrape that fills gaps. */
function useCoverageEvents() {
  const queries = useQueryClient();

  useLive('job_progress', useCallback((job: Job) => {
    if (!isOver(job) || (job.kind !== 'coverage' && job.kind !== 'scrape')) return;
    void queries.invalidateQueries({ queryKey: ['coverage'] });
    void queries.invalidateQueries({ queryKey: ['schedules'] });
  }, [queries]));
}

export function SchedulesPage() {
  const [params, patch] = useSearch();
  const schedules = useSchedules();
  const { going, remove } = useDeletion();
  const rows = schedules.data?.results.filter((one) => !going.has(one.id));
  const edited = rows?.find((one) => String(one.id) === params.get('edit'));
  const close = () => { patch({ new: null, edit: null }); };

  useCoverageEvents();

  const form = edited ? (
    <Pane key={edited.id} label="Change the schedule" close={close}>
      <div className={classes.stack}>
        <h2>Change the schedule</h2>
        <ScheduleForm one={edited} saved={close} />
      </div>
    </Pane>
  ) : params.has('new') && (
    <Pane label="Add a schedule" close={close}>
      <div className={classes.stack}>
        <h2>Add a schedule</h2>
        <ScheduleForm saved={close} />
      </div>
    </Pane>
  );

  return (
    <Split pane={form}>
      <Page
        title="Schedules" filters={<Tabs />}
        aside={<Button component={Link} to="/ops/schedules?new=1" size="xs">Add a schedule</Button>}
      >
        <List schedules={schedules} rows={rows} open={edited?.id} remove={remove} />
        <Coverage />
      </Page>
    </Split>
  );
}
