"""Child processes: started in their own session, measured, always stopped."""
import contextlib
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Something the reader must fix or know; printed without a traceback."""


class Child:
    """One server process with all its descendants.

    `stop_signal` ends it politely; the kernel sends the same signal if the
    bench itself is killed, so that nothing is left running.
    """

    def __init__(self, argv, *, log, env=None, cwd=None, user=None,
                 stop_signal=signal.SIGTERM):
        self.name = Path(argv[0]).name
        self.log = Path(log)
        self.stop_signal = stop_signal

        def die_with_parent():
            _LIBC.prctl(_PR_SET_PDEATHSIG, stop_signal)

        identity = {}
        if user:
            identity = {"user": user, "group": user, "extra_groups": []}
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                [str(a) for a in argv], env=env, cwd=cwd, stdout=out,
                stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=die_with_parent, **identity)

    @property
    def pid(self):
        return self.process.pid

    def check_alive(self):
        """Raise with the tail of the log when the process has ended."""
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} ended with status "
                             f"{self.process.returncode}:\n{self.log_tail()}")

    def log_tail(self, lines=15):
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def tree(self):
        """The pids of the process and its descendants."""
        children = {}
        for pid, (parent, _) in _process_table().items():
            children.setdefault(parent, []).append(pid)
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += children.get(pid, [])
        return found

    def cpu_ticks(self):
        """Ticks of processor time used by the tree so far."""
        table = _process_table()
        return sum(table[pid][1] for pid in self.tree() if pid in table)

    def pss_kb(self):
        """Proportional memory of the tree: shared pages are counted once."""
        return sum(_memory_field(pid, "smaps_rollup", "Pss:")
                   for pid in self.tree())

    def rss_kb(self):
        """VmRSS of the process alone."""
        return _memory_field(self.pid, "status", "VmRSS:")

    def own_kb(self):
        """RssAnon of the process alone: without pages of files that it has
        mapped, which the system may drop at any time."""
        return _memory_field(self.pid, "status", "RssAnon:")

    def stop(self, timeout_s=20):
        """End it; kill what does not go."""
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                print(f"  {self.name} ignored signal {self.stop_signal}; "
                      "killed", flush=True)
                self.kill()

    def kill(self):
        """Kill the whole session at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


def _process_table():
    """pid -> (parent, user + system ticks) of every process."""
    table = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(entry.path, "stat").read_text()
                # The command may hold blanks and brackets: skip past it.
                fields = stat.rpartition(")")[2].split()
                table[int(entry.name)] = (int(fields[1]), int(fields[11])
                                          + int(fields[12]))
    return table


def _memory_field(pid, file, name):
    """A `Name:  123 kB` line of /proc/<pid>/<file>; 0 if the pid has gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0


def wait_quiet(children, timeout_s=120):
    """Wait until the children have done no work for 300 ms.

    A client that leaves does not stop the query it asked for, and a load of
    100,000 papers may leave work behind; neither may fall into the other
    side's measurement.  Returns False if they never came to rest.
    """
    deadline = time.monotonic() + timeout_s
    interval_s = 0.3
    most = int(0.03 * interval_s * _TICKS_PER_SECOND) + 1
    before = sum(child.cpu_ticks() for child in children)
    while time.monotonic() < deadline:
        time.sleep(interval_s)
        now = sum(child.cpu_ticks() for child in children)
        if abs(now - before) <= most:
            return True
        before = now
    return False
