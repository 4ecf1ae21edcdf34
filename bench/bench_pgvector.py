"""Vectors in pgvector: by its index (HNSW), exactly, and read into memory.

Three processes of sheaf on one PostgreSQL with `--chunks` passages of about 150
characters, as in bench_documents.py, and the same questions to each in turns:

  hnsw      vectors = pgvector, with the approximate index
  exact     vectors = pgvector, hnsw_from = 0: each question compares them all
  memory    without the setting: it takes the vectors as they are, into an index
            of its own

The peer of a row is the other way beside.  recall@10 is against the exact
answers.  Times are of whole requests, the question's embedding (a few ms) in
them.
"""
import time

from bench_documents import AVERAGE_CHUNK, SHORT_CHUNK, books
from harness.desk import Desk, model_dir, quantile
from harness.load import Http
from harness.postgres import Cluster, find_pgvector_bin
from harness.process import BenchError, wait_quiet
from harness.report import Row, interleave

SECTION = "pgvector"
_DATABASE = "passages"
_INDEX = "chunk_vectors_hnsw"
_K = 10
_QUESTIONS = 200
_WAYS = {
    "exact": "vectors = pgvector\nhnsw_from = 0\n",
    "hnsw": "vectors = pgvector\nhnsw_from = 1000\n",
    "memory": "",
}


def run(bench):
    print("\n-- pgvector")
    programs = find_pgvector_bin()
    if not bench.sheaf or not model_dir() or not programs:
        print("  skipped: needs sheaf, a model, and the tests' PostgreSQL with "
              "pgvector (`make build/venv/ready`)")
        return
    cluster = bench.start(Cluster(bench.work / "pgvector", programs))
    cluster.create(_DATABASE)
    desks = {"exact": start(bench, cluster, "exact")}
    texts = [t["abstract"] for t in bench.corpus().texts]
    fill(desks["exact"], books(texts, bench.args.chunks * AVERAGE_CHUNK))
    cluster.sql("VACUUM ANALYZE", _DATABASE)
    desks["hnsw"] = start(bench, cluster, "hnsw")
    describe_index(bench, cluster, desks)
    desks["memory"] = start(bench, cluster, "memory")
    compare(bench, cluster, desks)


def start(bench, cluster, way):
    return bench.start(Desk(bench.sheaf, bench.work / f"pgvector-{way}",
                            bench.work / f"pgvector-{way}.log",
                            cluster.url(_DATABASE), _WAYS[way]))


def fill(desk, texts):
    desk.add([{"title": f"book {i}", "text": text, "chunk_size": SHORT_CHUNK,
               "chunk_overlap": 0} for i, text in enumerate(texts)])


def describe_index(bench, cluster, desks):
    """Wait until it is made.  The pause is short beside that (a minute)."""
    with Http(desks["hnsw"].url) as client:
        while True:
            jobs = client.get_json("/jobs/?kind=index")["results"]
            if any(job["status"] == "failed" for job in jobs):
                raise BenchError(f"the index was not made: {jobs}")
            if jobs and all(job["status"] == "completed" for job in jobs):
                break
            desks["hnsw"].child.check_alive()
            time.sleep(0.2)
    job, = jobs
    sizes = cluster.sql(f"SELECT pg_relation_size('{_INDEX}') / 1e6,"
                        " pg_table_size('chunk_vectors') / 1e6", _DATABASE)
    index_mb, table_mb = map(float, sizes.split("|"))
    bench.report.fact(
        "pgvector", f"{cluster.sql('SHOW server_version')}; "
        f"{desks['exact'].chunks():,} vectors, a table of {table_mb:.0f} MB; "
        f"index made in {seconds(cluster, job)} s, {index_mb:.0f} MB")


def seconds(cluster, job):
    """From its start to its end, as the database has them."""
    return cluster.sql("SELECT round((updated_at - created_at) / 1e6, 1)"
                       f" FROM jobs WHERE id = '{job['job_id']}'", _DATABASE)


def compare(bench, cluster, desks):
    questions = [t["title"] for t in bench.corpus().texts[-_QUESTIONS:]]
    found = {}

    def measure(way):
        def once(_):
            with Http(desks[way].url) as client:
                replies = [desks[way].query(client, q, k=_K, mode="semantic")
                           for q in questions]
            found[way] = [{(r["metadata"]["document_id"],
                            r["metadata"]["chunk_index"])
                           for r in reply["results"]} for reply, _ in replies]
            return [ms for _, ms in replies]
        return once
    for way, desk in desks.items():  # warm: model, connections, index
        measure(way)(0)
        wait_quiet([desk.child, cluster.child])
    took = interleave({way: measure(way) for way in desks}, bench.args.rounds)
    n = bench.args.chunks
    for ours, peer in (("hnsw", "exact"), ("memory", "hnsw"),
                       ("memory", "exact")):
        for q, label in ((0.5, "p50"), (0.99, "p99")):
            bench.report.add(Row(
                SECTION, f"query over {n:,} chunks, {label}: {ours}; beside: "
                f"{peer}", "ms", [quantile(t, q) for t in took[ours]],
                [quantile(t, q) for t in took[peer]], less_is_better=True,
                note=f"recall@{_K} {recall(found[ours], found['exact']):.3f}"))
    for way in ("hnsw", "exact"):
        bench.report.add(Row(
            SECTION, f"resident memory of sheaf, model in it: {way}; beside: "
            "memory", "MB", [desks[way].child.rss_kb() / 1024],
            [desks["memory"].child.rss_kb() / 1024], less_is_better=True))


def recall(found, right):
    return sum(len(f & r) for f, r in zip(found, right)) / sum(map(len, right))
