import { Button } from '@mantine/core';
import { useDebouncedCallback, useThrottledCallback } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { Page } from '@/components/layout/Page';
import { Empty, Failure, SkeletonRows } from '@/components/states/states';
import { counted } from '@/lib/format';
import { useLive } from '@/lib/socket';
import { useSearch } from '@/lib/useSearch';
import { orderings, rowsOf, useDelete, useDocuments, useGoing, type Ordering } from '../api/documents';
import { addFiles, heardOf, onEnded, useUploads } from '../api/uploads';
import { DocumentList } from '../components/DocumentList';
import { PasteDialog } from '../components/PasteDialog';
import { Uploads } from '../components/Uploads';
import { useDrop } from '../components/useDrop';
import classes from './DocumentsPage.module.css';

const accepted = '.txt,.md,.markdown,.html,.htm,.pdf,.epub,.docx,text/plain,text/markdown,text/html,application/pdf';
/** Less than this is somebody's slip of the hand, not a text. */
const least_pasted = 80;

/** What is pasted while no field has the focus: files, or a text. */
function usePaste(takeText: (text: string) => void) {
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const on = event.target;
      const text = event.clipboardData?.getData('text/plain') ?? '';
      const files = [...(event.clipboardData?.files ?? [])];

      if (on instanceof HTMLElement && on.closest('input, textarea, [contenteditable], dialog')) return;
      if (files.length > 0) addFiles(files);
      else if (text.trim().length >= least_pasted) takeText(text);
    };

    window.addEventListener('paste', paste);
    return () => { window.removeEventListener('paste', paste); };
  }, [takeText]);
}

function List({ documents }: { documents: ReturnType<typeof useDocuments> }) {
  const remove = useDelete();
  const rows = rowsOf(documents.data, useGoing());
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = documents;
  const more = useCallback(() => { void fetchNextPage(); }, [fetchNextPage]);

  return (
    <>
      <DocumentList
        rows={rows} remove={remove}
        more={hasNextPage && !isFetchingNextPage && !isFetchNextPageError ? more : undefined}
      />
      {isFetchingNextPage && <SkeletonRows rows={3} />}
      {isFetchNextPageError && <Failure what="The rest of the list did not come." error={documents.error} retry={more} />}
    </>
  );
}

/** The list follows what comes and goes, also by other ways than this page. */
function useNews() {
  const queries = useQueryClient();
  const again = useThrottledCallback(() => void queries.invalidateQueries({ queryKey: ['documents', 'list'] }), 1000);

  useLive('job_progress', heardOf);
  useLive('document_ready', again);
  useLive('document_removed', again);
  useEffect(() => onEnded(again), [again]);
}

/** What of the list is shown, and how; kept in the URL. */
function Filters({ search, ordering }: { search: string; ordering: Ordering }) {
  const [, patch] = useSearch();
  const [words, setWords] = useState(search);
  const later = useDebouncedCallback((q: string) => { patch({ search: q.trim() || null }, { replace: true }); }, 150);

  return (
    <>
      <input
        type="search" className={classes.search} value={words} maxLength={200} spellCheck={false}
        placeholder="Find by title or place" aria-label="Find by title or place"
        onChange={(event) => {
          setWords(event.target.value);
          later(event.target.value);
        }}
      />
      <label className={classes.order}>
        Order{' '}
        <select value={ordering} onChange={(event) => { patch({ order: event.target.value }, { replace: true }); }}>
          {orderings.map(({ value, label }) => <option key={value} value={value}>{label}</option>)}
        </select>
      </label>
    </>
  );
}

function readOrdering(text: string | null): Ordering {
  return orderings.find(({ value }) => value === text)?.value ?? '-updated_at';
}

export function DocumentsPage() {
  const [params] = useSearch();
  const search = params.get('search')?.trim().slice(0, 200) ?? '';
  const ordering = readOrdering(params.get('order'));
  const documents = useDocuments(search, ordering);
  const uploads = useUploads();
  const chooser = useRef<HTMLInputElement>(null);
  const [pasted, setPasted] = useState<string>();
  const over = useDrop(addFiles);
  const total = documents.data?.pages[0]?.count;

  usePaste(setPasted);
  useNews();

  return (
    <Page
      title="Documents"
      filters={(total !== 0 || search !== '') && <Filters search={search} ordering={ordering} />}
      aside={(
        <>
          {total !== undefined && total > 0 && <span className={classes.total}>{counted(total, 'document')}</span>}
          <Button variant="default" size="xs" onClick={() => { setPasted(''); }}>Paste text</Button>
          <Button size="xs" onClick={() => chooser.current?.click()}>Add files</Button>
        </>
      )}
    >
      <input
        ref={chooser} type="file" multiple hidden accept={accepted} aria-label="Files to add"
        onChange={(event) => {
          addFiles([...(event.target.files ?? [])]);
          event.target.value = '';
        }}
      />
      {uploads.length > 0 && <Uploads uploads={uploads} />}
      {documents.isPending && <SkeletonRows />}
      {documents.isError && documents.data === undefined && (
        <Failure what="The documents did not come." error={documents.error} retry={() => void documents.refetch()} />
      )}
      {total === 0 && search !== '' && (
        <Empty title={`No document is called “${search}”.`}>
          <p>
            This looks at titles and places. What is written inside of them is
            found by <Link to={`/ask?q=${encodeURIComponent(search)}`}>a search through all texts</Link>.
          </p>
        </Empty>
      )}
      {total === 0 && search === '' && uploads.length === 0 && (
        <Empty title="Nothing to read yet.">
          <p>
            Drop files anywhere on this page: text, Markdown, web pages, PDF, EPUB, Word. Each is cut into
            passages that can be searched and asked.
          </p>
          <div><Button size="xs" onClick={() => chooser.current?.click()}>Choose files</Button></div>
        </Empty>
      )}
      {documents.data !== undefined && <List documents={documents} />}
      {over && <div className={classes.drop} aria-hidden="true">Drop to add</div>}
      {pasted !== undefined && <PasteDialog text={pasted} close={() => { setPasted(undefined); }} />}
    </Page>
  );
}
