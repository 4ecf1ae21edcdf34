import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { toastError, toastUndo } from '@/components/feedback/toasts';
import { CloseIcon } from '@/components/icons';
import { Page, Section } from '@/components/layout/Page';
import { Empty, Failure } from '@/components/states/states';
import { useSearch } from '@/lib/useSearch';
import { useLiveNow } from '@/lib/shared';
import { forgetPage, readInterval, type Interval } from '../api/stats';
import { useViews } from '../api/useViews';
import { Numbers } from '../components/Numbers';
import { Ranks, readRank } from '../components/Ranks';
import { Snippet } from '../components/Snippet';
import { Stream } from '../components/Stream';
import { Views } from '../components/Views';
import classes from '../components/live.module.css';

/** Pages that are on their way out: not shown, and gone when the time for undo is over. */
function useForgetting() {
  const queries = useQueryClient();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const change = (page: string, there: boolean) => {
    setHidden((old) => {
      const next = new Set(old);

      if (there) next.add(page);
      else next.delete(page);
      return next;
    });
  };
  const forget = (page: string) => {
    const commit = async () => {
      try {
        await forgetPage(page);
      } catch (error) {
        toastError(error);
      }
      await queries.invalidateQueries({ queryKey: ['stats'] });
      change(page, false);
    };

    change(page, true);
    toastUndo(`The views of ${page} are forgotten.`, () => void commit(), () => { change(page, false); });
  };

  return { hidden, forget };
}

/** Only one page is looked at: which, and what can be done with it. */
function OnePage({ page, interval, forget }: { page: string; interval: Interval; forget: () => void }) {
  return (
    <>
      <span className={classes.chip}>
        <span className={classes.rankName} dir="auto">{page}</span>
        <Link to={`/live?by=${interval}`} aria-label="Show all pages"><CloseIcon /></Link>
      </span>
      <Button variant="subtle" color="gray" size="compact-sm" onClick={forget}>Forget its views</Button>
    </>
  );
}

export function LivePage() {
  const [params, patch] = useSearch();
  const interval = readInterval(params.get('by'));
  const page = params.get('page');
  const live = useLiveNow();
  const seen = useViews();
  const { hidden, forget } = useForgetting();
  const totals = live.data?.totals;

  if (live.isError && !live.data) {
    return (
      <Page title="Live">
        <Failure error={live.error} what="The numbers did not come." retry={() => void live.refetch()} />
      </Page>
    );
  }
  if (totals && totals.views + totals.bot_views === 0 && seen.length === 0) {
    return (
      <Page title="Live">
        <Empty title="Nobody was counted yet.">
          <Snippet />
        </Empty>
      </Page>
    );
  }
  return (
    <Page
      title="Live"
      filters={page === null ? undefined : (
        <OnePage page={page} interval={interval} forget={() => { forget(page); patch({ page: null }); }} />
      )}
    >
      <Numbers />
      <Views interval={interval} page={page} />
      <div className={classes.columns}>
        <Ranks by={readRank(params.get('top'))} interval={interval} hidden={hidden} />
        <Stream seen={seen} />
      </div>
      <Section title="Count a site"><Snippet /></Section>
    </Page>
  );
}
