/** The parts of a relevance score, as the server returns them (docs/scraper.md). */
export interface Relevance {
  base?: number;
  recency?: number;
  keywords?: number;
  matched?: { keyword: string; in: string; points: number }[];
}

export interface ScorePart {
  label: string;
  points: number;
}

function isRelevance(value: unknown): value is Relevance {
  return typeof value === 'object' && value !== null;
}

/** Largest reasons first after the base; nothing that gave no points. */
export function scoreParts(value: unknown): ScorePart[] {
  if (!isRelevance(value)) return [];
  const matched = [...(value.matched ?? [])].sort((a, b) => b.points - a.points);
  const parts = [
    { label: 'Base', points: value.base ?? 0 },
    { label: 'Recent', points: value.recency ?? 0 },
    ...matched.map((m) => ({ label: `“${m.keyword}” in ${m.in}`, points: m.points })),
  ];
  const sum = matched.reduce((all, m) => all + m.points, 0);

  // Keywords count up to a limit; say so, or the sum would not add up.
  if (value.keywords !== undefined && sum > value.keywords + 0.005) {
    parts.push({ label: 'More than keywords may give', points: value.keywords - sum });
  }
  return parts.filter((part) => Math.abs(part.points) >= 0.005);
}

/** In one line, for a list: “LLM” in title, “agent” in abstract + 3 */
export function scoreReason(value: unknown, shown = 2): string {
  if (!isRelevance(value)) return '';
  const matched = [...(value.matched ?? [])].sort((a, b) => b.points - a.points);
  const reasons = matched.slice(0, shown).map((m) => `“${m.keyword}” in ${m.in}`);

  if (matched.length > shown) reasons.push(`${String(matched.length - shown)} more`);
  if ((value.recency ?? 0) >= 0.15) reasons.push('new');
  return reasons.join(', ');
}
