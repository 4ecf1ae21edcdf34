import { useQueries } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useMemo, useRef } from 'react';
import { Link } from 'react-router';
import { Bar, Failure } from '@/components/states/states';
import { useShortcuts } from '@/lib/keys';
import type { Document } from '@/lib/api/types';
import { block_chars, blockCount, blockOf, type Block } from '../api/blocks';
import { lowest, piecesOf, type Outline, type Piece, type Range } from '../api/pieces';
import { blockQuery } from '../api/reader';
import classes from './Reader.module.css';

/** So many blocks are drawn at once, so that the browser's own search finds all. */
const whole_up_to = 20;
/** Height of a block before it is known; a guess. */
const guess_px = (block_chars / 60) * 26;

function PieceText({ piece, first }: { piece: Piece; first: boolean }) {
  const { text, heading, lit } = piece;

  if (heading !== undefined) {
    return (
      <span role="heading" aria-level={Math.min(heading + 1, 6)} className={classes.heading} data-lit={lit || undefined}>
        {text}
      </span>
    );
  }
  return lit ? <mark className={classes.lit} data-first={first || undefined}>{text}</mark> : text;
}

/** `lit`: which characters to mark, where some of them are in this block. */
const BlockText = memo(function BlockText({ block, outline, from, to }: {
  block: Block;
  outline: Outline;
  from?: number;
  to?: number;
}) {
  const pieces = useMemo(
    () => piecesOf(block, outline, from !== undefined && to !== undefined ? { from, to } : undefined),
    [block, outline, from, to],
  );

  return (
    <div className={classes.text}>
      {pieces.map((piece) => (
        <span key={piece.at} data-at={piece.at}>
          {piece.page !== undefined && <span className={classes.page} title={`Page ${String(piece.page)}`}>{piece.page}</span>}
          {piece.passage !== undefined && (
            <Link
              className={classes.tick} tabIndex={-1} data-passage={piece.passage} title={`Passage ${String(piece.passage)}`}
              aria-label={`Passage ${String(piece.passage)}`} replace preventScrollReset
              to={linkTo(outline.chunks[piece.passage - 1])}
            />
          )}
          <PieceText piece={piece} first={piece.at === from} />
        </span>
      ))}
    </div>
  );
});

const linkTo = (range: number[] = []): string => `?from=${String(range[0])}&to=${String(range[1])}`;

/** Frames in which nothing moved: then the place is right. */
const still_frames = 15;
const patience_ms = 10_000;
const by_hand = ['wheel', 'touchmove', 'pointerdown', 'keydown'];

/**
 * Bring what the URL names into view.  Blocks that come meanwhile, or turn out to
 * be higher than was guessed, move it: it is followed until nothing moves any
 * more, or the reader does something.
 */
function useArrival(body: React.RefObject<HTMLElement | null>, target: Range | undefined, toBlock: (n: number) => void) {
  const from = target?.from;

  useEffect(() => {
    if (from === undefined) return undefined;
    const until = performance.now() + patience_ms;
    let still = 0;
    let frame = 0;
    const stop = () => { cancelAnimationFrame(frame); };
    const follow = () => {
      const at = body.current?.querySelector(`[data-at="${String(from)}"]`);
      const before = body.current?.scrollTop;

      if (at) at.scrollIntoView({ block: 'center' });
      else toBlock(blockOf(from));
      still = at && body.current?.scrollTop === before ? still + 1 : 0;
      if (still < still_frames && performance.now() < until) frame = requestAnimationFrame(follow);
    };

    follow();
    for (const event of by_hand) window.addEventListener(event, stop, { passive: true });
    return () => {
      stop();
      for (const event of by_hand) window.removeEventListener(event, stop);
    };
  }, [from, body, toBlock]);
}

/** j and k: the passage after, and before, the one that is marked or at the top. */
function usePassageKeys(body: React.RefObject<HTMLElement | null>, outline: Outline, target: Range | undefined, go: (range: Range) => void) {
  const step = (by: number) => {
    const { chunks } = outline;
    const top = body.current?.getBoundingClientRect().top ?? 0;
    const ticks = [...(body.current?.querySelectorAll<HTMLElement>('[data-passage]') ?? [])];
    const seen = ticks.find((t) => t.getBoundingClientRect().top >= top);
    const here = target ? lowest(chunks, (c) => c[0] ?? 0, target.from) : Number(seen?.dataset.passage ?? 1) - 1 - (by > 0 ? 1 : 0);
    const next = chunks[Math.min(Math.max(here + by, 0), chunks.length - 1)];

    if (next) go({ from: next[0] ?? 0, to: next[1] ?? 0 });
  };

  useShortcuts([
    { keys: 'j', label: 'Next passage', run: () => { step(1); } },
    { keys: 'k', label: 'Previous passage', run: () => { step(-1); } },
  ]);
}

/** The text as written.  `target`: what to bring into view and mark. */
export function Reader({ document, outline, target, go }: {
  document: Document;
  outline: Outline;
  target?: Range;
  go: (range: Range) => void;
}) {
  const body = useRef<HTMLDivElement>(null);
  const count = blockCount(document.chars);
  const list = useVirtualizer({
    count,
    getScrollElement: () => body.current,
    estimateSize: () => Math.min(guess_px, Math.max(200, (document.chars / 60) * 26)),
    overscan: count <= whole_up_to ? count : 1,
  });
  const items = list.getVirtualItems();
  const blocks = useQueries({ queries: items.map((item) => blockQuery(document, item.index)) });
  const { scrollToIndex } = list;
  const toBlock = useMemo(() => (n: number) => { scrollToIndex(n, { align: 'start' }); }, [scrollToIndex]);

  useArrival(body, target, toBlock);
  usePassageKeys(body, outline, target, go);
  return (
    // A region that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div ref={body} className={classes.body} tabIndex={0} role="region" aria-label="Text">
      <div className={classes.all} style={{ height: list.getTotalSize() }}>
        {items.map((item, i) => {
          const block = blocks[i];
          const end = (item.index + 2) * block_chars;
          const near = target && target.to > item.index * block_chars && target.from < end ? target : undefined;

          return (
            <div
              key={item.key} ref={list.measureElement} data-index={item.index} className={classes.block}
              style={{ transform: `translateY(${String(item.start)}px)` }}
            >
              {block?.data && <BlockText block={block.data} outline={outline} from={near?.from} to={near?.to} />}
              {block?.isPending && <Waiting height={item.size} />}
              {block?.isError && (
                <Failure what="This part of the text did not come." error={block.error} retry={() => void block.refetch()} />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Waiting({ height }: { height: number }) {
  return (
    <div className={classes.text} style={{ height }} aria-busy="true">
      {[96, 88, 93, 60].map((width) => <div key={width} className={classes.line}><Bar width={`${String(width)}%`} /></div>)}
    </div>
  );
}
