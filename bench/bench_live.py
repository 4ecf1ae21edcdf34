"""Live events beside the official Socket.IO server (Node, `socket.io`, `ws`).

Both servers do the same (a client's "all" goes to everybody) and are pinned to
the first processor, the load to the last.  The load is live_load.c: raw
sockets in one process.  Rates are per second of the server's processor time,
so that the load, or somebody else on the machine, is not what is measured.
"""
from harness.live import Pinned, install_peer, load, program
from harness.report import Row, interleave

SECTION = "live"
_CLIENTS, _IDLE, _CONNECTIONS = 1000, 2000, 2000
_PER_SECOND = 100
_HELD = 10000


def run(bench):
    print("\n-- live")
    peer = install_peer(bench)
    measure(bench, {
        "ours": [program(bench, "servers/live_server")],
        "peer": ["node", "--expose-gc", peer / "server.mjs"]})


def measure(bench, sides):
    seconds = bench.args.seconds

    def each(*args, rounds=bench.args.rounds):
        """{side: [what the load says, each round]}, the sides in turn and
        each on a fresh server."""
        def one(name):
            def measured(_):
                with bench.scope():
                    server = bench.start(Pinned(
                        sides[name], bench.work / f"live-{name}.log"))
                    return load(bench, server, *args)
            return measured
        return interleave({name: one(name) for name in sides},
                          rounds)

    def add(what, unit, seen, value, **kw):
        bench.report.add(Row(SECTION, what, unit,
                             [value(v) for v in seen["ours"]],
                             [value(v) for v in seen["peer"]], **kw))

    for window, note in ((1, "one broadcast on its way"),
                         (16, "16 on their way")):
        add(f"broadcast to {_CLIENTS:,}, {note}", "deliveries/CPU s",
            each("broadcast", _CLIENTS, window, seconds),
            lambda v: v["deliveries"] / max(v["cpu_s"], 0.01), goal=">= 5x")
    seen = each("paced", _CLIENTS, _PER_SECOND, seconds)
    add(f"p99 to the last of {_CLIENTS:,}, {_PER_SECOND}/s", "ms", seen,
        lambda v: v["p99_ms"], less_is_better=True)
    add("CPU for it", "s/s", seen, lambda v: v["cpu_s"] / seconds,
        less_is_better=True)
    add(f"memory of an idle client, of {_IDLE:,}", "kB",
        each("idle", _IDLE),
        lambda v: (v["after_kb"] - v["before_kb"]) / v["clients"],
        less_is_better=True, goal=">= 8x")
    seen = each("hold", _HELD, 5 if bench.args.quick else 60, rounds=1)
    add(f"{_HELD:,} idle clients, held: CPU", "% of a core", seen,
        lambda v: 100 * v["cpu_s"] / v["seconds"], less_is_better=True,
        note="they answer pings, for a minute")
    add("  and memory of the server", "MB", seen,
        lambda v: v["rss_kb"] / 1024, less_is_better=True)
    for transport in ("websocket", "polling"):
        add(f"come, join, go: {transport}", "clients/CPU s",
            each("connect", transport, _CONNECTIONS),
            lambda v: v["connections"] / max(v["cpu_s"], 0.01))
