import { api, reply } from '@/lib/api/client';
import { passageLink } from '@/lib/links';

export async function findPapers(words: string, signal: AbortSignal) {
  // The first letters of a word match much: ranking all that takes too long.
  const ordering = words.length < 5 ? '-published_at' : '-rank';
  const page = await reply(
    api.GET('/api/papers/', { params: { query: { search: words, prefix: true, page_size: 5, ordering } }, signal }),
  );

  return page.results;
}

export async function findPassages(words: string, signal: AbortSignal) {
  const found = await reply(
    api.GET('/query', { params: { query: { q: words, k: 4, mode: 'keyword' } }, signal }),
  );

  return found.results.map((hit) => ({
    id: hit.id,
    title: String(hit.metadata.title ?? ''),
    text: hit.text.slice(0, 200),
    to: passageLink(hit.metadata),
  }));
}
