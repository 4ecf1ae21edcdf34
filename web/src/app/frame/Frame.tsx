import { useIsFetching, useQueryClient } from '@tanstack/react-query';
import { Suspense, useEffect, useRef, useState } from 'react';
import { Outlet, useLocation, useNavigate, useNavigation } from 'react-router';
import { SkeletonPage } from '@/components/states/states';
import { Box } from '@/features/search/Box';
import { useService } from '@/lib/services';
import { setServed, useConnection } from '@/lib/socket';
import { useShortcuts } from '@/lib/keys';
import { usePages } from './pages';
import { Help } from './Help';
import { Rail } from './Rail';
import { Readers } from './Readers';
import { SchemeToggle } from './SchemeToggle';
import classes from './Frame.module.css';

/** Says that the server is away, after a moment, and catches up when it is back. */
function ConnectionBar() {
  const connection = useConnection();
  const queries = useQueryClient();
  const wasOff = useRef(false);
  const [late, setLate] = useState(false);

  useEffect(() => {
    if (connection === 'off') {
      wasOff.current = true;
      const timer = setTimeout(() => { setLate(true); }, 1500);

      return () => { clearTimeout(timer); };
    }
    if (connection === 'on' && wasOff.current) {
      wasOff.current = false;
      // What was told in between is lost: ask again for what is shown.
      void queries.invalidateQueries();
    }
    return undefined;
  }, [connection, queries]);
  if (connection !== 'off' && late) setLate(false);
  return (
    <div role="status">
      {connection === 'off' && late && (
        <div className={classes.away}>
          sheaf does not answer; it may be restarting. What you see stays, and catches up by itself.
        </div>
      )}
    </div>
  );
}

/** A thin line at the top while something is on its way for long. */
function Progress() {
  const busy = useNavigation().state !== 'idle';
  const fetching = useIsFetching({ predicate: (q) => q.state.data === undefined }) > 0;

  return <div className={classes.progress} data-on={busy || fetching || undefined} aria-hidden="true" />;
}

/** A new page begins with the focus at its top, as a loaded one would. */
function useFocusOnPage(main: React.RefObject<HTMLElement | null>) {
  const page = useLocation().pathname.split('/')[1];
  const first = useRef(true);

  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [page, main]);
}

export function Frame() {
  const navigate = useNavigate();
  const main = useRef<HTMLElement>(null);
  const [help, setHelp] = useState(false);
  const pages = usePages();
  const live = useService('analytics') === true;

  useEffect(() => { setServed(live); }, [live]);
  useFocusOnPage(main);
  useShortcuts([
    { keys: '?', label: 'Show the keys', run: () => { setHelp(true); } },
    ...pages.map((page) => ({
      keys: page.keys, label: `Go to ${page.name}`, run: () => void navigate(page.to),
    })),
  ]);
  return (
    <div className={classes.frame}>
      <a className={classes.skip} href="#main">Skip to the page</a>
      <Rail />
      <header className={classes.top}>
        <Box />
        {live && <Readers />}
        <SchemeToggle />
      </header>
      <Progress />
      <main id="main" ref={main} className={classes.main} tabIndex={-1}>
        {live && <ConnectionBar />}
        <div className={classes.page}>
          <Suspense fallback={<SkeletonPage />}><Outlet /></Suspense>
        </div>
      </main>
      <Help opened={help} close={() => { setHelp(false); }} />
    </div>
  );
}
