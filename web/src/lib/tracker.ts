import { readKept } from './kept';

let asked = false;

/** Kept by a browser whose visits to the desk are not to be counted. */
export const uncounted = 'uncounted';

/** Count views of the desk as those of any site: sheaf's own tracker does. */
export function countViews(): void {
  if (asked || readKept(uncounted, false)) return;
  asked = true;
  const script = document.createElement('script');

  script.src = '/sheaf.js';
  document.head.append(script);
}
