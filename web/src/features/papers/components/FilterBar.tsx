import { useState } from 'react';
import { usePaperStats } from '@/lib/shared';
import { useSearch } from '@/lib/useSearch';
import { names, orders, scores, spans, states, type FilterName } from '../filters';
import classes from './papers.module.css';

function Choice({ label, name, options, value, set }: {
  label: string;
  name: string;
  options: [string, string][];
  value: string;
  set: (value: string | null) => void;
}) {
  return (
    <select
      className={classes.choice} aria-label={label} name={name} value={value} data-set={value !== '' || undefined}
      onChange={(event) => { set(event.target.value || null); }}
    >
      {options.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
    </select>
  );
}

/** A filter that is typed: it holds when Enter is pressed or the field left. */
function Words({ label, name, value, set }: {
  label: string; name: string; value: string; set: (value: string | null) => void;
}) {
  const [text, setText] = useState(value);
  const [from, setFrom] = useState(value);

  // Changed from outside, as by going back.
  if (from !== value) {
    setFrom(value);
    setText(value);
  }
  const done = () => { if (text.trim() !== value) set(text.trim() || null); };

  return (
    <input
      className={classes.words} aria-label={label} placeholder={label} name={name} value={text} maxLength={200}
      data-set={value !== '' || undefined}
      onChange={(event) => { setText(event.target.value); }} onBlur={done}
      onKeyDown={(event) => { if (event.key === 'Enter') done(); }}
    />
  );
}

export function FilterBar() {
  const [params, patch] = useSearch();
  const stats = usePaperStats().data;
  const get = (name: FilterName | 'sort') => params.get(name) ?? '';
  const set = (name: string) => (value: string | null) => { patch({ [name]: value }); };
  const search = get('search');
  const filtered = names.some((name) => params.has(name));

  return (
    <div className={classes.filters} role="group" aria-label="Filters">
      {search !== '' && (
        <button type="button" className={classes.chip} onClick={() => { patch({ search: null }); }} aria-label={`Remove the words ${search}`}>
          “{search}” <span aria-hidden="true">×</span>
        </button>
      )}
      <Choice
        label="Category" name="category" value={get('category')} set={set('category')}
        options={[['', 'All categories'], ...(stats?.categories ?? []).map((c): [string, string] => [c.category, `${c.category} (${String(c.count)})`])]}
      />
      <Choice
        label="Published" name="days" value={get('days')} set={set('days')}
        options={[['', 'Any date'], ...Object.entries(spans)]}
      />
      <Choice
        label="Score" name="score" value={get('score')} set={set('score')}
        options={[['', 'Any score'], ...scores.map((s): [string, string] => [s, `Score from ${s}`])]}
      />
      <Choice
        label="State" name="state" value={get('state')} set={set('state')}
        options={[['', 'Read and unread'], ...Object.entries(states)]}
      />
      <Words label="Author" name="author" value={get('author')} set={set('author')} />
      <Words label="Tag" name="tag" value={get('tag')} set={set('tag')} />
      {filtered && (
        <button
          type="button" className={classes.clear}
          onClick={() => { patch(Object.fromEntries(names.map((name) => [name, null]))); }}
        >
          Clear
        </button>
      )}
      <span className={classes.gap} />
      <Choice
        label="Order" name="sort" value={get('sort')} set={set('sort')}
        options={[['', search ? 'Best match' : 'Newest'],
          ...Object.entries(orders).filter(([key]) => search !== '' || key !== '-published_at')]}
      />
    </div>
  );
}
