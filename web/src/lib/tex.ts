/** A text that may hold LaTeX between dollars, cut into its parts. */
export interface TexPart {
  tex: boolean;
  /** On a line of its own. */
  display: boolean;
  text: string;
}

const math = /\$\$([^$]{1,2000})\$\$|\\\[([\s\S]{1,2000}?)\\\]|\\\(([\s\S]{1,1000}?)\\\)|\$((?:\\.|[^$\\]){1,1000})\$/g;

/**
 * A dollar sign is money more often than mathematics when a digit follows and
 * no second one comes before the sentence is over: "$5 and $10" stays text.
 */
function isMoney(inner: string): boolean {
  return /^\d[\d.,]*(\s|$)/.test(inner) && !/[\\^_{}=]/.test(inner) && /\s/.test(inner);
}

/** What authors write for type in running text: quotes, emphasis, escapes. */
function plain(text: string): string {
  return text
    .replace(/\\(?:emph|text(?:it|bf|tt|sc|rm|sf)?|underline)\{([^{}]*)\}/g, '$1')
    .replace(/``/g, '“')
    .replace(/''/g, '”')
    .replace(/\\([%&#_$])/g, '$1');
}

export function splitTex(text: string): TexPart[] {
  const parts: TexPart[] = [];
  let at = 0;

  for (const hit of text.matchAll(math)) {
    const inner = hit[1] ?? hit[2] ?? hit[3] ?? hit[4] ?? '';

    if (hit[4] !== undefined && isMoney(inner)) continue;
    if (hit.index > at) parts.push({ tex: false, display: false, text: plain(text.slice(at, hit.index)) });
    parts.push({ tex: true, display: hit[1] !== undefined || hit[2] !== undefined, text: inner });
    at = hit.index + hit[0].length;
  }
  if (at < text.length) parts.push({ tex: false, display: false, text: plain(text.slice(at)) });
  return parts;
}
