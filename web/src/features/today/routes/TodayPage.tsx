import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { Page, Section } from '@/components/layout/Page';
import { PaperRow } from '@/components/paper/PaperRow';
import { Without } from '@/components/states/Needs';
import { Failure, SkeletonRows } from '@/components/states/states';
import type { Paper } from '@/lib/api/types';
import { ago, counted } from '@/lib/format';
import { useShortcuts } from '@/lib/keys';
import { scoreReason } from '@/lib/score';
import { useService } from '@/lib/services';
import { usePaperStats } from '@/lib/shared';
import { useLive } from '@/lib/socket';
import { lastVisit } from '@/lib/visit';
import { since, useDocumentCount, useNewPapers, useUnread } from '../api/today';
import { Numbers } from '../components/Numbers';
import { Offers } from '../components/Offers';
import { RunningJobs } from '../components/RunningJobs';
import classes from '../components/today.module.css';

function headline(count: number): string {
  if (lastVisit === undefined) return count > 0 ? `${counted(count, 'paper')} this week` : 'Nothing new this week';
  return count > 0
    ? `${counted(count, 'new paper')} since ${ago(lastVisit)}`
    : `Nothing new since ${ago(lastVisit)}`;
}

/** Papers in the order of their score, with j and k, each with its reason. */
function Best({ papers }: { papers: Paper[] }) {
  const navigate = useNavigate();
  const [at, setAt] = useState(-1);
  const paper = papers[at];
  const move = (step: number) => {
    const next = Math.max(0, Math.min(papers.length - 1, at + step));
    const row = document.getElementById(`paper-${String(papers[next]?.id)}`);

    setAt(next);
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: 'nearest' });
  };

  useShortcuts([
    { keys: 'j', label: 'Next paper', run: () => { move(1); } },
    { keys: 'k', label: 'Previous paper', run: () => { move(-1); } },
    { keys: 'Enter', label: 'Open the paper', run: () => { if (paper) void navigate(`/papers/${String(paper.id)}`); } },
    { keys: 'o', label: 'Open on arXiv', run: () => { if (paper) window.open(paper.url, '_blank', 'noopener'); } },
  ]);
  return (
    <ol>
      {papers.map((row, i) => (
        <li key={row.id}>
          <PaperRow
            paper={row} to={`/papers/${String(row.id)}`} active={i === at}
            isNew={lastVisit !== undefined && row.created_at > lastVisit} reason={scoreReason(row.relevance, 3) || undefined}
          />
        </li>
      ))}
    </ol>
  );
}

function News() {
  const fresh = useNewPapers();
  const count = fresh.data?.count ?? 0;
  const unread = useUnread(fresh.isSuccess && count === 0);

  if (fresh.isPending) return <SkeletonRows rows={6} height={86} />;
  if (fresh.isError) {
    return <Failure what="The new papers could not be read." error={fresh.error} retry={() => void fresh.refetch()} />;
  }
  const shown = count > 0 ? fresh.data.results : (unread.data?.results ?? []);

  return (
    <>
      <div className={classes.head}>
        <h2>{headline(count)}</h2>
        {count > shown.length && <Link to={`/papers?sort=-created_at`}>All of them</Link>}
      </div>
      {count === 0 && unread.isSuccess && (
        <p className={classes.hint}>
          {shown.length > 0 ? 'The best that you have not read:' : <>You have read them all. <Link to="/papers">Look through the papers</Link></>}
        </p>
      )}
      <Best key={since} papers={shown} />
    </>
  );
}

export function TodayPage() {
  const queries = useQueryClient();
  const keepsPapers = useService('backend');
  const papers = usePaperStats();
  const documents = useDocumentCount();
  const isEmpty = papers.data?.total === 0;
  const added = useCallback(() => {
    void queries.invalidateQueries({ queryKey: ['papers'] });
  }, [queries]);

  // The first papers of an empty desk appear by themselves.
  useLive('paper_added', useCallback(() => { if (isEmpty) added(); }, [isEmpty, added]));
  useLive('document_ready', useCallback(() => { void queries.invalidateQueries({ queryKey: ['documents'] }); }, [queries]));
  return (
    <Page title="Today">
      <div className={classes.columns}>
        <div className={classes.main}>
          {keepsPapers === undefined && <SkeletonRows rows={6} height={86} />}
          {keepsPapers === false && <Without service="backend" />}
          {keepsPapers && (isEmpty ? <Offers documents={documents.data ?? 0} /> : <News />)}
        </div>
        <div className={classes.side}>
          <Numbers papers={papers.data?.total} documents={documents.data} />
          <Section title="Under way"><RunningJobs /></Section>
        </div>
      </div>
    </Page>
  );
}
