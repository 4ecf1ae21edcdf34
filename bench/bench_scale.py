"""Two processes on one PostgreSQL, beside one.

One machine cannot show what a second one adds by running a second process: one
alone already uses all of its cores.  So each sheaf is held to a part of a
core, as a small machine of its own, and has its own load (wrk, 16 connections);
PostgreSQL, which they share, and the load have the rest.  How far it goes on is
in the note: what a request costs sheaf and what it costs the database, which is
the limit when all of its cores are busy.

Questions while documents come in are another matter: there the machine is not
parted.  Two processes share a PostgreSQL, one takes documents in, the other
answers, from an index in memory that follows; beside them one process does both
on SQLite.
"""
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import median

from bench_documents import AVERAGE_CHUNK, SHORT_CHUNK, Ingest, books
from bench_papers import (deep_page, distinct_pages, paths_file,
                          search_queries, shuffled)
from harness.desk import Desk, asker, model_dir, quantile, two_clients
from harness.load import Http, wrk
from harness.process import wait_quiet
from harness.report import Row, interleave
from harness.servers import PAPERS, Sheaf
from harness.share import Share

SECTION = "scale"
_CORES = 0.15
_GOAL = ">= 1.7x"
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_PASSAGES = 5000  # that /query finds by meaning
_QUESTIONS = 200


def run(bench):
    if not bench.sheaf or "postgresql" not in bench.args.databases:
        return
    print("\n-- two processes on one PostgreSQL")
    corpus = bench.corpus()
    corpus_file = bench.work / "scale.jsonl"
    corpus.write(corpus_file)
    with bench.scope():
        pair = start_pair(bench, "papers", "scraper,backend", corpus_file)
        for what, file in lists(bench, corpus):
            compare(bench, pair, what, file)
    with bench.scope():
        questions(bench, corpus_file)
    with bench.scope():
        ingesting(bench)


# ---------------------------------------------------------------- setting up

def start_pair(bench, name, services, corpus_file, settings=()):
    """Two on one database, which a third one, without bounds, has filled."""
    database = f"scale_{name}"
    bench.postgres().create(database)

    def start(copy, prefix=()):
        place = bench.work / f"scale-{name}-{copy}"
        return Sheaf(bench.sheaf, place, place.with_suffix(".log"),
                     bench.postgres().url(database), services, prefix,
                     settings)

    filler = start("filler")
    try:
        filler.load(corpus_file)
        if "processor" in services:
            wait_jobs(filler)
    finally:
        filler.stop()
    bench.postgres().sql("VACUUM ANALYZE", database)
    bench.postgres().sql("CHECKPOINT")
    shares = [bench.start(Share(f"{name}-{copy}", _CORES)) for copy in "ab"]
    pair = [bench.start(start(copy, share.prefix))
            for copy, share in zip("ab", shares)]
    quiet(bench, pair)
    return pair


def wait_jobs(server):
    """Until the papers are embedded.  The pause is short beside what is
    waited for (seconds)."""
    with Http(server.url) as client:
        while any(client.get_json(f"/jobs/?kind=embed&status={status}")["count"]
                  for status in ("pending", "processing")):
            server.child.check_alive()
            time.sleep(0.2)


def quiet(bench, pair):
    wait_quiet([*(s.child for s in pair), bench.postgres().child])


def lists(bench, corpus):
    """What readers ask a backend for."""
    papers = bench.args.papers
    search = search_queries("search", corpus.search_counts())
    middle = distinct_pages(0, (deep_page(papers) - 1) * 20)
    return (
        ("list, page 1", paths_file(bench, "scale-list", ["page_size=20"])),
        ("list, distinct pages",
         paths_file(bench, "scale-all", shuffled(middle))),
        ("search=, distinct pages",
         paths_file(bench, "scale-search", search["distinct pages"])),
        ("one paper", papers_file(bench, papers)),
    )


def papers_file(bench, papers):
    path = bench.work / "scale-one.paths"
    path.write_text("".join(f"{PAPERS}{n}/\n" for n in shuffled(
        list(range(1, papers + 1)))), encoding="utf-8")
    return path


def questions(bench, corpus_file):
    """GET /query: the model is in sheaf, and so are the vectors."""
    if not model_dir():
        print("  (no model: /query is not measured)")
        return
    few = bench.work / "scale-few.jsonl"
    with open(corpus_file, encoding="utf-8") as lines:
        kept = list(islice(lines, min(_PASSAGES, bench.args.papers)))
    few.write_text("".join(kept), encoding="utf-8")
    pair = start_pair(bench, "query", "scraper,backend,processor", few,
                      ("--model-dir", model_dir()))
    titles = (json.loads(line)["title"].split()[:8] for line in kept)
    path = bench.work / "scale-query.paths"
    path.write_text("".join(
        "/query?collection=papers&k=5&q="
        + "+".join(w for w in words if w.isascii() and w.isalnum()) + "x\n"
        for words in titles), encoding="utf-8")
    compare(bench, pair, f"/query over {len(kept):,} papers", path)


def ingesting(bench):
    """GET /query of one process while another takes documents in.  Either may
    take the job; who was sent the document mostly does, which the note tells."""
    if not model_dir():
        return
    texts = [t["abstract"] for t in bench.corpus().texts]
    asked = [t["title"] for t in bench.corpus().texts[-_QUESTIONS:]]
    bench.postgres().create("scale_ingest")
    url = bench.postgres().url("scale_ingest")
    taker, answerer, alone = (
        bench.start(Desk(bench.sheaf, bench.work / f"scale-{name}",
                         bench.work / f"scale-{name}.log", database_url))
        for name, database_url in (("taker", url), ("answerer", url),
                                   ("both", None)))
    size = min(_PASSAGES, bench.args.chunks) * AVERAGE_CHUNK
    for desk in (taker, alone):
        desk.add([{"title": f"book {i}", "text": text,
                   "chunk_size": SHORT_CHUNK, "chunk_overlap": 0}
                  for i, text in enumerate(books(texts, size))])
    ways = {"two": (answerer, taker), "one": (alone, alone)}
    embedded = {"answerer": 0, "taker": 0}  # texts of documents

    def measure(name):
        asked_one, fed = ways[name]

        def once(n):
            quiet(bench, [taker, answerer, alone])
            before = texts_embedded(answerer), texts_embedded(taker)
            with Ingest(fed, bench, n):
                took = two_clients(asker(asked_one, k=10, mode="semantic"),
                                   asked, bench.args.seconds)
            if name == "two":
                embedded["answerer"] += (texts_embedded(answerer) - before[0]
                                         - len(took))
                embedded["taker"] += texts_embedded(taker) - before[1]
            return took
        return once
    for name in ways:
        asker(ways[name][0])(asked[0])  # the model and the index are there
    took = interleave({name: measure(name) for name in ways},
                      bench.args.rounds)
    for q, label in ((0.5, "p50"), (0.99, "p99")):
        bench.report.add(Row(
            SECTION, f"/query, {label}, 2 clients, while another process takes "
            "documents in; beside: one process does both, on SQLite", "ms",
            [quantile(t, q) for t in took["two"]],
            [quantile(t, q) for t in took["one"]], less_is_better=True,
            note=f"{embedded['taker'] / sum(embedded.values()):.0%} of their "
                 "texts were embedded by the other one"))


def texts_embedded(desk):
    """How many texts a process has embedded so far, questions too."""
    with Http(desk.url) as client:
        _, data, _ = client.request("GET", "/metrics")
    return next(int(float(line.split()[1]))
                for line in data.decode().splitlines()
                if line.startswith("sheaf_embed_texts_total "))


# ------------------------------------------------------------------ measuring

class Cost:
    """What a round took: requests a second, and processor time of a request
    in sheaf and in the database, in ms."""

    def __init__(self, loads, sheaf_ticks, database_ticks):
        requests = sum(load.requests for load in loads)
        self.per_second = sum(load.per_second for load in loads)
        self.errors = sum(load.errors for load in loads)
        self.sheaf_ms = sheaf_ticks * _TICK_MS / max(1, requests)
        self.database_ms = database_ticks * _TICK_MS / max(1, requests)


def load(bench, servers, file, at):
    """All of the servers at once, each from another place of the file."""
    children = [server.child for server in servers]
    database = bench.postgres().child
    before = sum(c.cpu_ticks() for c in children), database.cpu_ticks()
    with ThreadPoolExecutor(len(servers)) as pool:
        runs = [pool.submit(wrk, server.url, file, start=(at + k / 2) % 1,
                            seconds=bench.args.seconds)
                for k, server in enumerate(servers)]
        loads = [run.result() for run in runs]
    after = sum(c.cpu_ticks() for c in children), database.cpu_ticks()
    quiet(bench, servers)
    return Cost(loads, after[0] - before[0], after[1] - before[1])


def compare(bench, pair, what, file):
    rounds = bench.args.rounds
    load(bench, pair, file, 0.0)  # to warm both
    # Nobody begins where the other one just was: what one process has read is in
    # its cache.
    costs = interleave({
        "two": lambda n: load(bench, pair, file, (n + 0.3) / rounds),
        "one": lambda n: load(bench, pair[:1], file, (n + 0.55) / rounds),
    }, rounds)
    two, one = costs["two"], costs["one"]
    sheaf_ms, database_ms = (
        median(getattr(c, name) for c in two)
        for name in ("sheaf_ms", "database_ms"))
    errors = sum(c.errors for c in two + one)
    bench.report.add(Row(
        SECTION, what, "req/s", [c.per_second for c in two],
        [c.per_second for c in one], goal=_GOAL,
        note=f"two; peer: one. A request costs sheaf {sheaf_ms:.3f} ms of "
             f"processor, PostgreSQL {database_ms:.3f} ms: "
             + limit(sheaf_ms, database_ms)
             + (f"; {errors} ERRORS" if errors else "")))


def limit(sheaf_ms, database_ms):
    """What stops the growth, and when."""
    if database_ms < 0.01 * sheaf_ms:
        return "the database is asked for next to nothing"
    return (f"one core of the database feeds {sheaf_ms / database_ms:.1f} "
            "cores of sheaf")
