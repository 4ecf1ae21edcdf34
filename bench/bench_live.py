"""Live events beside the official Socket.IO server (Node, `socket.io`, `ws`).

Both servers do the same (a client's "all" goes to everybody) and are pinned to
the first processor, the load to the last.  The load is live_load.c: raw
sockets in one process.  Rates are per second of the server's processor time,
so that the load, or somebody else on the machine, is not what is measured.
"""
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from harness.process import BenchError, Child
from harness.report import Row, interleave

SECTION = "live"
_HERE = Path(__file__).resolve().parent
_REPO = _HERE.parent
_CLIENTS, _IDLE, _CONNECTIONS = 1000, 2000, 2000
_PER_SECOND = 100
_HELD = 10000
_PORT = re.compile(r"^(?:http://127.0.0.1:)?(\d+)$", re.M)


def run(bench):
    print("\n-- live")
    load = bench.sheaf and bench.sheaf.parent / "bench/live_load"
    if not load or not load.exists():
        raise BenchError(f"{load} is missing: `make build/bench/live_load "
                         "build/servers/live_server`")
    peer = install_peer(bench)
    sides = {"ours": lambda: start(bench, "ours", [
                 bench.sheaf.parent / "servers/live_server"]),
             "peer": lambda: start(bench, "peer", [
                 "node", "--expose-gc", peer / "server.mjs"])}
    measure(bench, load, sides)


def install_peer(bench):
    if not shutil.which("node") or not shutil.which("npm"):
        raise BenchError("node is missing: `scripts/node.sh build/node`, and "
                         "put build/node/bin into PATH")
    place = bench.work / "peer_node"
    shutil.copytree(_HERE / "peer_node", place)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund",
                    "--loglevel=error"], cwd=place, check=True, timeout=300)
    return place


class Server:
    """One side, pinned to the first processor."""

    def __init__(self, bench, name, argv):
        log = bench.work / f"live-{name}.log"
        log.write_text("")
        self.child = Child(["taskset", "-c", "0", *argv], log=log)
        while not (said := _PORT.search(log.read_text())):
            self.child.check_alive()
            time.sleep(0.01)
        self.port = int(said[1])

    def stop(self):
        self.child.stop()


def start(bench, name, argv):
    return bench.start(Server(bench, name, argv))


def measure(bench, load, sides):
    seconds = bench.args.seconds

    def each(*args, rounds=bench.args.rounds):
        """{side: [what the load says, each round]}, the sides in turn and
        each on a fresh server."""
        def one(name):
            def measured(_):
                with bench.scope():
                    server = sides[name]()
                    done = subprocess.run(
                        ["taskset", "-c", str(os.cpu_count() - 1), load,
                         str(server.port), str(server.child.pid),
                         *map(str, args)], capture_output=True, text=True,
                        timeout=300, check=False)
                    if done.returncode:
                        raise BenchError(f"{name}: {done.stderr}")
                    return json.loads(done.stdout)
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
