import { passageLink } from '@/lib/links';
import { unitAt } from '@/lib/codepoints';
import type { AnswerSource, Passage } from '@/lib/api/types';

/** UTF-16 units of a text. */
export interface Units {
  from: number;
  to: number;
}

/** A passage as it is shown, whether it was found or is the source of an answer. */
export interface Quote {
  key: string;
  title: string;
  /** In its document: heading or page. */
  place: string;
  /** Page of the desk where it can be read. */
  to: string;
  text: string;
  /** The sentence that matters. */
  lit?: Units;
  /** 1 - cosine distance; null: found by its words alone. */
  similarity: number | null;
}

interface Place {
  page?: unknown;
  page_end?: unknown;
  section?: unknown;
  paper_id?: unknown;
  authors?: unknown;
}

/** "Services > Types", "page 3", "pages 3–4", or who wrote the paper. */
export function placeOf({ page, page_end, section, paper_id, authors }: Place): string {
  if (typeof section === 'string') return section.replaceAll(' > ', ' › ');
  if (typeof page === 'number') {
    return typeof page_end === 'number' && page_end > page ? `pages ${String(page)}–${String(page_end)}` : `page ${String(page)}`;
  }
  if (paper_id === undefined) return '';
  return typeof authors === 'string' && authors !== '' ? authors : 'paper';
}

/** A heading says no more if it is the title. */
function below(title: string, place: string): string {
  if (place === title) return '';
  return place.startsWith(`${title} › `) ? place.slice(title.length + 3) : place;
}

export function linkOf(at: Record<string, unknown>): string {
  return typeof at.paper_id === 'number' ? `/papers/${String(at.paper_id)}` : passageLink(at);
}

/** `highlight` counts code points of the whole document. */
function litOf({ highlight, metadata, text }: Passage): Units | undefined {
  const begin = 'start_char' in metadata && typeof metadata.start_char === 'number' ? metadata.start_char : 0;

  if (!highlight) return undefined;
  const from = unitAt(text, highlight.start_char - begin);
  const to = from + unitAt(text.slice(from), highlight.end_char - highlight.start_char);

  return to > from ? { from, to } : undefined;
}

export function quoteOfPassage(hit: Passage): Quote {
  return {
    key: hit.id, title: hit.metadata.title, place: below(hit.metadata.title, placeOf(hit.metadata)), to: linkOf(hit.metadata),
    text: hit.text, lit: litOf(hit), similarity: hit.similarity,
  };
}

/** `answer`: which sentence of the source it rests on is looked for. */
export function quoteOfSource(source: AnswerSource, answer: string): Quote {
  return {
    key: `${String(source.n)} ${source.document_id}`, title: source.title, place: below(source.title, placeOf(source)), to: linkOf(source),
    text: source.text, lit: citedSentence(answer, source.n, source.text),
    similarity: source.distance === null ? null : 1 - source.distance,
  };
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' });

/** Sentences of a text; a line end ends none, an empty line does. */
function sentences(text: string): Units[] {
  const found: Units[] = [];
  let at = 0;

  for (const part of text.split(/(\n\s*\n)/)) {
    for (const { segment, index } of segmenter.segment(part.replaceAll('\n', ' '))) {
      const blank = segment.length - segment.trimStart().length;
      const from = at + index + blank;
      const to = from + segment.trim().length;

      if (to > from) found.push({ from, to });
    }
    at += part.length;
  }
  return found;
}

const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();
const wordsOf = (text: string): Set<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu));

/** What the answer says with [n] behind it. */
function claims(answer: string, n: number): string[] {
  const found: string[] = [];
  let begin = 0;

  for (const hit of answer.matchAll(/(?:\[\d{1,3}\]\s*)+[.!?]?/g)) {
    const numbers = [...hit[0].matchAll(/\d+/g)].map(Number);

    if (numbers.includes(n)) found.push(plain(answer.slice(begin, hit.index)));
    begin = hit.index + hit[0].length;
  }
  return found.filter((claim) => claim !== '');
}

/**
 * The sentence of source `n` that the answer cites: word for word, else the one
 * that has most of the claim's words; undefined where none has a third of them.
 */
export function citedSentence(answer: string, n: number, text: string): Units | undefined {
  let best: Units | undefined;
  let most = 1 / 3;

  for (const claim of claims(answer, n)) {
    const wanted = wordsOf(claim);

    for (const sentence of sentences(text)) {
      const said = plain(text.slice(sentence.from, sentence.to));

      if (said.length >= 12 && claim.endsWith(said)) return sentence;
      const words = wordsOf(said);
      const shared = [...words].filter((word) => wanted.has(word)).length;
      const score = shared / Math.max(1, Math.sqrt(words.size * wanted.size));

      if (score > most) {
        most = score;
        best = sentence;
      }
    }
  }
  return best;
}
