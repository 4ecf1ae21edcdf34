"""Chroma's REST API: sheaf and the real Chroma server, the same Python client.

Both keep the same vectors (384 floats, in clusters, cosine) with a text and
metadata each, on disk, and answer the same calls in turns.  sheaf searches
exactly, Chroma in its graph with its default parameters; recall@10 is against
brute force in double precision, over what the filter leaves.  Times are the
client's, so its own share (JSON, arrays) is in both.

Both have what they acknowledged on disk: sheaf's SQLite is in WAL mode with
synchronous=FULL, Chroma's has a rollback journal and calls fsync eight times for
an add of one record (seen with strace).
"""
import sys
import time
from pathlib import Path

import chromadb
import numpy as np
from chromadb.utils.batch_utils import create_batches

import bench_vectors
from harness.desk import Desk, model_dir, quantile
from harness.process import BenchError, Child, wait_quiet
from harness.report import Row, interleave
from harness.servers import free_port, poll

SECTION = "Chroma's REST API"
ADDED = 10000
SMALL_BATCH = 100
K = bench_vectors.K
AT_ONCE = 100
READ = 100
SHARES = {"10 %": ("tenth", 10), "1 %": ("hundredth", 100),
          "0.1 %": ("thousandth", 1000)}


def run(bench):
    print("\n-- chroma")
    work = bench.work / "chroma"
    work.mkdir()
    n = bench.args.vectors
    path, queries = bench_vectors.make(work, n)
    vectors = np.fromfile(path, np.float32).reshape(-1, bench_vectors.DIM)
    sides = {"peer": bench.start(Real(work / "real", bench.work))}
    if bench.sheaf and not model_dir():
        print("  sheaf is left out: no model (scripts/fetch-model.sh "
              "build/model)")
    elif bench.sheaf:
        sides["sheaf"] = bench.start(Ours(bench.sheaf, work / "sheaf",
                                          bench.work))
    add(bench, sides, vectors)
    fill(bench, sides, vectors)
    find(bench, sides, vectors, queries)
    read(bench, sides, n)


# -- the contestants ------------------------------------------------------------

class Side:
    """A server and the client that talks to it."""

    child = None
    client = None
    big = None  # the collection that is filled once

    def connect(self, url, token=None):
        host, _, port = url.split("//")[1].rpartition(":")
        self.client = chromadb.HttpClient(
            host, int(port), settings=chromadb.Settings(
                anonymized_telemetry=False),
            headers=token and {"Authorization": f"Bearer {token}"})

    def collection(self, name):
        return self.client.create_collection(
            name, embedding_function=None,
            configuration={"hnsw": {"space": "cosine"}})

    def stop(self):
        self.child.stop()


class Real(Side):
    """`chroma run` of this Python's own package, as it comes."""

    def __init__(self, folder, logs):
        port = free_port()
        self.child = Child(
            [Path(sys.executable).parent / "chroma", "run", "--path", folder,
             "--host", "127.0.0.1", "--port", port], log=logs / "chroma.log",
            cwd=folder.parent)
        url = f"http://127.0.0.1:{port}"
        try:
            poll(url, "/api/v2/heartbeat", self.child)
        except BaseException:
            self.child.kill()
            raise
        self.connect(url)


class Ours(Side):
    """`sheaf serve` with all that it has."""

    def __init__(self, binary, folder, logs):
        self.server = Desk(binary, folder, logs / "sheaf-chroma.log")
        self.child = self.server.child
        self.connect(self.server.url, (folder / "token").read_text().strip())


# -- the measurements -------------------------------------------------------------

def add(bench, sides, vectors):
    """ADDED new records into a new collection; the last one must be found."""
    count = min(ADDED, len(vectors))

    def measure(side, size):
        def once(n):
            quiet(sides)
            name = f"added-{size or 'most'}-{n}"
            made = side.collection(name)
            took = put(side, made, vectors[:count], size)
            check_found(made, count - 1, vectors)
            side.client.delete_collection(name)
            return count / took
        return once
    for size, text in ((None, "as many at once as the server takes"),
                       (SMALL_BATCH, f"{SMALL_BATCH} at once")):
        took = interleave({name: measure(side, size)
                           for name, side in sides.items()},
                          bench.args.rounds)
        bench.report.add(Row(SECTION, f"add {count:,}, {text}", "records/s",
                             took.get("sheaf", []), took["peer"]))


def fill(bench, sides, vectors):
    """The collection that all the rest is asked of: one time each."""
    took = {}
    for name, side in sides.items():
        quiet(sides)
        side.big = side.collection("big")
        took[name] = put(side, side.big, vectors)
        check_found(side.big, len(vectors) - 1, vectors)
    bench.report.add(Row(
        SECTION, f"add {len(vectors):,}", "records/s",
        [len(vectors) / took["sheaf"]] if "sheaf" in took else [],
        [len(vectors) / took["peer"]]))
    quiet(sides)
    memory(bench, sides, f"memory with {len(vectors):,} records")


def put(side, collection, vectors, size=None):
    """Seconds of add() calls with as many records as the server takes, or
    size."""
    ids = [str(i) for i in range(len(vectors))]
    texts = [f"The text of record {i}, which nobody will ever read again."
             for i in range(len(vectors))]
    metadata = [{"n": i, **{key: i % part for key, part in SHARES.values()}}
                for i in range(len(vectors))]
    if size is None:
        batches = create_batches(side.client, ids, vectors, metadata, texts)
    else:
        batches = [(ids[at:at + size], vectors[at:at + size],
                    metadata[at:at + size], texts[at:at + size])
                   for at in range(0, len(ids), size)]
    start = time.perf_counter()
    for batch in batches:
        collection.add(*batch)
    return time.perf_counter() - start


def check_found(collection, i, vectors):
    found = collection.query(query_embeddings=[vectors[i]], n_results=1)
    if found["ids"] != [[str(i)]] or collection.count() != i + 1:
        raise BenchError(f"what was added last is not found: {found}")


def find(bench, sides, vectors, queries):
    """One question after the other, then many in one call."""
    ask(bench, sides, vectors, queries, "k = 10")
    for text, (key, part) in SHARES.items():
        ask(bench, sides, vectors, queries, f"k = 10 of {text}", {key: 1},
            np.arange(1, len(vectors), part))
    together = queries[:AT_ONCE]

    def measure(side):
        def once(_):
            quiet(sides)
            start = time.perf_counter()
            side.big.query(query_embeddings=together, n_results=K)
            return len(together) / (time.perf_counter() - start)
        return once
    took = interleave({name: measure(side) for name, side in sides.items()},
                      bench.args.rounds)
    bench.report.add(Row(SECTION, f"{len(together)} queries in a call",
                         "queries/s", took.get("sheaf", []), took["peer"]))
    quiet(sides)
    memory(bench, sides, "memory after the queries")


def ask(bench, sides, vectors, queries, text, where=None, among=None):
    """One row each for p50 and p99, with the recall of both sides."""
    among = np.arange(len(vectors)) if among is None else among
    right = [[str(among[i]) for i in row]
             for row in bench_vectors.brute_force(vectors[among], queries)]
    found = {}

    def measure(name, side):
        def one(query):
            return side.big.query(query_embeddings=[query], n_results=K,
                                  where=where)["ids"][0]

        def once(_):
            quiet(sides)
            took, found[name] = bench_vectors.timed(one, queries)
            return took
        return once
    took = interleave({name: measure(name, side)
                       for name, side in sides.items()}, bench.args.rounds)
    recall = ", ".join(f"{name} {bench_vectors.recall(rows, right):.3f}"
                       for name, rows in found.items())
    for q, label in ((0.5, "p50"), (0.99, "p99")):
        bench.report.add(Row(
            SECTION, f"query, {text}, {label}", "ms",
            [quantile(t, q) for t in took.get("sheaf", [])],
            [quantile(t, q) for t in took["peer"]], less_is_better=True,
            note=f"recall@{K}: {recall}"))


def read(bench, sides, n):
    """By id: one, then READ of them with all that belongs to them."""
    some = [[str(i * 7919 % n) for i in range(at, at + READ)]
            for at in range(0, READ * READ, READ)]
    everything = ["documents", "metadatas", "embeddings"]
    for text, one, asked in (
            ("1 record", lambda side: lambda i: side.big.get(ids=[i]),
             some[0]),
            (f"{READ} records and their vectors",
             lambda side: lambda ids: side.big.get(ids=ids,
                                                   include=everything),
             some[:10])):
        def measure(side):
            def once(_):
                quiet(sides)
                return quantile(bench_vectors.timed(one(side), asked)[0], 0.5)
            return once
        took = interleave({name: measure(side)
                           for name, side in sides.items()},
                          bench.args.rounds)
        bench.report.add(Row(SECTION, f"get {text}, p50", "ms",
                             took.get("sheaf", []), took["peer"],
                             less_is_better=True))


def memory(bench, sides, text):
    kept = {name: side.child.pss_kb() / 1024 for name, side in sides.items()}
    bench.report.add(Row(SECTION, text, "MiB",
                         [kept["sheaf"]] if "sheaf" in kept else [],
                         [kept["peer"]], less_is_better=True))


def quiet(sides):
    """A graph may be built behind an add; it belongs to no one's time."""
    wait_quiet([side.child for side in sides.values()])
