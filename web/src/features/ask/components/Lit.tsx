import type { Units } from '../api/quote';

/** A text with the part that matters marked. */
export function Lit({ text, lit }: { text: string; lit?: Units }) {
  if (!lit) return text;
  return (
    <>
      {text.slice(0, lit.from)}
      <mark>{text.slice(lit.from, lit.to)}</mark>
      {text.slice(lit.to)}
    </>
  );
}
