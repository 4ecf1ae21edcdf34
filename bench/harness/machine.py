"""What the numbers were measured on."""
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import tempfile
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path


def describe(report, work_dir, sheaf):
    """Put the machine, the versions and the disk's own speed in the report."""
    report.fact("date", datetime.now(timezone.utc)
                .strftime("%Y-%m-%dT%H:%M:%SZ"))
    report.fact("processor", f"{_cpu_model()}, "
                f"{len(os.sched_getaffinity(0))} cores, "
                f"{_memory_gb():.0f} GB, Linux {platform.release()}")
    load = os.getloadavg()[0]
    report.fact("load before", f"{load:.2f}"
                + (" (other work is running: the ratios may suffer)"
                   if load > 0.5 else ""))
    report.fact("work directory", f"{_filesystem(work_dir)}, fdatasync of "
                f"4 kB takes {_fdatasync_ms(work_dir):.2f} ms (median)")
    if sheaf:
        report.fact("sheaf", _sheaf_version(sheaf))
    report.fact("peer", f"Django {version('Django')}, REST framework "
                f"{version('djangorestframework')}, gunicorn "
                f"{version('gunicorn')}, 2 workers, psycopg "
                f"{version('psycopg')}, Python {platform.python_version()}")
    report.fact("sqlite", f"{sqlite3.sqlite_version} (the peer's library), "
                "WAL, synchronous=FULL, on both sides")


def _sheaf_version(sheaf):
    done = subprocess.run([str(sheaf), "version"], check=False,
                          capture_output=True, text=True)
    return " ".join(done.stdout.split()) or f"status {done.returncode}"


def _cpu_model():
    match = re.search(r"^model name\s*:\s*(.+)$",
                      Path("/proc/cpuinfo").read_text(), re.M)
    return match[1] if match else platform.machine()


def _memory_gb():
    return (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            / 1024 ** 3)


def _filesystem(path):
    done = subprocess.run(["stat", "-f", "-c", "%T", str(path)], check=False,
                          capture_output=True, text=True)
    kind = done.stdout.strip() or "unknown"
    if kind == "tmpfs":
        kind += " (memory: a commit costs nothing here, see --work)"
    return kind


def _fdatasync_ms(path, times=50):
    """The floor under every durable commit on this disk."""
    took = []
    with tempfile.TemporaryFile(dir=path) as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)
