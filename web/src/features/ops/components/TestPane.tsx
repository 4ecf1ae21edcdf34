import { Button } from '@mantine/core';
import { JobStatus } from '@/components/jobs/JobStatus';
import { Pane } from '@/components/layout/Split';
import { Failure } from '@/components/states/states';
import { count } from '@/lib/format';
import { useTest } from '../api/deliveries';
import { Facts } from './Facts';
import { LongText } from './LongText';
import classes from './ops.module.css';

/** Call the backend's webhook with a delivery without papers, and see what it says. */
export function TestPane({ close }: { close: () => void }) {
  const test = useTest();
  const told = test.data;

  return (
    <Pane label="Test the webhook" close={close}>
      <div className={classes.stack}>
        <h2>Test the webhook</h2>
        <p>Sends the backend a delivery without papers, once, and shows what it answers. It is not kept.</p>
        <div>
          <Button size="xs" loading={test.isPending} onClick={() => { test.mutate(); }}>
            {told ? 'Send another' : 'Send a test'}
          </Button>
        </div>
        {test.isError && <Failure error={test.error} what="The test was not sent." />}
        {told && (
          <div className={classes.stack} role="status">
            <div><JobStatus status={told.ok ? 'ok' : 'bad'} /></div>
            {told.error !== null && <p className={classes.trouble} data-bad>{told.error}</p>}
            <Facts
              rows={[
                ['Answer', told.status === null ? 'none' : String(told.status)],
                ['Took', `${count(told.took_ms)} ms`],
                ['Signed', told.signed ? 'yes' : 'no, only with the token'],
                ['Webhook id', <code key="id">{told.webhook_id}</code>],
              ]}
            />
            {told.response !== null && <LongText label="Response" body={told.response} />}
            <LongText label="Request body" body={told.body} />
          </div>
        )}
      </div>
    </Pane>
  );
}
