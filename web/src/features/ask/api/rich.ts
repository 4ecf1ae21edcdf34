/*
 * What a model writes is nearly Markdown.  Of that paragraphs, lists, code and
 * stress are shown as such, everything else as it is written; and [n] becomes a
 * citation, outside of code only, as the server checks it there only.
 */
export type Inline =
  | { kind: 'text' | 'code' | 'strong'; text: string }
  | { kind: 'cite'; n: number };

export type Paragraph =
  | { kind: 'text'; inline: Inline[] }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }
  | { kind: 'code'; text: string };

const token = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\[(\d{1,3})\]/g;
const bullet = /^\s{0,3}(?:[-*•]|(\d{1,3})[.)])\s+(.*)$/;

export function inlineOf(text: string): Inline[] {
  const parts: Inline[] = [];
  let at = 0;

  for (const hit of text.matchAll(token)) {
    const [whole, code, strong, n] = hit;

    if (hit.index > at) parts.push({ kind: 'text', text: text.slice(at, hit.index) });
    if (code !== undefined) parts.push({ kind: 'code', text: code });
    else if (strong !== undefined) parts.push({ kind: 'strong', text: strong });
    else parts.push({ kind: 'cite', n: Number(n) });
    at = hit.index + whole.length;
  }
  if (at < text.length) parts.push({ kind: 'text', text: text.slice(at) });
  return parts;
}

export function paragraphsOf(answer: string): Paragraph[] {
  const paragraphs: Paragraph[] = [];
  let lines: string[] = [];
  let fence: string[] | undefined;
  const flush = () => {
    if (lines.length > 0) paragraphs.push({ kind: 'text', inline: inlineOf(lines.join('\n')) });
    lines = [];
  };

  for (const line of answer.split(/\r\n|\n|\r/)) {
    const item = bullet.exec(line);
    const last = paragraphs.at(-1);

    if (/^\s{0,3}```/.test(line)) {
      flush();
      if (fence) paragraphs.push({ kind: 'code', text: fence.join('\n') });
      fence = fence ? undefined : [];
    } else if (fence) {
      fence.push(line);
    } else if (item) {
      const ordered = item[1] !== undefined;

      if (lines.length === 0 && last?.kind === 'list' && last.ordered === ordered) {
        last.items.push(inlineOf(item[2] ?? ''));
      } else {
        flush();
        paragraphs.push({ kind: 'list', ordered, items: [inlineOf(item[2] ?? '')] });
      }
    } else if (line.trim() === '') {
      flush();
    } else {
      lines.push(line);
    }
  }
  flush();
  if (fence) paragraphs.push({ kind: 'code', text: fence.join('\n') });
  return paragraphs;
}

/** The sources that an answer cites, of `most` that there are. */
export function citedIn(answer: string, most: number): Set<number> {
  const runs = paragraphsOf(answer).flatMap((p) => (p.kind === 'text' ? [p.inline] : p.kind === 'list' ? p.items : []));
  const numbers = runs.flat().flatMap((part) => (part.kind === 'cite' ? [part.n] : []));

  return new Set(numbers.filter((n) => n >= 1 && n <= most));
}
