"""Faults under a mixed load: two copies of every service on one PostgreSQL and
one Redis (and one Chroma server), while processes are killed and frozen, these
go away, and the cable between the two machines is cut.  What was acknowledged is
there in the end, once; nobody repairs anything by hand.

The second copy is on a machine of its own, a network namespace, where those can
be made (root and `ip`); elsewhere no cable is cut, and the test says so.

SHEAF_CHAOS_SECONDS says how long (each fault comes at least once); SHEAF_SEED
repeats the order of the faults and what the clients do.
"""

import collections
import contextlib
import os
import random
import signal
import time
import warnings

import pytest
import requests

from support import network, postgres
from support.fake_arxiv import FakeArxiv
from support.installation import Caller, Installation
from support.live import Watcher
from support.mixed_load import Load
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("starts its processes by itself")

SECONDS = int(os.environ.get("SHEAF_CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("SHEAF_SEED", str(random.randrange(10 ** 6))))
LEASE_S = 2
SETTINGS = {
    "arxiv_interval_ms": 1, "job_lease_ms": LEASE_S * 1000,
    "job_backoff_ms": 50, "schedule_tick_ms": 100,
    "webhook_retry_ms": "0,100,200,400,800,1600,3200,6400,6400,6400",
    "webhook_timeout_ms": 3000,
}


@pytest.fixture
def machines():
    """The network, or None where it cannot be made."""
    try:
        made = network.Network()
    except network.Unavailable as err:
        warnings.warn(f"no cable is cut: {err}")
        yield None
        return
    yield made
    made.close()


@pytest.fixture(params=["embedded", "pgvector", "chroma"])
def vectors(request):
    return request.param


@pytest.fixture
def cluster(machines, vectors):
    """A PostgreSQL of the test's own, since it is to be stopped."""
    try:
        if vectors == "pgvector":
            made = postgres.Cluster(postgres.pgvector_bin_dir(), locale=(),
                                    network=machines)
        else:
            made = postgres.Cluster(network=machines)
    except postgres.Unavailable as err:
        pytest.skip(str(err))
    yield made
    made.stop()


@pytest.fixture
def chroma(machines, vectors, request):
    """A Chroma server, where it has a part."""
    if vectors != "chroma":
        return None
    return request.getfixturevalue("make_chroma")(
        address=machines.near if machines else "127.0.0.1")


@pytest.fixture
def made(sheaf_bin, box, request, machines, cluster, vectors, chroma,
         make_redis, model_dir):
    """The installation, the database's name, a fake arXiv and the Redis."""
    near = machines.near if machines else "127.0.0.1"
    arxiv = FakeArxiv(address=near)
    request.addfinalizer(arxiv.close)
    shared = make_redis(address=near)
    database = cluster.create()
    installation = Installation(box, cluster.url(database), {
        **SETTINGS, "arxiv_url": arxiv.url, "redis_url": shared.url,
        "model_dir": model_dir, "vectors":
        f"chroma:{chroma.url}" if chroma else vectors}, machines)
    request.node.servers = installation.all
    request.addfinalizer(installation.end)
    return installation.start(), database, arxiv, shared


class Faults:
    """Each fault is seen to have happened, and is over when its call ends."""

    def __init__(self, load, cluster, database, shared, chroma, cable, chance):
        self.installation = load.installation
        self.load = load
        self.cluster = cluster
        self.database = database
        self.redis = shared
        self.chroma = chroma
        self.cable = cable
        self.chance = chance
        self.happened = collections.Counter()

    def kinds(self):
        kinds = [self.kill_one, self.kill_some, self.freeze,
                 self.postgres_restarts, self.postgres_crashes,
                 self.postgres_away, self.redis_crashes, self.redis_away,
                 self.killed_while_postgres_is_away]
        if self.cable:
            kinds += [self.cable_cut, self.killed_behind_a_cut_cable]
        if self.chroma:
            kinds += [self.chroma_away, self.killed_while_chroma_is_away]
        return kinds

    def run(self, seconds):
        """All kinds in some order, again and again."""
        end, left = time.monotonic() + seconds, []
        while time.monotonic() < end or left or not self.happened:
            if not left:
                left = self.kinds()
                self.chance.shuffle(left)
            fault = left.pop()
            print(f"{time.monotonic() - end + seconds:6.1f} {fault.__name__}")
            fault()
            self.happened[fault.__name__] += 1
            self.recovered()

    def some_time(self, most=1.0):
        """Any moment will do."""
        time.sleep(self.chance.uniform(0, most))
        self.load.failed()

    def recovered(self):
        """By itself: everybody is ready, and every client gets on."""
        self.installation.wait_ready()
        wait_until(lambda: all(is_connected(s) for s in self.installation.all),
                   30, 0.05, "everybody's connection to Redis")
        before = [(client, client.done) for client in self.load.clients]
        for client, done in before:
            wait_until(lambda c=client, n=done: self.load.failed()
                       or c.done > n, 60, 0.02, f"an answer to {client.name}")

    def refused(self, times=10):
        """Clients meet the fault."""
        before = self.load.unclear()
        wait_until(lambda: self.load.failed()
                   or self.load.unclear() >= before + times, 30, 0.01,
                   "requests without an answer")

    # -- processes -----------------------------------------------------------

    def kill_one(self):
        self.some_time()
        self.chance.choice(self.installation.all).kill_again()

    def kill_some(self):
        for server in self.chance.sample(self.installation.all, 4):
            self.some_time(0.2)
            server.kill_again()

    def freeze(self):
        """In the middle of a job, and for longer than its lease: another takes
        the job over, and it itself, when it comes back, spoils nothing."""
        server = wait_until(self.freeze_at_work, 60, 0.01,
                            "a process that is frozen at work")
        try:
            wait_until(lambda: not self.jobs_of(server), 30, 0.05,
                       "another that takes its jobs")
        finally:
            server.thaw()

    def freeze_at_work(self):
        server = self.chance.choice(self.installation.servers["processor"])
        if not self.jobs_of(server):
            return None
        server.freeze()
        if self.jobs_of(server):
            return server
        server.thaw()
        return None

    def jobs_of(self, server):
        """How many it holds."""
        return int(self.cluster.query(
            "SELECT count(*) FROM jobs WHERE state = 1 AND owner LIKE "
            f"'{server.process.pid}-%'", self.database)[0][0])

    # -- PostgreSQL ------------------------------------------------------------

    def postgres_restarts(self):
        self.some_time()
        self.restart_postgres("fast")

    def postgres_crashes(self):
        self.some_time()
        self.restart_postgres("immediate")

    def restart_postgres(self, mode):
        self.cluster.halt(mode)
        self.cluster.start()

    def postgres_away(self):
        self.cluster.halt(self.chance.choice(["fast", "immediate"]))
        try:
            for server in self.installation.all:
                wait_until(lambda s=server: s.get(
                    "/readyz", timeout=2).status_code == 503, 30)
            self.refused()
            self.some_time()
        finally:
            self.cluster.start()

    def killed_while_postgres_is_away(self):
        self.cluster.halt("fast")
        try:
            server = self.chance.choice(self.installation.all)
            server.kill_again()
            self.refused()
        finally:
            self.cluster.start()

    # -- Redis -----------------------------------------------------------------

    def redis_crashes(self):
        self.some_time()
        self.redis.kill()
        self.redis.start()

    def redis_away(self):
        self.redis.kill()
        try:
            for server in self.installation.all:
                wait_until(lambda s=server: not is_connected(s), 30)
            self.some_time()
        finally:
            self.redis.start()

    # -- Chroma ------------------------------------------------------------------

    def chroma_away(self):
        self.chroma.kill()
        try:
            self.refused(3)
            self.some_time()
        finally:
            self.chroma.start()

    def killed_while_chroma_is_away(self):
        self.chroma.kill()
        try:
            self.chance.choice(
                self.installation.servers["processor"]).kill_again()
            self.refused(3)
        finally:
            self.chroma.start()

    # -- the cable ---------------------------------------------------------------

    def cable_cut(self):
        self.cable.cut()
        try:
            self.refused(4)
            self.some_time()
        finally:
            self.cable.mend()

    def killed_behind_a_cut_cable(self):
        """Its connections to the database are left open, and it cannot
        start."""
        self.cable.cut()
        try:
            pair = self.chance.choice(list(self.installation.servers.values()))
            pair[1].kill_again()
            self.refused(4)
        finally:
            self.cable.mend()


def is_connected(server):
    return "\nsheaf_redis_up 1\n" in server.get("/metrics", timeout=2).text


def at_rest(caller):
    """No job and no delivery is under way any more."""
    open_jobs = sum(caller.json("front", "/jobs/", params={
        "status": status})["count"]
        for status in ("running", "pending", "processing"))
    waiting = caller.json("scraper", "/api/webhook-deliveries/", params={
        "status": "pending"})["count"]
    return not open_jobs and not waiting


def together(installation):
    """A view at one copy is told by both, with the count that both have."""
    fronts = installation.servers["front"]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Watcher(s)) for s in fronts]
        for client in clients:
            assert client.event()[0] == "snapshot"
        for count, server in enumerate(fronts, 1):
            reply = server.post("/events/pageview", json={"page": "/end"})
            assert reply.json()["count"] == count
            for client in clients:
                assert client.count_of("/end", count)[-1] == count


def check_copy(installation, load, chroma):
    """The Chroma server has what the database has.  It may have more: what was
    on its way in a cut cable and came when it had been removed already; that is
    passed over, as check() has seen, and goes with a repair."""
    for server in installation.servers["processor"]:
        wait_until(lambda s=server: s.json("/readyz")["checks"]["vectors"]
                   == "ok", 60, 0.1, "a copy that is up to date")
    wanted = {"papers": {f"paper_{n}" for n in load.paper_ids},
              "portfolio_documents": {
                  f"{d['id']}_chunk_{n}" for d in load.documents
                  for n in range(d["chunks"])}}
    base = (f"{chroma.url}/api/v2/tenants/default_tenant/databases/"
            "default_database/collections/")
    for name, ids in wanted.items():
        where = base + requests.get(base + name, timeout=30).json()["id"]
        got = requests.post(where + "/get", json={"include": []}, timeout=60)
        there = set(got.json()["ids"])
        print(f"Chroma: {len(there)} {name}, {len(there - ids)} too many")
        assert not ids - there


# What no reader would see: each must be none.
LEFT_OVERS = {
    "documents that were never finished":
        "SELECT count(*) FROM documents WHERE NOT visible",
    "chunks without a document, or a document's that are missing":
        "SELECT (SELECT count(*) FROM chunks)"
        " - (SELECT coalesce(sum(total_chunks), 0) FROM documents)",
    "chunks that are counted wrongly":
        "SELECT n_chunks - (SELECT count(*) FROM chunks) FROM vector_sets"
        " WHERE id = 0",
    "chunks without a vector, and the reverse":
        "SELECT count(*) FROM chunks FULL JOIN chunk_vectors"
        " ON chunk = chunks.id WHERE chunk IS NULL OR chunks.id IS NULL",
    "papers without a vector, and the reverse":
        "SELECT count(*) FROM (SELECT id FROM papers WHERE deleted_at = 0) p"
        " FULL JOIN paper_vectors ON paper_id = id"
        " WHERE paper_id IS NULL OR id IS NULL",
    "papers that wait for a vector": "SELECT count(*) FROM papers_unembedded",
    "files of jobs": "SELECT count(*) FROM job_files",
}


def left_overs(cluster, database):
    found = {what: cluster.query(sql, database)[0][0]
             for what, sql in LEFT_OVERS.items()}
    return {what: n for what, n in found.items() if n != "0"}


@pytest.mark.one_process("it makes its own two copies of everything")
@pytest.mark.timeout(600 + 4 * SECONDS)
def test_nothing_is_lost_or_doubled(made, cluster, chroma, machines):
    print(f"SHEAF_SEED={SEED}")
    chance = random.Random(SEED)
    installation, database, arxiv, shared = made
    load = Load(installation, arxiv, SEED).start()
    faults = Faults(load, cluster, database, shared, chroma, machines,
                    chance)
    try:
        faults.run(SECONDS)
        load.stop()
    finally:
        print(load.said())
        print(dict(faults.happened))
    caller = Caller(installation, chance)
    wait_until(lambda: at_rest(caller), 60, 0.1, "the end of all jobs")
    load.check(caller)
    together(installation)
    if chroma:
        check_copy(installation, load, chroma)
    assert not left_overs(cluster, database)
    assert all(faults.happened[kind.__name__] for kind in faults.kinds())
    check_ends(installation)
    installation.finish()


def check_ends(installation):
    """Who ended was killed by us, or started in vain; nobody died by
    itself."""
    kills = sum(server.kills for server in installation.all)
    starts = sum(server.starts for server in installation.all)
    print(f"{kills} kills, {starts} starts")
    ends = collections.Counter(s for server in installation.all
                               for s in server.ends)
    assert set(ends) <= {-signal.SIGKILL, 1}, ends
    assert ends[-signal.SIGKILL] == kills
