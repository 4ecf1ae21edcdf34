import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { TrashIcon } from '@/components/icons';
import { Ago } from '@/components/text/Ago';
import { bytes, counted } from '@/lib/format';
import { useRowKeys } from '@/lib/useRowKeys';
import type { Document } from '@/lib/api/types';
import { kindOf, placeOf } from '../api/describe';
import classes from './DocumentList.module.css';

function Row({ document, remove }: { document: Document; remove: () => void }) {
  const place = placeOf(document);

  return (
    <li className={classes.row}>
      <Link to={`/documents/${document.id}`} className={classes.title} data-row>
        <bdi>{document.title}</bdi>
      </Link>
      <div className={classes.more}>
        <span>{kindOf(document)}</span>
        {place !== '' && <bdi className={classes.place} title={place}>{place}</bdi>}
      </div>
      <div className={classes.figures}>
        <span>{counted(document.chunks, 'passage')}</span>
        <span>{bytes(document.bytes)}</span>
        <span><Ago at={document.updated_at} /></span>
      </div>
      <button type="button" className={classes.remove} aria-label={`Delete ${document.title}`} title="Delete" onClick={remove}>
        <TrashIcon />
      </button>
    </li>
  );
}

/** `more`: called when the end comes near. */
export function DocumentList({ rows, remove, more }: {
  rows: Document[];
  remove: (document: Document) => void;
  more?: () => void;
}) {
  const list = useRef<HTMLUListElement>(null);
  const end = useRef<HTMLDivElement>(null);

  useRowKeys(list, 'document');

  /** The focus goes to the row that takes its place. */
  const removeRow = (row: Document, at: number) => {
    const links = list.current?.querySelectorAll<HTMLElement>('[data-row]');

    (links?.[at + 1] ?? links?.[at - 1])?.focus({ preventScroll: true });
    remove(row);
  };

  useEffect(() => {
    if (!more || !end.current) return undefined;

    const near = new IntersectionObserver((seen) => {
      if (seen.some((entry) => entry.isIntersecting)) more();
    }, { rootMargin: '600px' });

    near.observe(end.current);
    return () => { near.disconnect(); };
  }, [more, rows.length]);
  return (
    <>
      <ul ref={list}>
        {rows.map((row, i) => <Row key={row.id} document={row} remove={() => { removeRow(row, i); }} />)}
      </ul>
      <div ref={end} />
    </>
  );
}
