import { useCallback, useMemo, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { Page } from '@/components/layout/Page';
import { Split } from '@/components/layout/Split';
import { useSearch } from '@/lib/useSearch';
import { counted } from '@/lib/format';
import { usePaperCount, usePapers } from '../api/papers';
import { ExportMenu } from '../components/ExportMenu';
import { FilterBar } from '../components/FilterBar';
import { NewPapers } from '../components/NewPapers';
import { PaperList } from '../components/PaperList';
import { PaperPane } from '../components/PaperPane';
import { SavedSearches } from '../components/SavedSearches';
import { SelectionBar } from '../components/SelectionBar';
import { toFilters } from '../filters';

export function PapersPage() {
  const navigate = useNavigate();
  const { id } = useParams();
  const open = id !== undefined && /^\d{1,15}$/.test(id) ? Number(id) : undefined;
  const [params] = useSearch();
  const query = params.toString();
  const filters = useMemo(() => toFilters(new URLSearchParams(query)), [query]);
  const papers = usePapers(filters);
  const total = usePaperCount(filters).data;
  const [selected, setSelected] = useState<ReadonlySet<number>>(new Set());
  const rows = useMemo(() => papers.data?.pages.flatMap((page) => page.results) ?? [], [papers.data]);

  const show = useCallback(
    (paper: number | undefined, replace = false) => {
      void navigate({ pathname: paper === undefined ? '/papers' : `/papers/${String(paper)}`, search: query }, { replace });
    },
    [navigate, query],
  );
  const toggle = useCallback((paper: number) => {
    setSelected((old) => {
      const next = new Set(old);

      if (!next.delete(paper)) next.add(paper);
      return next;
    });
  }, []);

  return (
    <Split pane={open !== undefined && <PaperPane id={open} close={() => { show(undefined); }} />}>
      <Page
        title="Papers" scrolls={false}
        aside={
          <>
            <span className="secondary num" aria-live="polite">{total !== undefined && counted(total, 'paper')}</span>
            <ExportMenu filters={filters} />
          </>
        }
        filters={
          <>
            <SavedSearches />
            <FilterBar />
          </>
        }
      >
        {selected.size > 0 && (
          <SelectionBar rows={rows} selected={selected} setSelected={setSelected} />
        )}
        <NewPapers />
        <PaperList
          papers={papers} rows={rows} total={total} open={open} show={show} query={query}
          selected={selected} toggle={toggle}
        />
      </Page>
    </Split>
  );
}
