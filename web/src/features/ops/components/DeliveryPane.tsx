import { Button } from '@mantine/core';
import { Link } from 'react-router';
import { JobStatus } from '@/components/jobs/JobStatus';
import { Pane } from '@/components/layout/Split';
import { Failure, SkeletonRows } from '@/components/states/states';
import { bytes, count, exact } from '@/lib/format';
import { useDelivery, useReplay, type DeliveryDetail } from '../api/deliveries';
import { Facts } from './Facts';
import { LongText } from './LongText';
import classes from './ops.module.css';

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });

function TimeLine({ of }: { of: DeliveryDetail }) {
  return (
    <ol className={classes.line} aria-label="Attempts">
      {of.attempt_list.map((one) => (
        <li key={one.n} data-bad={one.error !== null || undefined}>
          <p>
            <strong>{one.status ?? 'No answer'}</strong>
            {one.error !== null && ` · ${one.error}`}
          </p>
          <p className="secondary">
            <time dateTime={one.at}>{moment.format(new Date(one.at))}</time> · took {count(one.took_ms)} ms
          </p>
          {one.response !== null && one.response !== '' && <LongText label={`Response ${String(one.n)}`} body={one.response} />}
        </li>
      ))}
      {of.status === 'pending' && (
        <li>
          <p>{of.attempts === 0 ? 'First try' : 'Next try'}</p>
          <p className="secondary">
            {of.next_attempt_at === null ? 'now' : <time dateTime={of.next_attempt_at}>{moment.format(new Date(of.next_attempt_at))}</time>}
          </p>
        </li>
      )}
    </ol>
  );
}

function Body({ of }: { of: DeliveryDetail }) {
  const replay = useReplay();

  return (
    <div className={classes.stack}>
      <h2>Delivery {count(of.id)}</h2>
      <div><JobStatus status={of.status} /></div>
      {of.status !== 'pending' && (
        <div>
          <Button
            variant={of.status === 'dead' ? undefined : 'default'} size="xs" loading={replay.isPending}
            onClick={() => { replay.mutate(of.id); }}
          >
            Send again
          </Button>
        </div>
      )}
      <Facts
        rows={[
          ['Of job', <Link key="job" to={`/ops/jobs/${encodeURIComponent(of.job_id)}`}>{of.job_id}</Link>],
          ['Webhook id', <code key="id">{of.webhook_id}</code>],
          ['Size', bytes(of.body_bytes)],
          ['Made', exact(of.created_at)],
          ['Delivered', of.delivered_at === null ? undefined : exact(of.delivered_at)],
          ['New papers', of.papers_created === null ? undefined : count(of.papers_created)],
          ['Known papers', of.papers_updated === null ? undefined : count(of.papers_updated)],
        ]}
      />
      <h3>Attempts</h3>
      <TimeLine of={of} />
      <LongText label="Request body" body={of.body} />
    </div>
  );
}

export function DeliveryPane({ id, close }: { id: number; close: () => void }) {
  const delivery = useDelivery(id);

  return (
    <Pane label={`Delivery ${String(id)}`} close={close}>
      {delivery.data ? <Body of={delivery.data} /> : delivery.isError ? (
        <Failure error={delivery.error} what="The delivery could not be read." retry={() => void delivery.refetch()} />
      ) : <SkeletonRows rows={4} />}
    </Pane>
  );
}
