import { useQuery } from '@tanstack/react-query';
import { CloseIcon } from '@/components/icons';
import { api, reply } from '@/lib/api/client';
import { useSearch } from '@/lib/useSearch';
import { collections, modes, sizes } from '../api/search';
import type { View } from '../api/view';
import classes from './Filters.module.css';

function Choice({ label, value, options, set }: {
  label: string;
  value: string;
  options: { value: string; label: string }[];
  set: (value: string) => void;
}) {
  return (
    <label className={classes.choice}>
      {label}{' '}
      <select value={value} onChange={(event) => { set(event.target.value); }}>
        {options.map((o) => <option key={o.value} value={o.value}>{o.label}</option>)}
      </select>
    </label>
  );
}

/** The one document that is looked at, by its title. */
function Only({ id, clear }: { id: string; clear: () => void }) {
  const found = useQuery({
    queryKey: ['documents', 'one', id],
    queryFn: ({ signal }) => reply(api.GET('/documents/{id}', { params: { path: { id } }, signal })),
  });

  return (
    <span className={classes.only}>
      <span className={classes.onlyTitle}>Only in <bdi>{found.data?.title ?? (found.isError ? 'a document that is not here' : '…')}</bdi></span>
      <button type="button" className={classes.clear} aria-label="Look everywhere" onClick={clear}><CloseIcon /></button>
    </span>
  );
}

/** Where to look, how, and how much to show. */
export function Filters({ view }: { view: View }) {
  const [, patch] = useSearch();
  const set = (name: string) => (value: string) => { patch({ [name]: value, c: null, source: null }, { replace: true }); };

  return (
    <>
      {view.document === undefined
        ? (
          <Choice
            label="In" value={view.collection ?? ''} set={set('in')}
            options={[{ value: '', label: 'Documents and papers' }, ...collections]}
          />
        )
        : <Only id={view.document} clear={() => { set('doc')(''); }} />}
      {!view.asks && <Choice label="By" value={view.mode} options={modes} set={set('mode')} />}
      <Choice
        label={view.asks ? 'Sources' : 'Show'} value={String(view.k)} set={set('k')}
        options={sizes.map((n) => ({ value: String(n), label: String(n) }))}
      />
    </>
  );
}
