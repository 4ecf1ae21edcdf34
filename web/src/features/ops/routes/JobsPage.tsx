import { Button } from '@mantine/core';
import { Link, useLocation, useNavigate, useParams } from 'react-router';
import { Choices } from '@/components/controls/Choices';
import { FetchForm, usual } from '@/components/fetch/FetchForm';
import { useJobEvents } from '@/components/jobs/useJobEvents';
import { Page } from '@/components/layout/Page';
import { Pane, Split } from '@/components/layout/Split';
import { Empty, Failure, SkeletonRows } from '@/components/states/states';
import { kinds } from '@/lib/jobs';
import { useService } from '@/lib/services';
import { useSearch } from '@/lib/useSearch';
import { shown, useJobs, type Shown } from '../api/jobs';
import { JobList } from '../components/JobList';
import { JobPane } from '../components/JobPane';
import { More } from '../components/More';
import { Tabs } from '../components/Tabs';
import classes from '../components/ops.module.css';

/** Nothing to show: because of the filter, or because nothing was ever done. */
function Nothing({ filtered }: { filtered: boolean }) {
  const fetches = useService('scraper');

  return filtered ? (
    <Empty title="No such jobs."><p><Link to="/ops/jobs">Show all jobs</Link></p></Empty>
  ) : (
    <Empty title="Nothing was done yet.">
      <p>What takes longer than a moment is a job: fetching papers, taking in documents.</p>
      {fetches && <div><Button component={Link} to="/ops/jobs?fetch=1" size="xs">Fetch papers</Button></div>}
    </Empty>
  );
}

function KindFilter({ kind }: { kind: string }) {
  const [, patch] = useSearch();

  return (
    <select
      className={classes.select} aria-label="Kind" value={kind}
      onChange={(event) => { patch({ kind: event.target.value || null }, { replace: true }); }}
    >
      <option value="">All kinds</option>
      {Object.entries(kinds).map(([value, name]) => <option key={value} value={value}>{name}</option>)}
    </select>
  );
}

function List({ status, kind, open, search }: { status: Shown; kind: string; open: string | undefined; search: string }) {
  const jobs = useJobs(status, kind);
  const rows = jobs.data?.pages.flatMap((page) => page.results);

  if (jobs.isError && !rows) {
    return <Failure what="The jobs could not be read." error={jobs.error} retry={() => void jobs.refetch()} />;
  }
  if (!rows) return <SkeletonRows />;
  if (rows.length === 0) return <Nothing filtered={status !== 'all' || kind !== ''} />;
  return (
    <>
      <JobList jobs={rows} open={open} search={search} />
      <More of={jobs} />
    </>
  );
}

/** The form for once; what it begins with may come in the URL, as from a gap. */
function FetchPane({ close }: { close: () => void }) {
  const navigate = useNavigate();
  const [params] = useSearch();
  const begin = {
    ...usual,
    ...Object.fromEntries(Object.keys(usual).flatMap((name) => {
      const told = params.get(name);

      return told === null ? [] : [[name, told]];
    })),
  };

  return (
    <Pane label="Fetch papers" close={close}>
      <div className={classes.stack}>
        <h2>Fetch papers from arXiv</h2>
        <FetchForm
          key={params.toString()} begin={begin}
          started={(job) => void navigate(`/ops/jobs/${encodeURIComponent(job)}`)}
        />
      </div>
    </Pane>
  );
}

export function JobsPage() {
  const { id } = useParams();
  const { search } = useLocation();
  const navigate = useNavigate();
  const [params, patch] = useSearch();
  const status = shown.find((one) => one.value === params.get('status'))?.value ?? 'all';
  const kind = params.get('kind') ?? '';
  const fetches = useService('scraper');
  const fetching = fetches && params.has('fetch');

  useJobEvents();

  const close = () => void navigate({ pathname: '/ops/jobs', search });
  const pane = id !== undefined
    ? <JobPane key={id} id={id} close={close} />
    : fetching && <FetchPane close={() => { patch({ fetch: null, ...Object.fromEntries(Object.keys(usual).map((name) => [name, null])) }); }} />;

  return (
    <Split pane={pane}>
      <Page
        title="Jobs"
        aside={fetches && <Button component={Link} to="/ops/jobs?fetch=1" size="xs">Fetch papers</Button>}
        filters={
          <>
            <Tabs />
            <Choices label="Status" name="status" value={status} options={shown} />
            <KindFilter kind={kind} />
          </>
        }
      >
        <List status={status} kind={kind} open={id} search={search} />
      </Page>
    </Split>
  );
}
