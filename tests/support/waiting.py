"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

import time


class TimedOut(AssertionError):
    """The condition did not come true; the message says what was seen last."""


def wait_until(probe, timeout=15.0, interval=0.02, what="the condition"):
    """Call probe() until it returns something true, and return that.

    An exception of type AssertionError or OSError counts as "not yet"; the
    last one is shown when the deadline passes.
    """
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            last = probe()
            if last:
                return last
        except (AssertionError, OSError) as err:
            last = err
        if time.monotonic() >= deadline:
            raise TimedOut(f"{what} did not come within {timeout} s; "
                           f"last seen: {last!r}")
        time.sleep(interval)
