import { ago, exact } from '@/lib/format';

/** A time as people say it; the exact one on hover and for machines. */
export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at)}
    </time>
  );
}
