/**
 * How fast a number grows, from what was seen of it in the last half minute.
 * Work comes in steps (a page of arXiv's, 64 passages), so the time since the
 * last step counts as well.
 */
const window_ms = 30_000;
const least_ms = 2000;

export interface Sample {
  at: number;
  done: number;
}

export function addSample(samples: Sample[], next: Sample): Sample[] {
  const last = samples.at(-1);

  if (last && next.done < last.done) return [next]; // it was begun anew
  if (last?.done === next.done) return samples;
  return [...samples.filter((one) => next.at - one.at <= window_ms), next];
}

/** A second; nothing until there is something to go by. */
export function paceOf(samples: Sample[], now: number): number | undefined {
  const first = samples[0];
  const last = samples.at(-1);

  if (!first || !last || last.done === first.done || now - first.at < least_ms) return undefined;
  return (1000 * (last.done - first.done)) / (now - first.at);
}
