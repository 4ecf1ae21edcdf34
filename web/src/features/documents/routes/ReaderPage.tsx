import { Button } from '@mantine/core';
import { useCallback, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { Page } from '@/components/layout/Page';
import { Empty, Failure, SkeletonRows } from '@/components/states/states';
import { ApiError } from '@/lib/api/errors';
import { bytes, counted } from '@/lib/format';
import { useShortcuts } from '@/lib/keys';
import { useSearch } from '@/lib/useSearch';
import type { Document } from '@/lib/api/types';
import { kindOf, placeOf } from '../api/describe';
import { useDelete } from '../api/documents';
import type { Range } from '../api/pieces';
import { useDocument, useOutline } from '../api/reader';
import { Contents } from '../components/Contents';
import { Reader } from '../components/Reader';
import classes from './ReaderPage.module.css';

function readRange(params: URLSearchParams, chars: number): Range | undefined {
  const from = Number(params.get('from') ?? NaN);
  const to = Number(params.get('to') ?? from);

  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to < from) return undefined;
  return { from: Math.min(from, chars), to: Math.min(to, chars) };
}

/** Only what is an address of the web becomes a link. */
function Place({ document }: { document: Document }) {
  const place = placeOf(document);

  if (/^https?:\/\//i.test(place)) return <a href={place} target="_blank" rel="noreferrer">{place}</a>;
  return <bdi title={place}>{place}</bdi>;
}

/** `contents`: where the screen is small, are they to be seen? */
function Text({ document, contents, closeContents }: {
  document: Document;
  contents: boolean;
  closeContents: () => void;
}) {
  const outline = useOutline(document);
  const [params, patch] = useSearch();
  const target = readRange(params, document.chars);
  const go = useCallback(({ from, to }: Range) => {
    patch({ from: String(from), to: String(to) }, { replace: true });
  }, [patch]);

  if (outline.isPending) return <SkeletonRows />;
  if (outline.isError) {
    return <Failure what="The document did not come." error={outline.error} retry={() => void outline.refetch()} />;
  }
  return (
    <div className={classes.columns} data-contents={contents || undefined}>
      <Contents outline={outline.data} went={closeContents} />
      <Reader key={document.job_id} document={document} outline={outline.data} target={target} go={go} />
    </div>
  );
}

export function ReaderPage() {
  const { id = '' } = useParams();
  const navigate = useNavigate();
  const found = useDocument(id);
  const remove = useDelete();
  const [contents, setContents] = useState(false);
  const document = found.data;
  const gone = found.error instanceof ApiError && found.error.status === 404;

  useShortcuts([{ keys: 'Escape', label: 'Back to the documents', run: () => void navigate('/documents') }]);
  return (
    <Page
      title={document?.title ?? (gone ? 'Not here' : 'Document')}
      scrolls={false}
      aside={document && (
        <>
          <Button
            variant="default" size="xs" className={classes.toContents} aria-expanded={contents}
            onClick={() => { setContents(!contents); }}
          >
            Contents
          </Button>
          <Button variant="default" size="xs" component={Link} to={`/ask?doc=${encodeURIComponent(id)}`}>Ask about it</Button>
          <Button
            variant="subtle" color="gray" size="xs"
            onClick={() => { remove(document); void navigate('/documents'); }}
          >
            Delete
          </Button>
        </>
      )}
      filters={document && (
        <p className={classes.facts}>
          <Link to="/documents">Documents</Link>
          <span>{kindOf(document)}</span>
          <span>{counted(document.chunks, 'passage')}</span>
          <span>{bytes(document.bytes)}</span>
          <span className={classes.place}><Place document={document} /></span>
        </p>
      )}
    >
      {found.isPending && <SkeletonRows />}
      {gone && (
        <Empty title="This document is not here any more.">
          <p>It was deleted, or the link is of another desk. <Link to="/documents">All documents</Link></p>
        </Empty>
      )}
      {found.isError && !gone && document === undefined && (
        <Failure what="The document did not come." error={found.error} retry={() => void found.refetch()} />
      )}
      {document && <Text document={document} contents={contents} closeContents={() => { setContents(false); }} />}
    </Page>
  );
}
