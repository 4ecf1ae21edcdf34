"""The search for the nearest vectors alone: sheaf's index, sqlite-vec, hnswlib.

The same vectors, k = 10, cosine, one thread, in turns.  sqlite-vec scans
float32 (exact) in a table of its own file; hnswlib is an approximate graph with
Chroma's parameters (M 16, ef_construction 100) and several ef.  recall@10 is
against brute force in double precision.  A larger collection is ours alone: the
graph of a million vectors takes hnswlib many minutes.
"""
import subprocess
import time
from pathlib import Path

import numpy as np

from harness.desk import quantile
from harness.process import BenchError
from harness.report import Row, interleave

SECTION = "nearest vectors"
DIM, K = 384, 10
_QUERIES = 100
_CLUSTER = 50
_NOISE = 0.8  # beside a centre of length 1: chunks of one document are so
_EF = (10, 50, 100, 200)
_BATCH = 10000


def run(bench):
    print("\n-- vectors")
    program = Path(bench.sheaf or "").parent / "bench" / "vector_bench"
    if not bench.sheaf or not program.exists():
        print("  skipped: needs `make build/bench/vector_bench`")
        return
    work = bench.work / "vectors"
    work.mkdir()
    compare(bench, program, work, bench.args.vectors)
    alone(bench, program, work, bench.args.vectors * 10)


# -- the contestants ------------------------------------------------------------

class Ours:
    """build/bench/vector_bench on pipes."""

    def __init__(self, program, vectors, queries, work):
        self.process = subprocess.Popen(
            [program, vectors, queries, work], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline().split()
        if not line:
            raise BenchError("vector_bench ended")
        self.load_s, self.bytes = float(line[1]), float(line[2])

    def search(self, queries):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        rows = [[int(n) for n in self.process.stdout.readline().split()]
                for _ in queries]
        return [row[0] / 1000 for row in rows], [row[1:] for row in rows]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class SqliteVec:
    """A vec0 table; its vectors are read from the file, as it does."""

    def __init__(self, vectors, work):
        import apsw  # not every Python's own module loads extensions
        import sqlite_vec
        self.db = apsw.Connection(str(work / "vec.db"))
        self.db.enable_load_extension(True)
        self.db.load_extension(sqlite_vec.loadable_path())
        start = time.perf_counter()
        self.db.execute("CREATE VIRTUAL TABLE v USING vec0(embedding "
                        f"float[{DIM}] distance_metric=cosine)")
        with self.db:
            self.db.executemany(
                "INSERT INTO v(rowid, embedding) VALUES (?, ?)",
                ((i, v.tobytes()) for i, v in enumerate(vectors)))
        self.load_s = time.perf_counter() - start

    def search(self, queries):
        def one(query):
            return [row[0] for row in self.db.execute(
                "SELECT rowid FROM v WHERE embedding MATCH ? AND k = ?",
                (query.tobytes(), K))]
        return timed(one, queries)

    def stop(self):
        self.db.close()


class Hnsw:
    def __init__(self, vectors, threads):
        import hnswlib
        self.index = hnswlib.Index(space="cosine", dim=DIM)
        start = time.perf_counter()
        self.index.init_index(len(vectors), M=16, ef_construction=100)
        self.index.add_items(vectors, num_threads=threads)
        self.load_s = time.perf_counter() - start
        self.index.set_num_threads(1)

    def with_ef(self, ef):
        def search(queries):
            self.index.set_ef(ef)
            return timed(lambda q: self.index.knn_query(q, k=K)[0][0], queries)
        return search


def timed(one, queries):
    """-> (milliseconds, found) of each query"""
    took, found = [], []
    for query in queries:
        start = time.perf_counter()
        found.append(list(one(query)))
        took.append((time.perf_counter() - start) * 1000)
    return took, found


# -- the measurements -------------------------------------------------------------

def compare(bench, program, work, n):
    path, queries = make(work, n)
    vectors = np.fromfile(path, np.float32).reshape(-1, DIM)
    ours = bench.start(Ours(program, path, work / "queries", work))
    table = bench.start(SqliteVec(vectors, work))
    graph = Hnsw(vectors, 2)
    bench.report.fact("vectors", f"{n:,} of {DIM} floats, clusters of "
                      f"{_CLUSTER}; made in {ours.load_s:.1f} s (sheaf, one "
                      f"thread), {table.load_s:.1f} s (sqlite-vec, to a file), "
                      f"{graph.load_s:.1f} s (hnswlib, two threads)")
    contestants = {"sheaf": ours.search, "sqlite-vec": table.search, **{
        f"hnswlib, ef {ef}": graph.with_ef(ef) for ef in _EF}}
    right = brute_force(vectors, queries)
    found = {}

    def measure(name):
        def once(_):
            took, found[name] = contestants[name](queries)
            return took
        return once
    took = interleave({name: measure(name) for name in contestants},
                      bench.args.rounds)
    for name in contestants:
        if name == "sheaf":
            continue
        for q, label in ((0.5, "p50"), (0.99, "p99")):
            bench.report.add(Row(
                SECTION, f"{n:,} vectors, {label}: {name}", "ms",
                [quantile(t, q) for t in took["sheaf"]],
                [quantile(t, q) for t in took[name]], less_is_better=True,
                note=f"recall@{K}: sheaf {recall(found['sheaf'], right):.3f}, "
                     f"peer {recall(found[name], right):.3f}"))
    bench.report.add(Row(
        SECTION, f"{n:,} vectors, memory of each", "bytes", [ours.bytes], [],
        less_is_better=True, goal="<= 450",
        note="floats are in a file: 1,536 more"))


def alone(bench, program, work, n):
    """Ten times as many; the recall against brute force in parts."""
    (work / "vec.db").unlink(missing_ok=True)
    path, queries = make(work, n)
    with bench.scope():
        ours = bench.start(Ours(program, path, work / "queries", work))
        took, found = [], []
        for _ in range(bench.args.rounds):
            times, found = ours.search(queries)
            took.append(times)
        right = brute_force(np.memmap(path, np.float32).reshape(-1, DIM),
                            queries)
        for q, label in ((0.5, "p50"), (0.99, "p99")):
            bench.report.add(Row(
                SECTION, f"{n:,} vectors, {label}", "ms",
                [quantile(t, q) for t in took], [], less_is_better=True,
                note=f"recall@{K} {recall(found, right):.3f}, "
                     f"{ours.bytes:.0f} bytes of memory each"))
    path.unlink()


def make(work, n):
    """A file of n vectors in clusters; queries are further members of some."""
    random = np.random.default_rng(1)
    path = work / "vectors"

    def member(centres):
        v = centres + _NOISE * directions(random, len(centres))
        return v / np.linalg.norm(v, axis=1, keepdims=True)
    with open(path, "wb") as out:
        for at in range(0, n, _BATCH):
            count = min(_BATCH, n - at)
            centres = directions(random, -(-count // _CLUSTER))
            if at == 0:
                queries = member(np.resize(centres, (_QUERIES, DIM)))
            member(np.repeat(centres, _CLUSTER, axis=0)[:count]).astype(
                "<f4").tofile(out)
    queries = queries.astype("<f4")
    queries.tofile(work / "queries")
    return path, queries


def directions(random, n):
    v = random.standard_normal((n, DIM))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def brute_force(vectors, queries):
    """The K nearest of each query, in double precision."""
    best = [[] for _ in queries]
    wide = queries.astype(np.float64)
    for at in range(0, len(vectors), _BATCH):
        part = vectors[at:at + _BATCH].astype(np.float64)
        scores = wide @ (part / np.linalg.norm(part, axis=1,
                                               keepdims=True)).T
        for row, kept in zip(scores, best):
            kept += [(-row[i], at + int(i))
                     for i in np.argpartition(-row, min(K, len(row) - 1))[:K]]
            kept.sort()
            del kept[K:]
    return [[i for _, i in kept] for kept in best]


def recall(found, right):
    return sum(len(set(f) & set(r)) for f, r in zip(found, right)) / (
        K * len(right))
