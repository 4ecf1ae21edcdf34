/**
 * `run` at once, then not for `ms`; what was asked for meanwhile is done once,
 * when they are over.  So a burst costs few runs and its last word counts.
 */
export function paced(run: () => void, ms: number): { ask: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asked = false;

  function over() {
    timer = undefined;
    if (!asked) return;
    asked = false;
    go();
  }
  function go() {
    timer = setTimeout(over, ms);
    run();
  }
  return {
    ask: () => {
      if (timer === undefined) go();
      else asked = true;
    },
    stop: () => {
      clearTimeout(timer);
      timer = undefined;
      asked = false;
    },
  };
}
