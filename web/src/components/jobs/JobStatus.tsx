import classes from './jobs.module.css';

const words: Record<string, string> = {
  pending: 'Waiting', running: 'Running', processing: 'Running', completed: 'Done', failed: 'Failed', cancelled: 'Cancelled',
  delivered: 'Delivered', dead: 'Given up', ok: 'Works', bad: 'Does not work',
};

/** In a word and a shape: colour alone says nothing. */
export function JobStatus({ status }: { status: string }) {
  return (
    <span className={classes.status} data-status={status}>
      <span className={classes.mark} aria-hidden="true" />
      {words[status] ?? status}
    </span>
  );
}
