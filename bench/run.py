"""Run the bench: every bench/bench_*.py, beside its real peer, in one run.

    build/venv-bench/bin/python bench/run.py --sheaf build/sheaf [--quick]

Each part starts sheaf and the software that people would use instead on this
machine, lets them take turns (A B A B, never both under load), and prints the
median of the rounds and the ratio.  Absolute figures belong to the machine;
the ratio within one run is what counts.  Nothing is asserted about time.
"""
import argparse
import contextlib
import importlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from harness import machine
from harness.corpus import Corpus
from harness.postgres import Cluster, find_bin
from harness.process import BenchError
from harness.report import Report

HERE = Path(__file__).resolve().parent
DATABASES = ("sqlite", "postgresql")
# option: (default, with --quick, meaning)
SIZES = {
    "papers": (100000, 10000, "papers in the list"),
    "rounds": (3, 1, "rounds of each measurement"),
    "seconds": (2, 1, "seconds of load in a round"),
    "slow_seconds": (20, 3, "seconds for the peer's unindexed search"),
    "webhooks": (15, 5, "webhook calls, new and repeated"),
    "starts": (11, 3, "starts of sheaf"),
    "vectors": (100000, 20000, "vectors searched, and ten times as many"),
    "chunks": (100000, 5000, "chunks that questions are asked of"),
    "threads": (1, 1, "threads of wrk; its 16 connections are shared out"),
}


class Bench:
    """What a part gets: options, the work directory, shared fixtures.

    `sheaf` is the path of the program, or None with --peer-only; a part then
    measures its peer alone.
    """

    def __init__(self, args, work, stack):
        self.args = args
        self.work = work
        self.data = args.data
        self.sheaf = args.sheaf
        self.report = Report()
        self._whole_run = self._stack = stack
        self._corpus = None
        self._cluster = None

    @contextlib.contextmanager
    def scope(self):
        """Servers started inside are stopped at its end."""
        outer = self._stack
        with contextlib.ExitStack() as self._stack:
            try:
                yield
            finally:
                inner, self._stack = self._stack, outer
                inner.close()

    def start(self, server):
        """Have `server.stop()` called at the end of the scope."""
        self._stack.callback(server.stop)
        return server

    def corpus(self):
        """The papers, read once for all parts."""
        if self._corpus is None:
            self._corpus = Corpus(self.data, self.args.papers)
            self.report.fact("papers", f"{self._corpus.size:,} from "
                             f"{self._corpus.origin}")
        return self._corpus

    def postgres(self):
        """The private cluster, started when first wanted."""
        if self._cluster is None:
            self._cluster = Cluster(self.work / "postgres")
            self._whole_run.callback(self._cluster.stop)
            self.report.fact("postgresql", self._cluster.describe())
        return self._cluster


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--sheaf", type=Path, default=Path("build/sheaf"),
        help="the program (default build/sheaf)")
    add("--peer-only", action="store_true",
        help="measure the peers alone, without sheaf")
    add("--data", type=Path, default=HERE.parent.parent / "shared" / "data",
        help="recorded metadata; made-up texts are used without it")
    add("--work", type=Path, default=Path("/var/tmp"),
        help="a directory on a real disk, not in memory")
    add("--quick", action="store_true",
        help="two minutes of small numbers, to see that it works")
    add("--only", metavar="PART", action="append",
        help="one part, such as papers (may be repeated)")
    add("--database", dest="databases", choices=DATABASES, action="append",
        help="only this database (may be repeated)")
    add("--json", type=Path, help="write every number to this file too")
    for name, (default, quick, text) in SIZES.items():
        add("--" + name.replace("_", "-"), type=int, metavar="N",
            help=f"{text} (default {default:,}, quick {quick:,})")
    args = parser.parse_args()
    for name, (default, quick, _) in SIZES.items():
        if getattr(args, name) is None:
            setattr(args, name, quick if args.quick else default)
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if args.papers < 200:
        parser.error("--papers must be at least 200 (ten pages)")
    args.databases = args.databases or list(DATABASES)
    return args


def check_tools(args):
    """Say at once what is missing; drop what can be done without."""
    args.sheaf = None if args.peer_only else args.sheaf.resolve()
    if args.sheaf and not os.access(args.sheaf, os.X_OK):
        raise BenchError(f"{args.sheaf} is missing: run `make` first, give "
                         "--sheaf PATH, or measure the peers alone with "
                         "--peer-only")
    if not shutil.which("wrk"):
        raise BenchError("wrk is missing: `apt-get install wrk`")
    args.data = args.data.resolve()
    if not any(args.data.glob("papers/*.jsonl.gz")):
        print(f"no papers/*.jsonl.gz below {args.data}: the papers are made "
              "up (give --data DIR for recorded ones)")
    if "postgresql" in args.databases and not find_bin():
        print("PostgreSQL 15 or newer is missing: only SQLite is measured "
              "(`apt-get install postgresql`)")
        args.databases = [d for d in args.databases if d != "postgresql"]


def find_parts(only):
    """The modules bench_<name>.py beside this file, by name."""
    parts = {path.stem.removeprefix("bench_"): path.stem
             for path in sorted(HERE.glob("bench_*.py"))}
    for name in only or ():
        if name not in parts:
            raise BenchError(f"no part `{name}`; there are: "
                             + ", ".join(parts))
    return [importlib.import_module(module)
            for name, module in parts.items() if not only or name in only]


def run_parts(args):
    """Run the parts in a work directory that is removed at the end.  False
    if one of them could not be run to its end."""
    parts = find_parts(args.only)
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(
            prefix="sheaf-bench-", dir=args.work)))
        work.chmod(0o755)  # PostgreSQL runs as another user below it
        bench = Bench(args, work, stack)
        machine.describe(bench.report, work, args.sheaf)
        # A list, not a generator: a part that fails must not end the others.
        complete = all([run_part(bench, part) for part in parts])
        bench.report.print_table()
        if args.quick:
            print("\n--quick: rounds too short to compare by")
        if args.json:
            bench.report.write_json(args.json)
    return complete


def run_part(bench, part):
    """A part that fails says why and does not take the others with it."""
    try:
        with bench.scope():
            part.run(bench)
        return True
    except BenchError as problem:
        print(f"bench: {part.__name__} stopped: {problem}", file=sys.stderr,
              flush=True)
        return False


def main():
    # A termination unwinds like Ctrl-C, so that every server is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    args = parse_arguments()
    try:
        check_tools(args)
        complete = run_parts(args)
    except BenchError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
