import { keep, readKept } from './kept';

/**
 * When the desk was last looked at before this visit, as RFC 3339; undefined at
 * the first.  A pause of half an hour ends a visit, so loading the page anew
 * does not make everything old.
 */
const pause_ms = 30 * 60_000;

interface Visits {
  /** The end of the visit before this one. */
  before?: string;
  /** The latest sign of this one. */
  seen: string;
}

function begin(now: number): Visits {
  const kept = readKept<Visits | null>('visits', null);
  const seen = new Date(now).toISOString();

  if (!kept) return { seen };
  return now - Date.parse(kept.seen) > pause_ms ? { before: kept.seen, seen } : { before: kept.before, seen };
}

const visits = begin(Date.now());

export const lastVisit: string | undefined = visits.before;

function note() {
  if (document.visibilityState === 'visible') keep('visits', { ...visits, seen: new Date().toISOString() });
}

note();
setInterval(note, 60_000);
document.addEventListener('visibilitychange', note);
