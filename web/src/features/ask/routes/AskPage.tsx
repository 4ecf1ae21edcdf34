import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { Page } from '@/components/layout/Page';
import { Split } from '@/components/layout/Split';
import { Empty } from '@/components/states/states';
import { useSearch } from '@/lib/useSearch';
import { askAgain, followUp, start, stop, useConversations, type Conversation } from '../api/conversations';
import { quoteOfSource } from '../api/quote';
import { isRunning } from '../api/turn';
import { readView, type View } from '../api/view';
import { AskForm, FollowUp } from '../components/AskForm';
import { Filters } from '../components/Filters';
import { History } from '../components/History';
import { Results } from '../components/Results';
import { SourcePane } from '../components/SourcePane';
import { Turn } from '../components/Turn';

/** A question in the URL that this browser has no answer to is asked. */
function useConversation(view: View): Conversation | undefined {
  const [, patch] = useSearch();
  const all = useConversations();
  const asked = useRef('');
  const known = all.find(({ id }) => id === view.conversation);
  const wanted = view.asks && view.q !== '' && !known;
  const { q, k, collection, document } = view;

  useEffect(() => {
    const key = JSON.stringify([q, k, collection, document]);

    if (!wanted) {
      asked.current = '';
    } else if (asked.current !== key) {
      asked.current = key;
      patch({ c: start(q, { k, collection, document }) }, { replace: true });
    }
  }, [wanted, q, k, collection, document, patch]);
  return known;
}

function Answers({ conversation, view }: { conversation: Conversation; view: View }) {
  const [, patch] = useSearch();
  const last = conversation.turns.length - 1;
  const running = conversation.turns.some(isRunning);

  return (
    <>
      {conversation.turns.map((turn, i) => (
        <Turn
          key={i} turn={turn} last={i === last}
          opened={view.source?.turn === i ? view.source.n : undefined}
          open={(n) => { patch({ source: `${String(i)}.${String(n)}` }, { replace: view.source !== undefined }); }}
          stop={() => { stop(conversation.id); }} again={() => { askAgain(conversation); }}
        />
      ))}
      {!running && (
        <FollowUp
          submit={(q) => {
            followUp(conversation, q);
            patch({ q, source: null }, { replace: true });
          }}
        />
      )}
    </>
  );
}

function Welcome({ past }: { past: Conversation[] }) {
  return (
    <>
      <Empty title="Find a passage, or ask.">
        <p>
          Words find passages of your documents and papers. A question gets an answer made of them, each
          sentence with the passage that it rests on; where there is not enough to go on it says so.
        </p>
        <p><Link to="/documents">Add documents</Link></p>
      </Empty>
      {past.length > 0 && <History all={past} />}
    </>
  );
}

function useSource(view: View, conversation: Conversation | undefined) {
  const turn = view.source && conversation?.turns[view.source.turn];
  const source = turn?.sources[(view.source?.n ?? 0) - 1];

  return turn && source ? quoteOfSource(source, turn.answer) : undefined;
}

export function AskPage() {
  const [params, patch] = useSearch();
  const view = readView(params);
  const past = useConversations();
  const conversation = useConversation(view);
  const source = useSource(view, conversation);
  const submit = (q: string, ask: boolean) => { patch({ q, ask: ask ? '1' : null, c: null, source: null }); };

  return (
    <Split
      pane={source && view.source && (
        <SourcePane n={view.source.n} quote={source} close={() => { patch({ source: null }, { replace: true }); }} />
      )}
    >
      <Page
        title="Ask"
        filters={(
          <>
            <AskForm key={`${view.q} ${String(view.asks)}`} q={view.q} asks={view.asks} submit={submit} focus={view.q === ''} />
            <Filters view={view} />
          </>
        )}
      >
        {view.q === '' && <Welcome past={past} />}
        {view.q !== '' && !view.asks && (
          <Results search={view} askInstead={`?${withAsk(params)}`} />
        )}
        {view.asks && conversation && <Answers key={conversation.id} conversation={conversation} view={view} />}
      </Page>
    </Split>
  );
}

function withAsk(params: URLSearchParams): string {
  const next = new URLSearchParams(params);

  next.set('ask', '1');
  return next.toString();
}
