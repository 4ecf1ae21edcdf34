"""Idle memory and time from start to ready, on an empty directory."""
from statistics import median

from harness.load import Http
from harness.report import Row
from harness.servers import PAPERS, Peer, Sheaf

SECTION = "footprint"
_PEER_STARTS = 3  # a second or two each; ours are milliseconds


def run(bench):
    """Start each side afresh several times; read memory when it is ready."""
    print("\n-- footprint")
    ours = sheaf_starts(bench) if bench.sheaf else []
    theirs = peer_starts(bench)
    bench.report.add(Row(
        SECTION, "idle memory", "MB", [mb for _, mb in ours],
        [mb for _, mb in theirs], less_is_better=True, goal="<= 12 MB",
        note="VmRSS after /readyz; peer: PSS of master and 2 workers, "
             "each of which has answered"))
    bench.report.add(Row(
        SECTION, "start to ready, empty directory", "ms",
        [ms for ms, _ in ours], [median(ms for ms, _ in theirs)],
        less_is_better=True, goal="<= 50 ms",
        note=f"median of {len(ours)} and {len(theirs)} starts; the peer's "
             "tables exist already"))


def sheaf_starts(bench):
    """(milliseconds to ready, megabytes) of each start."""
    seen = []
    for n in range(bench.args.starts):
        with bench.scope():
            sheaf = bench.start(Sheaf(
                bench.sheaf, bench.work / f"start-{n}",
                bench.work / f"start-{n}.log"))
            seen.append((sheaf.ready_ms, sheaf.child.rss_kb() / 1024))
    return seen


def peer_starts(bench):
    """The same of the peer, once both workers have served."""
    peer = Peer({"PEER_SQLITE": str(bench.work / "footprint.sqlite3")},
                bench.work / "footprint-peer.log")
    peer.manage("migrate", "--verbosity", "0")
    seen = []
    for _ in range(_PEER_STARTS):
        with bench.scope():
            bench.start(peer)
            peer.start()
            with Http(peer.url, keep_alive=False) as client:
                for _ in range(20):
                    client.get_json(PAPERS)
            seen.append((peer.ready_ms, peer.child.pss_kb() / 1024))
    return seen
