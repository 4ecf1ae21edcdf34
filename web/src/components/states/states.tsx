import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { ApiError } from '@/lib/api/errors';
import { duration } from '@/lib/format';
import classes from './states.module.css';

/** Nothing here yet, and the one next step. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={classes.state}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** What failed in the server's words, and what can be done. */
export function Failure({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const api = error instanceof ApiError ? error : undefined;

  return (
    <div className={classes.state} role="alert">
      <h2 className={classes.failed}>{what}</h2>
      <p>{error instanceof Error ? error.message : 'Something unexpected happened.'}</p>
      {api?.retryAfter !== undefined && <p className="secondary">Try again in {duration(api.retryAfter)}.</p>}
      {api?.errorId !== undefined && (
        <p className="secondary">
          The server’s log has the rest, under <code>{api.errorId}</code>.
        </p>
      )}
      {retry && (
        <div>
          <Button variant="default" size="xs" onClick={retry}>Try again</Button>
        </div>
      )}
    </div>
  );
}

/** A grey bar where text will be; same height as a line of it. */
export function Bar({ width = '100%', height = 12 }: { width?: string; height?: number }) {
  return <span className={classes.bar} style={{ width, height }} />;
}

/** Rows in the place of those that are on their way: no jump when they come. */
export function SkeletonRows({ rows = 8, height = 64 }: { rows?: number; height?: number }) {
  return (
    <div aria-busy="true">
      <span className="hidden-visually" role="status">Loading</span>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className={classes.row} style={{ height }} aria-hidden="true">
          <Bar width={`${String(70 - ((i * 13) % 35))}%`} height={14} />
          <Bar width={`${String(40 - ((i * 7) % 20))}%`} height={10} />
        </div>
      ))}
    </div>
  );
}

/** While the code of a page is on its way. */
export function SkeletonPage() {
  return (
    <div>
      <div className={classes.head}><Bar width="120px" height={18} /></div>
      <SkeletonRows />
    </div>
  );
}
