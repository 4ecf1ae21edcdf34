import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { toastError } from '@/components/feedback/toasts';
import { JobStatus } from '@/components/jobs/JobStatus';
import { Page, Section } from '@/components/layout/Page';
import { Failure, SkeletonRows } from '@/components/states/states';
import { api, reply } from '@/lib/api/client';
import { bytes, count, counted, duration } from '@/lib/format';
import { forgetAnswers } from '@/lib/offline';
import { useSession } from '@/lib/services';
import { useReadiness, useStatus } from '../api/health';
import { Facts } from '../components/Facts';
import { Settings } from '../components/Settings';
import { Tabs } from '../components/Tabs';
import classes from '../components/ops.module.css';

const names: Record<string, string> = {
  server: 'Server', store: 'Database', model: 'Model', vectors: 'Search by meaning', redis: 'Redis',
};

/** Each thing that it needs, and why it is not well. */
function Checks() {
  const ready = useReadiness();

  if (ready.data) {
    return (
      <ul className={classes.checks}>
        {Object.entries(ready.data.checks).map(([name, told]) => (
          <li key={name}>
            <span>{names[name] ?? name}</span>
            <JobStatus status={told === 'ok' ? 'ok' : 'bad'} />
            {told !== 'ok' && <p className="secondary">{told}</p>}
          </li>
        ))}
      </ul>
    );
  }
  return ready.isError
    ? <Failure error={ready.error} what="sheaf does not say how it is." retry={() => void ready.refetch()} />
    : <SkeletonRows rows={4} height={36} />;
}

function Server() {
  const status = useStatus();
  const told = status.data;

  if (!told) {
    return status.isError
      ? <Failure error={status.error} what="The rest could not be read." retry={() => void status.refetch()} />
      : <SkeletonRows rows={6} height={36} />;
  }
  return (
    <Facts
      rows={[
        ['Version', told.version],
        ['Runs for', duration(told.uptime_s)],
        ['Services', told.services.join(', ')],
        ['Database', told.database],
        ['Data', told.data_dir],
        ['Disk', told.disk ? `${bytes(told.disk.free_bytes)} free of ${bytes(told.disk.total_bytes)}` : undefined],
        ['Memory', told.memory_bytes === null ? undefined : bytes(told.memory_bytes)],
        ['Jobs', told.jobs
          ? `${count(told.jobs.running)} running, ${count(told.jobs.queued)} waiting, ${count(told.jobs.failed)} failed`
          : undefined],
        ['Connections', counted(told.connections, 'connection')],
        ['Requests', `${count(told.requests_total)} since it began`],
        ['Live clients', told.live_clients === undefined ? undefined : count(told.live_clients)],
      ]}
    />
  );
}

/** Only who is logged in can log out. */
function Logout() {
  const session = useSession();
  const logout = useMutation({
    mutationFn: () => reply(api.POST('/logout')),
    onSuccess: () => {
      forgetAnswers();
      // Loaded anew: nothing of what was read stays in memory either.
      window.location.assign('/app/login');
    },
    onError: toastError,
  });

  if (!session.data?.authorized) return null;
  return (
    <Button variant="default" size="xs" loading={logout.isPending} onClick={() => { logout.mutate(); }}>Log out</Button>
  );
}

export function HealthPage() {
  return (
    <Page title="Health" aside={<Logout />} filters={<Tabs />}>
      <div className={classes.two}>
        <Section title="Does it work?"><Checks /></Section>
        <Section title="This server"><Server /></Section>
      </div>
      <Section title="Settings in force"><Settings /></Section>
    </Page>
  );
}
