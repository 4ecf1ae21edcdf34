import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { Link, useLocation, useNavigate, useParams } from 'react-router';
import { Choices } from '@/components/controls/Choices';
import { CloseIcon } from '@/components/icons';
import { Page } from '@/components/layout/Page';
import { Split } from '@/components/layout/Split';
import { Empty, Failure, SkeletonRows } from '@/components/states/states';
import type { Job } from '@/lib/api/types';
import { paced } from '@/lib/paced';
import { useLive } from '@/lib/socket';
import { useSearch } from '@/lib/useSearch';
import { shown, useDeliveries, type Shown } from '../api/deliveries';
import { DeliveryList } from '../components/DeliveryList';
import { DeliveryPane } from '../components/DeliveryPane';
import { More } from '../components/More';
import { Tabs } from '../components/Tabs';
import { TestPane } from '../components/TestPane';
import classes from '../components/ops.module.css';

function List({ status, job, open, search }: {
  status: Shown;
  job: string | null;
  open: number | undefined;
  search: string;
}) {
  const deliveries = useDeliveries(status, job);
  const rows = deliveries.data?.pages.flatMap((page) => page.results);

  if (deliveries.isError && !rows) {
    return <Failure error={deliveries.error} what="The deliveries could not be read." retry={() => void deliveries.refetch()} />;
  }
  if (!rows) return <SkeletonRows />;
  if (rows.length === 0) {
    return status !== 'all' || job !== null ? (
      <Empty title="No such deliveries."><p><Link to="/ops/webhooks">Show all deliveries</Link></p></Empty>
    ) : (
      <Empty title="Nothing was delivered yet.">
        <p>What the scraper finds goes to the backend as a signed webhook. Each of these calls can be seen here, and sent again.</p>
        <div><Button component={Link} to="/ops/jobs?fetch=1" size="xs">Fetch papers</Button></div>
      </Empty>
    );
  }
  return (
    <>
      <DeliveryList rows={rows} open={open} search={search} />
      <More of={deliveries} />
    </>
  );
}

/** A delivery has no event of its own: its job and the scrape's tell of it. */
function useDeliveryEvents() {
  const queries = useQueryClient();
  const [again] = useState(() => paced(() => void queries.invalidateQueries({ queryKey: ['deliveries'] }), 1000));

  useLive('job_progress', useCallback((job: Job) => {
    if (job.kind === 'scrape' || job.kind === 'webhook') again.ask();
  }, [again]));
  useEffect(() => again.stop, [again]);
}

export function WebhooksPage() {
  const { id } = useParams();
  const { search } = useLocation();
  const navigate = useNavigate();
  const [params, patch] = useSearch();
  useDeliveryEvents();

  const open = id !== undefined && /^\d{1,15}$/.test(id) ? Number(id) : undefined;
  const status = shown.find((one) => one.value === params.get('status'))?.value ?? 'all';
  const job = params.get('job');
  const pane = open !== undefined
    ? <DeliveryPane key={open} id={open} close={() => void navigate({ pathname: '/ops/webhooks', search })} />
    : params.has('test') && <TestPane close={() => { patch({ test: null }); }} />;

  return (
    <Split pane={pane}>
      <Page
        title="Deliveries"
        aside={<Button component={Link} to="/ops/webhooks?test=1" variant="default" size="xs">Test the webhook</Button>}
        filters={
          <>
            <Tabs />
            <Choices label="Status" name="status" value={status} options={shown} />
            {job !== null && (
              <span className={classes.chip}>
                of {job}
                <button type="button" aria-label="Of all jobs" onClick={() => { patch({ job: null }); }}><CloseIcon /></button>
              </span>
            )}
          </>
        }
      >
        <List status={status} job={job} open={open} search={search} />
      </Page>
    </Split>
  );
}
