import { useEffect, type ReactNode } from 'react';
import classes from './layout.module.css';

/**
 * A page of the desk: its title, what can be done with all of it at the right,
 * filters below, and a body that scrolls.
 */
export function Page({
  title, aside, filters, children, scrolls = true,
}: {
  title: string;
  aside?: ReactNode;
  filters?: ReactNode;
  children: ReactNode;
  /** false: the body scrolls itself (a long virtual list). */
  scrolls?: boolean;
}) {
  useEffect(() => {
    document.title = `${title} · sheaf`;
  }, [title]);

  return (
    <div className={classes.page}>
      <header className={classes.head}>
        <h1>{title}</h1>
        <div className={classes.aside}>{aside}</div>
      </header>
      {filters !== undefined && <div className={classes.filters}>{filters}</div>}
      <div className={scrolls ? classes.scroll : classes.body}>{children}</div>
    </div>
  );
}

/** A part of a page with a heading of its own. */
export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className={classes.section}>
      <div className={classes.sectionHead}>
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
