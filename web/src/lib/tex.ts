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

export function splitTex(text: string): TexPart[] {
  const parts: TexPart[] = [];
  let at = 0;

  for (const hit of text.matchAll(math)) {
    const inner = hit[1] ?? hit[2] ?? hit[3] ?? hit[4] ?? '';

    if (hit[4] !== undefined && isMoney(inner)) continue;
    if (hit.index > at) parts.push({ tex: false, display: false, text: text.slice(at, hit.index) });
    parts.push({ tex: true, display: hit[1] !== undefined || hit[2] !== undefined, text: inner });
    at = hit.index + hit[0].length;
  }
  if (at < text.length) parts.push({ tex: false, display: false, text: text.slice(at) });
  return parts;
}
