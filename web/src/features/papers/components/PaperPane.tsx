import { ActionIcon, Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import { toast, toastError } from '@/components/feedback/toasts';
import { StarIcon } from '@/components/icons';
import { Pane } from '@/components/layout/Split';
import { ScoreParts } from '@/components/paper/ScoreBar';
import { Bar, Failure } from '@/components/states/states';
import { Ago } from '@/components/text/Ago';
import { Tex } from '@/components/text/Tex';
import { useShortcuts } from '@/lib/keys';
import { exported, useMark, usePaper, useSimilar, type PaperDetail } from '../api/papers';
import { Note } from './Note';
import classes from './pane.module.css';

const many = 12;

function Authors({ names }: { names: string[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? names : names.slice(0, many);

  return (
    <p className={classes.authors} dir="auto">
      {shown.map((name, i) => (
        <span key={`${String(i)}${name}`}>
          <Link to={`/papers?author=${encodeURIComponent(name)}`}>{name}</Link>
          {i < shown.length - 1 && ', '}
        </span>
      ))}
      {names.length > shown.length && (
        <>
          {' '}
          <button type="button" className={classes.inline} onClick={() => { setAll(true); }}>
            and {names.length - shown.length} more
          </button>
        </>
      )}
    </p>
  );
}

function Similar({ id }: { id: number }) {
  const similar = useSimilar(id);

  if (similar.isError) {
    return <Failure what="Similar papers could not be found." error={similar.error} retry={() => void similar.refetch()} />;
  }
  if (similar.isPending) {
    return <div className={classes.similar}>{[80, 65, 75].map((w) => <Bar key={w} width={`${String(w)}%`} height={14} />)}</div>;
  }
  if (similar.data.results.length === 0) return <p className="secondary">None yet.</p>;
  return (
    <ol className={classes.similar}>
      {similar.data.results.map((paper) => (
        <li key={paper.id}>
          <Link to={`/papers/${String(paper.id)}`} dir="auto"><Tex>{paper.title}</Tex></Link>
          {typeof paper.similarity === 'number' && (
            <span className="secondary num" title="Cosine similarity of title and abstract">{paper.similarity.toFixed(2)}</span>
          )}
        </li>
      ))}
    </ol>
  );
}

function Versions({ paper }: { paper: PaperDetail }) {
  const { version } = paper;

  if (paper.source !== 'arxiv' || version === null) return null;
  return (
    <section>
      <h3>Versions</h3>
      <ul className={classes.tags}>
        {Array.from({ length: Math.min(version, 30) }, (_, i) => version - i).map((v) => (
          <li key={v}>
            <a className={classes.tag} href={`${paper.url}v${String(v)}`} target="_blank" rel="noopener noreferrer">
              v{v}
            </a>
          </li>
        ))}
      </ul>
      {paper.source_updated_at && <p className="secondary">Latest <Ago at={paper.source_updated_at} /></p>}
    </section>
  );
}

async function cite(id: number) {
  try {
    await navigator.clipboard.writeText(await exported('bibtex', [id]));
    toast('BibTeX copied.');
  } catch (error) {
    toastError(error);
  }
}

export function PaperPane({ id, close }: { id: number; close: () => void }) {
  const paper = usePaper(id);
  const mark = useMark();
  const it = paper.data;

  useShortcuts([
    { keys: 'n', label: 'Write a note', run: () => { document.getElementById('paper-note')?.focus(); } },
    { keys: 'c', label: 'Cite: copy BibTeX', run: () => void cite(id) },
  ]);
  // Opened for a moment is looked at; read is what stays open.
  const unread = it !== undefined && !it.read && !paper.isPlaceholderData;
  useEffect(() => {
    if (!unread) return undefined;
    const timer = setTimeout(() => { mark({ ids: [id], marks: { read: true } }); }, 3000);

    return () => { clearTimeout(timer); };
  }, [id, unread, mark]);

  if (paper.isError) {
    return (
      <Pane label="Paper" close={close}>
        <Failure what="This paper could not be read." error={paper.error} retry={() => void paper.refetch()} />
      </Pane>
    );
  }
  if (!it) {
    return (
      <Pane label="Paper" close={close}>
        <div className={classes.paper} aria-busy="true">
          <Bar height={20} /><Bar width="60%" height={20} /><Bar width="40%" />
          {[100, 95, 98, 90, 60].map((w) => <Bar key={w} width={`${String(w)}%`} />)}
        </div>
      </Pane>
    );
  }
  return (
    <Pane
      label={it.title} close={close}
      actions={
        <>
          <ActionIcon
            variant="subtle" color={it.starred ? 'indigo' : 'gray'} aria-pressed={it.starred}
            aria-label={it.starred ? 'Remove the star (s)' : 'Star (s)'}
            onClick={() => { mark({ ids: [id], marks: { starred: !it.starred } }); }}
          >
            <StarIcon filled={it.starred} />
          </ActionIcon>
          <Button variant="subtle" color="gray" size="compact-sm" aria-pressed={it.read} onClick={() => { mark({ ids: [id], marks: { read: !it.read } }); }}>
            {it.read ? 'Mark unread' : 'Mark read'}
          </Button>
          <Button variant="subtle" color="gray" size="compact-sm" onClick={() => void cite(id)}>Cite</Button>
        </>
      }
    >
      <article className={classes.paper}>
        <h2 className={classes.title} dir="auto"><Tex>{it.title}</Tex></h2>
        <Authors names={it.author_list} />
        <p className={classes.links}>
          <a href={it.url} target="_blank" rel="noopener noreferrer">{it.source === 'arxiv' ? `arXiv:${it.source_id}` : 'Source'}</a>
          {it.pdf_url && <a href={it.pdf_url} target="_blank" rel="noopener noreferrer">PDF</a>}
          {it.doi && <a href={`https://doi.org/${it.doi}`} target="_blank" rel="noopener noreferrer">DOI</a>}
          {it.published_at && <span className="secondary"><Ago at={it.published_at} /></span>}
        </p>
        <p className={classes.abstract} dir="auto"><Tex>{it.abstract}</Tex></p>
        {(it.comment ?? it.journal_ref) && (
          <p className="secondary" dir="auto"><Tex>{[it.journal_ref, it.comment].filter(Boolean).join(' · ')}</Tex></p>
        )}
        <ul className={classes.tags} aria-label="Filters from this paper">
          <li><Link className={classes.tag} to={`/papers?category=${encodeURIComponent(it.category)}`}>{it.category}</Link></li>
          {it.tags.map((tag) => (
            <li key={tag}><Link className={classes.tag} to={`/papers?tag=${encodeURIComponent(tag)}`}>{tag}</Link></li>
          ))}
          {it.arxiv_categories.map((name) => <li key={name} className={classes.quiet}>{name}</li>)}
        </ul>
        <section><h3>Note</h3><Note key={id} id={id} kept={paper.isPlaceholderData ? undefined : (it.note ?? '')} /></section>
        <section><h3>Why this score</h3><ScoreParts paper={it} /></section>
        <section><h3>Similar papers</h3><Similar id={id} /></section>
        <Versions paper={it} />
      </article>
    </Pane>
  );
}
