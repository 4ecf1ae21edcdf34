import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { splitTex, type TexPart } from '@/lib/tex';

type Katex = (typeof import('katex'))['default'];

let katex: Katex | undefined;
let loading: Promise<Katex> | undefined;

function load(): Promise<Katex> {
  loading ??= Promise.all([import('katex'), import('katex/dist/katex.min.css')]).then(
    ([module]) => (katex = module.default),
  );
  return loading;
}

function Formula({ part }: { part: TexPart }) {
  const into = useRef<HTMLSpanElement>(null);
  const [ready, setReady] = useState(katex !== undefined);

  useEffect(() => {
    let gone = false;

    if (!ready) {
      load().then(
        () => { if (!gone) setReady(true); },
        () => { /* its source stays readable */ },
      );
    }
    return () => { gone = true; };
  }, [ready]);
  useEffect(() => {
    if (!ready || !katex || !into.current) return;
    // render() makes elements one by one, which needs no inline styles in
    // markup; `trust` off: no links, no images, no raw HTML.
    katex.render(part.text, into.current, {
      displayMode: part.display, throwOnError: false, trust: false, maxExpand: 200, maxSize: 20,
      strict: 'ignore',
    });
  }, [ready, part]);

  // A new element once KaTeX is here: React must not touch what that made.
  return ready ? <span key="tex" ref={into} /> : <span key="source">{part.text}</span>;
}

/** Text of a paper: LaTeX between dollars is set, everything else is text. */
export const Tex = memo(function Tex({ children }: { children: string }) {
  const parts = useMemo(() => splitTex(children), [children]);

  return parts.map((part, i) => (part.tex ? <Formula key={`${String(i)}${part.text}`} part={part} /> : part.text));
});
