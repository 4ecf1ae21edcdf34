"""The papers API and the webhook, beside Django REST framework.

Both sides hold the same papers in the same kind of database and are asked for
the same paths by wrk with 16 connections, in turn and never at once.  Then
counts, pages and the webhook are compared for what they say, not only for how
fast they say it.
"""
import random
import sqlite3
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlsplit

from harness.corpus import SEARCH_WORDS, delivery
from harness.load import Http, wrk
from harness.process import wait_quiet
from harness.report import Row, interleave
from harness.servers import PAPERS, Peer, Server, Sheaf

PAGE_SIZE = 20
DISTINCT_SIZES = range(15, 26)
WEBHOOK_PAPERS = 50
CURSOR_WINDOW = 100
WARM_UP_S = 1
CATEGORIES = ("llm", "rag", "cv", "nlp", "rl", "robotics", "audio", "graph",
              "theory", "systems", "other")
_TRGM_INDEX = ("CREATE INDEX paper_trgm ON papers_paper USING gin "
               "(title gin_trgm_ops, abstract gin_trgm_ops)")


@dataclass
class Arena:
    """The two servers over one kind of database, loaded and at rest."""

    database: str
    sheaf: Server
    peer: Server
    cluster: object  # postgres.Cluster, or None for SQLite

    def quiet(self):
        """Wait until nothing of the last request is still being worked on."""
        children = [s.child for s in (self.sheaf, self.peer) if s]
        if self.cluster:
            children.append(self.cluster.child)
        if not wait_quiet(children):
            print("  (a server is still busy: the next number may suffer)")

    def restart_peer(self):
        """Drop the peer's queue, and its queries inside PostgreSQL too."""
        self.peer.child.kill()
        if self.cluster:
            self.cluster.sql("SELECT pg_terminate_backend(pid) FROM "
                             "pg_stat_activity WHERE datname = 'peer'")
        self.peer.start()
        self.quiet()


def run(bench):
    """Measure over each database that was asked for."""
    corpus = bench.corpus()
    corpus_file = bench.work / "papers.jsonl"
    corpus.write(corpus_file)
    readings = corpus.search_counts()
    for database in bench.args.databases:
        print(f"\n-- papers on {database}")
        with bench.scope():
            arena = set_up(bench, database, corpus, corpus_file)
            measure_lists(bench, arena, category_counts(arena.peer))
            measure_search(bench, arena, readings)
            measure_cursor(bench, arena)
            check_lists(bench, arena)
            check_search(bench, arena, readings)
            measure_webhook(bench, arena, corpus)


# ---------------------------------------------------------------- setting up

def set_up(bench, database, corpus, corpus_file):
    """Start both sides on fresh databases and fill them."""
    cluster = bench.postgres() if database == "postgresql" else None
    directory = bench.work / f"papers-{database}"
    directory.mkdir()
    sheaf_url = None
    if cluster:
        cluster.create("sheaf")
        cluster.create("peer")
        sheaf_url = cluster.url("sheaf")
        peer_env = cluster.django_env("peer")
    else:
        peer_env = {"PEER_SQLITE": str(directory / "peer.sqlite3")}

    peer = Peer(peer_env, directory / "peer.log")
    took = peer.load(corpus_file)
    print(f"  peer filled by bulk insert in {took:.1f} s")
    sheaf = None
    if bench.sheaf:
        sheaf = bench.start(Sheaf(bench.sheaf, directory / "sheaf",
                                  directory / "sheaf.log", sheaf_url))
        took = sheaf.load(corpus_file)
        bench.report.add(Row(
            database, f"filling with {corpus.size:,} papers by webhook",
            "papers/s", [corpus.size / took],
            note=f"{took:.1f} s, calls of 500"))
    settle_database(cluster, directory)
    bench.start(peer)
    peer.start()
    arena = Arena(database, sheaf, peer, cluster)
    arena.quiet()
    return arena


def settle_database(cluster, directory):
    """Leave no deferred work to the measurements: statistics and visibility
    as autovacuum would soon have made them, and an empty log to write to."""
    if cluster:
        for name in ("peer", "sheaf"):
            cluster.sql("VACUUM ANALYZE", name)
        cluster.sql("CHECKPOINT")
    else:
        with sqlite3.connect(directory / "peer.sqlite3") as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


# ------------------------------------------------------------------ measuring

def paths_file(bench, name, queries):
    """The paths of one scenario, in a file for wrk."""
    path = bench.work / f"{name}.paths"
    path.write_text("".join(f"{PAPERS}?{q}\n" for q in queries),
                    encoding="utf-8")
    return path


def distinct_pages(first, last, fixed=""):
    """Every page that begins in rows [first, last), in sizes around 20, so
    that no URL comes twice before tens of thousands of others have."""
    return [f"page_size={size}&page={page + 1}{fixed}"
            for size in DISTINCT_SIZES
            for page in range(-(-first // size), -(-last // size))]


def shuffled(queries):
    """In an order that is random, and the same in every run."""
    random.Random(len(queries)).shuffle(queries)
    return queries


def compare(bench, arena, what, files, goal=""):
    """The servers named in `files`, each with its paths, under wrk in
    interleaved rounds -> {name: [Load]} and a row of the report."""
    contestants = {}
    for server in (arena.sheaf, arena.peer):
        if server and server.name in files:
            file = files[server.name]
            wrk(server.url, file, seconds=WARM_UP_S)
            arena.quiet()
            contestants[server.name] = loader(bench, arena, server, file)
    loads = interleave(contestants, bench.args.rounds)
    if loads:
        bench.report.add(row_of_loads(arena, what, loads, goal))
    return loads


def loader(bench, arena, server, file):
    """One round on one side, ended only when that side is at rest.  Each
    round begins in another place of the file."""
    def one_round(n):
        load = wrk(server.url, file, seconds=bench.args.seconds,
                   start=(n + 0.5) / bench.args.rounds,
                   threads=bench.args.threads)
        arena.quiet()
        return load
    return one_round


def row_of_loads(arena, what, loads, goal):
    """Requests per second, with p99, size and errors as the note."""
    row = Row(arena.database, what, "req/s", goal=goal)
    notes = []
    for name, values in loads.items():
        rates = [load.per_second for load in values]
        if name == "sheaf":
            row.ours = rates
        else:
            row.peer = rates
        notes.append(f"{name} p99 {median(v.p99_ms for v in values):.1f} ms, "
                     f"{values[0].bytes_per_reply / 1024:.0f} kB")
        errors = sum(v.errors for v in values)
        if errors:
            notes.append(f"{name}: {errors} ERRORS")
    row.note = "; ".join(notes)
    return row


def measure_lists(bench, arena, in_category):
    """First page, deep page and categories: the same few URLs, which a cache
    may answer, and then pages that are all different, which none can."""
    papers = bench.args.papers
    deep = deep_page(papers)
    first_deep = (deep - 1) * PAGE_SIZE
    one = f"page_size={PAGE_SIZE}"
    scenarios = (
        ("list", "list, page 1", [one]),
        ("list-all", f"list, distinct pages up to {deep}",
         shuffled(distinct_pages(0, first_deep))),
        ("deep", f"page={deep}", [f"{one}&page={deep}"]),
        ("deep-all", f"list, distinct pages {deep} and deeper",
         shuffled(distinct_pages(first_deep, papers))),
        ("category", "category=, first page of each",
         [f"{one}&category={name}" for name in in_category]),
        ("category-all", "category=, distinct pages",
         shuffled([query for name, count in in_category.items()
                   for query in distinct_pages(0, count,
                                               f"&category={name}")])),
    )
    for name, what, queries in scenarios:
        file = paths_file(bench, name, queries)
        compare(bench, arena, what, {"sheaf": file, "peer": file}, ">= 30x")


def deep_page(papers):
    """2,000 of 5,000 pages; as far in when there are fewer papers."""
    return max(2, papers // PAGE_SIZE * 2 // 5)


def search_queries(key, readings):
    """First page of each word, and distinct pages of each word that exist
    under every reading of it; a very common word gives only 150."""
    first = [f"page_size={PAGE_SIZE}&{key}={word}" for word in readings]
    distinct = []
    for word, counts in readings.items():
        pages = distinct_pages(0, min(counts.values()), f"&{key}={word}")
        distinct += shuffled(pages)[:150]
    return {"first page of each word": first,
            "distinct pages": shuffled(distinct)}


def measure_search(bench, arena, readings):
    """Ours against the pg_trgm index where there is one, and against the
    icontains that Django offers as it comes."""
    plain = search_queries("search", readings)
    indexed = search_queries("search_trgm", readings)
    if arena.cluster:
        arena.cluster.sql("CREATE EXTENSION pg_trgm", "peer")
        arena.cluster.sql(_TRGM_INDEX, "peer")
        arena.cluster.sql("VACUUM ANALYZE papers_paper", "peer")
    ours = []
    for kind, queries in plain.items():
        files = {"sheaf": paths_file(bench, "search", queries)}
        if arena.cluster:
            files["peer"] = paths_file(bench, "search-trgm", indexed[kind])
        loads = compare(bench, arena, f"search=, {kind}"
                        + ("; peer by pg_trgm" if arena.cluster else ""),
                        files, ">= 10x" if arena.cluster else "")
        ours = ours or loads.get("sheaf", [])
    # A reply can take 25 s here: one long round, then the queue is dropped.
    slow = wrk(arena.peer.url, paths_file(bench, "search",
                                          plain["first page of each word"]),
               seconds=bench.args.slow_seconds)
    arena.restart_peer()
    bench.report.add(Row(
        arena.database, "search=, first page; peer by icontains", "req/s",
        [load.per_second for load in ours], [slow.per_second],
        note=f"peer: one round, {slow.requests} replies in "
             f"{slow.seconds:.0f} s"))


def measure_cursor(bench, arena):
    """Walk the whole list by cursor and compare the cost of its stretches."""
    if not arena.sheaf:
        return
    pages = bench.args.papers // PAGE_SIZE
    depths = (1, pages // 5, pages * 4 // 5)  # 1, 1000, 4000 of 5000
    rows = [Row(arena.database, f"cursor, page {depth}", "ms",
                less_is_better=True, goal="same")
            for depth in depths]
    for _ in range(min(3, bench.args.rounds)):
        took, ids = walk_cursor(arena.sheaf)
        for row, depth in zip(rows, depths):
            row.ours.append(median(took[depth - 1:depth - 1 + CURSOR_WINDOW]))
    first = median(rows[0].ours)
    for row in rows:
        row.note = (f"one client, median of {CURSOR_WINDOW} pages from "
                    f"there; {median(row.ours) / first:.2f} of page 1")
        bench.report.add(row)
    bench.report.check(
        f"{arena.database}: the cursor walk met each of "
        f"{bench.args.papers:,} papers once ({len(ids):,} met, "
        f"{len(set(ids)):,} different)",
        len(ids) == len(set(ids)) == bench.args.papers)


def walk_cursor(server):
    """-> (milliseconds of each page, ids in the order met)"""
    took, ids = [], []
    path = f"{PAPERS}?page_size={PAGE_SIZE}&cursor="
    with Http(server.url) as client:
        while path:
            page, took_ms = client.get_json_timed(path)
            took.append(took_ms)
            ids += [paper["id"] for paper in page["results"]]
            after = page["next"] and urlsplit(page["next"])
            path = after and f"{after.path}?{after.query}"
    return took, ids


def measure_webhook(bench, arena, corpus):
    """Calls of 50 papers, first new and then the very same again, in turn on
    both sides.  Last, because it changes the counts."""
    if arena.cluster:
        # The drawn backend has no trigram index to keep up: its best case.
        arena.cluster.sql("DROP INDEX paper_trgm", "peer")
    servers = [s for s in (arena.sheaf, arena.peer) if s]
    calls = bench.args.webhooks
    firsts = [corpus.size + call * WEBHOOK_PAPERS for call in range(calls)]
    bodies = [delivery([corpus.paper_json(i) for i in
                        range(first, first + WEBHOOK_PAPERS)],
                       f"arxiv-bench-{first}") for first in firsts]
    took, exact = deliver_in_turn(servers, bodies)
    for kind, what in (("papers_created", "new"),
                       ("papers_updated", "repeated")):
        bench.report.add(Row(
            arena.database, f"webhook of {WEBHOOK_PAPERS} papers, {what}",
            "ms", took.get(("sheaf", kind), []), took["peer", kind],
            less_is_better=True, goal=">= 10x",
            note=f"{calls} calls each, one at a time"))
    bench.report.check(f"{arena.database}: every webhook call created, then "
                       f"updated, exactly {WEBHOOK_PAPERS}", exact)
    wanted = corpus.size + calls * WEBHOOK_PAPERS
    counts = {s.name: s.count("") for s in servers}
    bench.report.check(f"{arena.database}: count after the webhooks is "
                       f"{wanted:,} {counts}",
                       set(counts.values()) == {wanted})


def deliver_in_turn(servers, bodies):
    """Each body to each server, twice: the first time all its papers are
    created, the second time all are updated.
    -> ({(server, counter): [ms]}, whether each call said so)"""
    took, exact = {}, True
    for body in bodies:
        for kind in ("papers_created", "papers_updated"):
            for server in servers:
                reply, took_ms = server.deliver(body)
                took.setdefault((server.name, kind), []).append(took_ms)
                exact = exact and reply[kind] == WEBHOOK_PAPERS
    return took, exact


# ------------------------------------------------------------------- checking

def check_lists(bench, arena):
    """The same counts and the same papers in the same order."""
    if not arena.sheaf:
        return
    for query in ("", *(f"&category={name}" for name in CATEGORIES)):
        ours, theirs = arena.sheaf.count(query), arena.peer.count(query)
        bench.report.check(f"{arena.database}: count of "
                           f"`{query.lstrip('&') or 'all'}` is {ours:,}, "
                           f"peer {theirs:,}", ours == theirs)
    deep = deep_page(bench.args.papers)
    for query in ("", f"&page={deep}", "&category=other&page=2"):
        same = listed_urls(arena.sheaf, query) == listed_urls(arena.peer,
                                                              query)
        name = query.lstrip("&") or "page 1"
        bench.report.check(f"{arena.database}: `{name}` lists the same "
                           "papers in the same order", same)


def category_counts(server):
    """{category: papers in it}, of those that have any."""
    counts = {name: server.count(f"&category={name}") for name in CATEGORIES}
    return {name: count for name, count in counts.items() if count}


def listed_urls(server, query):
    """The papers of one page, by their identity."""
    with Http(server.url) as client:
        page = client.get_json(f"{PAPERS}?page_size={PAGE_SIZE}{query}")
    return [paper["url"] for paper in page["results"]]


def check_search(bench, arena, readings):
    """Each side's counts against the exact ones made from the texts.

    icontains and trigrams read a word as a substring; a full-text index reads
    it as a word or a stem.  A count is exact under one of these readings, and
    it has to be the same reading for every word.
    """
    parameter = "search_trgm" if arena.cluster else "search"
    sides = [("peer", arena.peer, parameter)]
    if arena.sheaf:
        sides.insert(0, ("sheaf", arena.sheaf, "search"))
    for name, server, key in sides:
        counts = {w: server.count(f"&{key}={w}") for w in SEARCH_WORDS}
        fits = {reading: sum(counts[w] == readings[w][reading]
                             for w in SEARCH_WORDS)
                for reading in ("word", "stem", "substring")}
        best = max(fits, key=fits.get)
        off = [f"{w} {counts[w]:,} (exact {readings[w][best]:,})"
               for w in SEARCH_WORDS if counts[w] != readings[w][best]]
        total = sum(counts.values())
        bench.report.check(
            f"{arena.database}: {name}'s `{key}=` counts are exact as "
            f"{best} for {fits[best]} of {len(SEARCH_WORDS)} words, "
            f"{total:,} matches" + (f"; not: {', '.join(off[:4])}"
                                    if off else ""),
            not off)
