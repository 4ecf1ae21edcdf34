import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { toast, toastError } from '@/components/feedback/toasts';
import { api, reply } from '@/lib/api/client';
import { count } from '@/lib/format';
import { useHas } from '@/lib/services';
import classes from './today.module.css';

/** sheaf's own documentation, of the version that is running. */
async function addOwnDocuments() {
  const pages = import.meta.glob<string>('../../../../../docs/*.md', { query: '?raw', import: 'default' });

  for (const [path, load] of Object.entries(pages)) {
    const text = await load();
    const name = path.slice(path.lastIndexOf('/') + 1);

    await reply(api.POST('/process/text', {
      body: { title: /^# (.+)$/m.exec(text)?.[1] ?? name, text, metadata: { source: `sheaf:docs/${name}` } },
    }));
  }
}

/** What there is to do with documents: two of the ways. */
function Documents({ documents }: { documents: number }) {
  const navigate = useNavigate();
  const own = useMutation({
    mutationFn: addOwnDocuments,
    onSuccess: () => void navigate('/ask'),
    onError: toastError,
  });

  return (
    <>
      <li>
        <h3>Add your documents</h3>
        <p>PDF, Word, EPUB, web pages, Markdown, text: found by meaning, and quoted in answers.</p>
        <Button size="xs" variant="default" onClick={() => void navigate('/documents')}>Add documents</Button>
      </li>
      <li>
        <h3>Look around first</h3>
        {documents > 0 ? (
          <>
            <p>There {documents === 1 ? 'is one document' : `are ${count(documents)} documents`} here already, to search and to ask.</p>
            <Button size="xs" variant="default" onClick={() => void navigate('/ask')}>Ask a question</Button>
          </>
        ) : (
          <>
            <p>Puts sheaf’s own documentation on the desk, to search and to ask. You can delete it later.</p>
            <Button size="xs" variant="default" loading={own.isPending} onClick={() => { own.mutate(); }}>Use our documentation</Button>
          </>
        )}
      </li>
    </>
  );
}

const ways = [
  'Papers appear here when a scraper delivers them.', 'One way to begin:', 'Two ways to begin:', 'Three ways to begin:',
];

/** A desk without papers: ways to begin, by what the server can do. */
export function Offers({ documents }: { documents: number }) {
  const queries = useQueryClient();
  const has = useHas();
  const fetches = has('scraper') === true;
  const keeps = has('processor') === true;
  const fetchPapers = useMutation({
    mutationFn: () => reply(api.POST('/scrape', { body: { days: 7, max_results: 100 } })),
    onSuccess: () => {
      toast('Asking arXiv for the papers of this week. They appear here.');
      void queries.invalidateQueries({ queryKey: ['jobs'] });
    },
    onError: toastError,
  });

  return (
    <div className={classes.offers}>
      <h2>{documents > 0 ? 'No papers yet.' : 'Your desk is empty.'} {ways[Number(fetches) + 2 * Number(keeps)]}</h2>
      <ol>
        {fetches && (
          <li>
            <h3>Fetch papers from arXiv</h3>
            <p>The last seven days of artificial intelligence and machine learning, sorted by what they are about.</p>
            <Button size="xs" loading={fetchPapers.isPending} onClick={() => { fetchPapers.mutate(); }}>Fetch papers</Button>
          </li>
        )}
        {keeps && <Documents documents={documents} />}
      </ol>
    </div>
  );
}
