"""Page views: taken, kept, and told to 1,000 readers.

Beside sheaf stands what such a service is drawn with: express, Socket.IO and
counters in Redis, which writes each to disk before it answers (appendfsync
always), as sheaf's databases do; and the same with counters in memory, which
are gone with the process.  All that a side needs shares the first processor
(but for PostgreSQL, which has both), the load has the last.
"""
import time

from harness.live import FIRST_CORE, Pinned, install_peer, load
from harness.load import Http
from harness.process import Child
from harness.report import Row, interleave
from harness.servers import Sheaf

SECTION = "views"
_READERS, _PAGES = 1000, 100
_OFFERED, _TOLD = 5000, 100


def run(bench):
    print("\n-- views")
    peer = install_peer(bench)
    databases = [d for d in bench.args.databases if bench.sheaf]
    sides = {name: lambda name=name: sheaf(bench, empty(bench, name))
             for name in databases}
    measure(bench, {
        **sides, "redis": lambda: node(bench, peer, redis(bench)),
        "memory": lambda: node(bench, peer, "memory")})
    for database in databases:
        check_kill(bench, database)


def empty(bench, database):
    """Data directory and address of a new database."""
    place = bench.work / f"views_{time.time_ns()}"
    if database == "sqlite":
        return place, None
    bench.postgres().create(place.name)
    return place, bench.postgres().url(place.name)


def sheaf(bench, where):
    return Sheaf(bench.sheaf, where[0], bench.work / "views-sheaf.log",
                 where[1], "analytics", FIRST_CORE,
                 ("--max-connections-per-ip", str(2 * _READERS)))


def redis(bench):
    """A Redis that loses nothing; the path of its socket."""
    place = bench.work / f"redis-{time.time_ns()}"
    place.mkdir()
    child = Child([*FIRST_CORE, "redis-server", "--port", "0", "--unixsocket",
                   place / "socket", "--dir", place, "--save", "",
                   "--appendonly", "yes", "--appendfsync", "always"],
                  log=place / "log")
    bench.start(child)
    while not (place / "socket").exists():
        child.check_alive()
        time.sleep(0.01)
    return place / "socket"


def node(bench, peer, counters):
    return Pinned(["node", peer / "views.mjs", counters],
                  bench.work / "views-node.log")


def measure(bench, sides):
    seconds = bench.args.seconds

    def each(*args, names=tuple(sides)):
        """{side: [what the load says, each round]}, in turn."""
        def one(start):
            def measured(_):
                with bench.scope():
                    server = bench.start(start())
                    return load(bench, server, "views", *args, seconds)
            return measured
        return interleave({name: one(sides[name]) for name in names
                           if name in sides},
                          bench.args.rounds)

    def add(what, unit, seen, value, ours="sqlite", peer="redis", **kw):
        sides = {name: [value(v) for v in rounds]
                 for name, rounds in seen.items()}
        if ours in sides:
            bench.report.add(Row(SECTION, what, unit, sides[ours],
                                 sides.get(peer, []), **kw))

    def rate(v):
        return v["views"] / v["seconds"]

    def cost(v):
        return v["views"] / max(v["cpu_s"], 0.01)

    seen = each(0, _PAGES, 0)
    add("taken, as many as 256 connections send: SQLite, Redis", "views/s",
        seen, rate)
    add("  PostgreSQL", "views/s", seen, rate, "postgresql", None)
    add("  SQLite, memory", "views/CPU s", seen, cost, peer="memory")
    seen = each(0, _PAGES, _OFFERED)
    add(f"{_OFFERED:,}/s offered: taken: SQLite, Redis", "views/s", seen, rate)
    add("  p99 of the answer", "ms", seen, lambda v: v["answer_p99_ms"],
        less_is_better=True)
    add("  PostgreSQL", "views/s", seen, rate, "postgresql", None)
    add("  p99 of the answer", "ms", seen, lambda v: v["answer_p99_ms"],
        "postgresql", None, less_is_better=True)
    for pages, what in ((_PAGES, f"of {_PAGES} pages"), (1, "of one page")):
        seen = each(_READERS, pages, _TOLD, names=("sqlite", "redis"))
        add(f"{_TOLD} views/s {what}: p99 to the last of {_READERS:,}", "ms",
            seen, lambda v: v["told_p99_ms"], less_is_better=True)


def check_kill(bench, database):
    """What was answered is there after kill -9."""
    where = empty(bench, database)
    with bench.scope():
        server = bench.start(sheaf(bench, where))
        sent = load(bench, server, "views", 0, _PAGES, _OFFERED, 1)["views"]
        server.child.kill()
        server = bench.start(sheaf(bench, where))
        with Http(server.url) as client:
            kept = client.get_json("/stats/live")["totals"]["views"]
    bench.report.check(f"{database}: {sent:,} views answered, then kill -9: "
                       f"{kept:,} are there", kept == sent)
