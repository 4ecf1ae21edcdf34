import { collections, modes, sizes, type Mode } from './search';

/** What the URL asks for; what it gets wrong counts as not said. */
export interface View {
  q: string;
  asks: boolean;
  mode: Mode;
  k: number;
  collection?: string;
  document?: string;
  /** Of this browser's history. */
  conversation?: string;
  /** The source that is open: of which turn, and its number. */
  source?: { turn: number; n: number };
}

export function readView(params: URLSearchParams): View {
  const k = Number(params.get('k'));
  const [, turn, n] = /^(?:(\d{1,3})\.)?(\d{1,2})$/.exec(params.get('source') ?? '') ?? [];

  return {
    q: (params.get('q') ?? '').trim().slice(0, 2000),
    asks: params.get('ask') === '1',
    mode: modes.find(({ value }) => value === params.get('mode'))?.value ?? 'hybrid',
    k: sizes.includes(k) ? k : 5,
    collection: collections.find(({ value }) => value === params.get('in'))?.value,
    document: params.get('doc') || undefined,
    conversation: params.get('c') || undefined,
    source: n === undefined ? undefined : { turn: Number(turn ?? 0), n: Number(n) },
  };
}
