"""A share of the processors for a server, as a small machine of its own has.

By the kernel's control groups (cpu.max, or cpu.cfs_quota_us in the older
layout), in slices of 10 ms, so that a server that is over its share does not
stand still for long.  Needs to be root; what is `chrt`ed to real time is not
held to it.
"""
import contextlib
import os
from pathlib import Path

from .process import BenchError

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 10000


class Share:
    """`prefix` starts a command that is held to `cores` of a processor."""

    def __init__(self, name, cores):
        old = (_ROOT / "cpu" / "cgroup.procs").exists()
        self.place = (_ROOT / "cpu" if old else _ROOT) / (
            f"sheaf-bench-{os.getpid()}-{name}")
        quota = int(cores * _PERIOD_US)
        try:
            self.place.mkdir()
            if old:
                self._write("cpu.cfs_period_us", _PERIOD_US)
                self._write("cpu.cfs_quota_us", quota)
            else:
                self._write("cpu.max", f"{quota} {_PERIOD_US}")
        except OSError as problem:
            self.stop()
            raise BenchError(f"no control group for a share of the "
                             f"processors: {problem}") from None
        self.prefix = ("sh", "-c", 'echo $$ > "$0" && exec "$@"',
                       self.place / "cgroup.procs")

    def _write(self, name, value):
        (self.place / name).write_text(str(value))

    def stop(self):
        """Its processes have ended."""
        with contextlib.suppress(OSError):
            self.place.rmdir()
