"""sheaf move: SQLite to PostgreSQL and back, beside pgloader.

The documents come in over HTTP, as ever, so that chunks, vectors and full text
are as they are in life; after `--chunks` / 10 of them and after all of them the
data directory is moved, into an empty database each time.  Times are those of
the whole command.

What an admin would use instead, from SQLite to PostgreSQL, is pgloader.  It
loads the tables documents, document_texts and chunks of the same file, with its
own defaults but for those that its manual names against running out of memory.
It copies them as they are, and builds the unique indexes; sheaf makes the full
text (tsvector and its index), has a commit for each thousand rows from which it
could go on, and reads both sides once more to compare them.  The other way, and
with vectors that pgvector is to find, there is no tool at all.

Memory is the most that the process had of its own (RssAnon, looked at every
10 ms): sheaf has SQLite's file mapped, whose pages are the system's.  It is to
stay the same when there is ten times as much to move.
"""
import shutil
import subprocess
import time

from bench_documents import bodies, pages
from harness.desk import Desk, model_dir
from harness.postgres import Cluster, find_pgvector_bin
from harness.process import BenchError, Child, wait_quiet
from harness.report import Row, interleave
from harness.servers import sheaf_environment

SECTION = "move"
_TABLES = ("documents", "document_texts", "chunks")
_PGLOADER = """load database from sqlite://{file} into {url}
 with create tables, create indexes, no foreign keys,
      batch rows = 10000, prefetch rows = 10000
 including only table names like {tables};
"""


def run(bench):
    if not bench.sheaf or "postgresql" not in bench.args.databases:
        return
    print("\n-- move")
    if not model_dir():
        print("  skipped: no model (scripts/fetch-model.sh build/model)")
        return
    work = bench.work / "move"
    work.mkdir()
    peer = shutil.which("pgloader")
    if not peer:
        print("  pgloader is not measured (`apt-get install pgloader`)")
    programs = find_pgvector_bin()
    if not programs:
        print("  pgvector is not measured (`make build/venv/ready`)")
    full = bench.args.chunks
    source = work / "source"
    found, copies = pages(bench), 0
    for wanted in (full // 10, full):
        chunks, copies = fill(bench, source, found, copies, wanted)
        there(bench, work, source, chunks, peer)
        back(bench, work, source, chunks)
        if programs:
            to_pgvector(bench, work, source, chunks, programs)


def fill(bench, source, found, copies, wanted):
    """Bring in pages, under new names each time, until there are as many
    chunks; how many there are, and how often the pages came in."""
    with bench.scope():
        desk = bench.start(Desk(bench.sheaf, source, source.with_suffix(".log")))
        while (chunks := desk.chunks()) < wanted:
            desk.add(bodies(found, f"copy {copies}"))
            copies += 1
    return chunks, copies


class Times:
    """Rows a second and the most memory of each round."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.kept = {}

    def round(self, name, chunks, argv, log, env=None):
        """Chunks a second of one command."""
        start = time.perf_counter()
        child = Child(argv, log=log, env=env)
        peak = 0
        try:
            while child.process.poll() is None:
                peak = max(peak, child.own_kb())
                time.sleep(0.01)
        finally:
            child.stop()
        took = time.perf_counter() - start
        if child.process.returncode:
            raise BenchError(f"{child.name} failed:\n{child.log_tail()}")
        self.kept.setdefault(name, []).append(peak / 1024)
        wait_quiet([self.cluster.child])
        return chunks / took

    def report(self, bench, what, chunks, rates, note=""):
        bench.report.add(Row(
            SECTION, f"{what}, {chunks:,} chunks", "chunks/s", rates["sheaf"],
            rates.get("pgloader", []), note=note))
        bench.report.add(Row(
            SECTION, f"{what}, {chunks:,} chunks, memory", "MiB",
            self.kept["sheaf"], self.kept.get("pgloader", []),
            less_is_better=True))


def move(bench, data_dir, source, target):
    return [bench.sheaf, "move", "--data-dir", data_dir, "--from", source,
            "--to", target, "--json"]


def empty_database(cluster, name):
    cluster.sql(f"DROP DATABASE IF EXISTS {name}")
    cluster.create(name)
    cluster.sql("CHECKPOINT")


def moved_there(bench, work, source, chunks, times, flags=()):
    """One round into an empty database `moved`."""
    empty_database(times.cluster, "moved")
    return times.round(
        "sheaf", chunks,
        [*move(bench, source, "sqlite:", times.cluster.url("moved")), *flags],
        work / "move.log", sheaf_environment())


def there(bench, work, source, chunks, peer):
    """SQLite to PostgreSQL.  What the last round moved is there afterwards."""
    cluster = bench.postgres()
    times = Times(cluster)
    script = work / "pgloader.load"

    def ours(_):
        return moved_there(bench, work, source, chunks, times)

    def theirs(_):
        empty_database(cluster, "loaded")
        script.write_text(_PGLOADER.format(
            file=source / "sheaf.db", url=cluster.plain_url("loaded"),
            tables=", ".join(f"'{table}'" for table in _TABLES)))
        rate = times.round("pgloader", chunks,
                           [peer, "--no-ssl-cert-verification", script],
                           work / "pgloader.log")
        loaded = cluster.sql("SELECT count(*) FROM chunks", "loaded")
        if int(loaded) != chunks:
            raise BenchError(f"pgloader loaded {loaded} of {chunks} chunks:\n"
                             + (work / "pgloader.log").read_text()[-2000:])
        return rate

    sides = {"sheaf": ours, **({"pgloader": theirs} if peer else {})}
    times.report(bench, "SQLite to PostgreSQL", chunks,
                 interleave(sides, bench.args.rounds),
                 "peer: pgloader, which copies the rows and no more")


def back(bench, work, source, chunks):
    """PostgreSQL to SQLite."""
    cluster = bench.postgres()
    times = Times(cluster)

    def ours(n):
        target = work / f"back-{n}"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        rate = times.round(
            "sheaf", chunks,
            move(bench, target, cluster.url("moved"), "sqlite:"),
            work / "move.log", sheaf_environment())
        shutil.rmtree(target)
        return rate

    times.report(bench, "PostgreSQL to SQLite", chunks,
                 interleave({"sheaf": ours}, bench.args.rounds))


def to_pgvector(bench, work, source, chunks, programs):
    """SQLite to a PostgreSQL that finds the vectors."""
    with bench.scope():
        times = Times(bench.start(Cluster(work / f"pgvector-{chunks}",
                                          programs)))

        def ours(_):
            return moved_there(bench, work, source, chunks, times,
                               ("--vectors", "pgvector"))

        times.report(bench, "SQLite to pgvector", chunks,
                     interleave({"sheaf": ours}, bench.args.rounds))
