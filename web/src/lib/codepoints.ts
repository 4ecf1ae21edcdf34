/**
 * sheaf counts characters as Unicode code points, JavaScript counts UTF-16
 * units: an emoji is one there and two here.
 */
const high = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const low = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** Where in `text` its code point number `at` begins; clamped to the text. */
export function unitAt(text: string, at: number): number {
  let unit = 0;

  for (let left = at; left > 0 && unit < text.length; left--) {
    unit += high(text.charCodeAt(unit)) && low(text.charCodeAt(unit + 1)) ? 2 : 1;
  }
  return unit;
}

/** How many code points `text` has before the unit `to`. */
export function countChars(text: string, to = text.length): number {
  let n = 0;

  for (let unit = 0; unit < to; n++) {
    unit += high(text.charCodeAt(unit)) && low(text.charCodeAt(unit + 1)) ? 2 : 1;
  }
  return n;
}

/** The code points [from, to) of `text`. */
export function sliceChars(text: string, from: number, to: number): string {
  const start = unitAt(text, from);
  const rest = text.slice(start);

  return rest.slice(0, unitAt(rest, to - from));
}

/** `text` in pieces that begin at the code points `at`, which rise from 0. */
export function splitAt(text: string, at: number[]): string[] {
  const pieces: string[] = [];
  let unit = 0;
  let char = 0;
  let begin = 0;

  for (const next of at.slice(1)) {
    for (; char < next && unit < text.length; char++) {
      unit += high(text.charCodeAt(unit)) && low(text.charCodeAt(unit + 1)) ? 2 : 1;
    }
    pieces.push(text.slice(begin, unit));
    begin = unit;
  }
  pieces.push(text.slice(begin));
  return pieces;
}
