import type { LiveEvents } from '@/lib/socket';

/** A line of the stream: a page, and how many views of it came together. */
export interface Seen {
  key: number;
  page: string;
  /** Of the page, in all. */
  count: number;
  views: number;
  at: string;
}

/**
 * Adds up what the socket tells between two repaints.  An event says how many
 * views the page has, and under load one event stands for several views.
 */
export class Tally {
  private readonly counts = new Map<string, number>();
  private waiting = new Map<string, Seen>();
  private next = 1;

  take({ page, count }: LiveEvents['new_pageview'], at = new Date()): void {
    const before = this.counts.get(page);
    // A page that was forgotten begins anew, below what it had.
    const views = before !== undefined && count > before ? count - before : 1;
    const old = this.waiting.get(page);

    this.counts.set(page, count);
    this.waiting.delete(page);
    this.waiting.set(page, {
      key: old?.key ?? this.next++, page, count, views: (old?.views ?? 0) + views, at: at.toISOString(),
    });
  }

  /** What has come since the last call, the newest first. */
  flush(): { views: number; seen: Seen[] } {
    const seen = [...this.waiting.values()].reverse();

    this.waiting = new Map();
    return { views: seen.reduce((sum, one) => sum + one.views, 0), seen };
  }
}
