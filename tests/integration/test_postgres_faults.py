"""PostgreSQL goes away, falls silent, has no room, or takes no writes: nothing
acknowledged is lost or doubled, whoever asks is told within a bound, and all
goes on by itself when it is back."""

import json
import threading
import time

import pytest

from support import postgres
from support.papers import call, paper
from support.sheaf import SIGNING_SECRET
from support.fake_backend import sign
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("takes the database away from a process")


@pytest.fixture
def cluster():
    """A server of the test's own, to be hurt."""
    try:
        server = postgres.Cluster()
    except postgres.Unavailable as err:
        pytest.skip(str(err))
    yield server
    server.stop()


@pytest.fixture
def make(cluster, make_lite):
    """Factory: sheaf on a database of that server."""
    name = cluster.create()

    def make(url=None, **settings):
        return make_lite(database_url=url or cluster.url(name), **settings)
    make.name = name
    return make


class Writer(threading.Thread):
    """Delivers one paper after the other, each until it is acknowledged, and
    asks for a job for each: as senders do that try again."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.server = server
        self.first = number * 10000 + 1
        self.papers = []     # acknowledged
        self.jobs = {}       # Idempotency-Key: id
        self.refused = set() # answers
        self.over = threading.Event()
        self.failed = None
        self.start()

    def until_taken(self, send, status):
        while True:
            reply = send()
            if reply.status_code == status:
                return reply.json()
            assert reply.status_code == 503, reply.text
            self.refused.add(reply.text)
            time.sleep(0.01)  # as any sender pauses before it tries again

    def deliver(self, number):
        body = json.dumps(call([paper(number)], f"arxiv-{number}")).encode()

        def send():
            stamp, name = str(int(time.time())), f"msg_{number}"
            return self.server.deliver(body, headers={
                "webhook-id": name, "webhook-timestamp": stamp,
                "webhook-signature": sign(SIGNING_SECRET, name, stamp, body)})
        counts = self.until_taken(send, 201)
        assert counts["papers_created"] == 1, counts
        self.papers.append(number)

    def ask(self, number):
        key = f"key-{number}"
        job = self.until_taken(
            lambda: self.server.post("/scrape", json={"category": "llm"},
                                     headers={"Idempotency-Key": key}), 202)
        self.jobs[key] = job["job_id"]

    def run(self):
        number = self.first
        try:
            while not self.over.is_set():
                self.deliver(number)
                self.ask(number)
                number += 1
        except Exception as err:  # told by check()
            self.failed = err

    def end(self):
        self.over.set()
        self.join(60)
        assert not self.is_alive()
        if self.failed:
            raise self.failed


def grown(writers, n):
    """Each has got n more acknowledged, from now on."""
    before = [len(w.papers) for w in writers]
    wait_until(lambda: all(len(w.papers) >= m + n or w.failed
                           for w, m in zip(writers, before)), 60)


def check(server, cluster, name, writers):
    """All that was acknowledged is there, once."""
    for writer in writers:
        writer.end()
    sent = [f"2501.{n}" for w in writers for n in w.papers]
    found = [p["source_id"] for p in server.all_papers()]
    assert sorted(found) == sorted(sent)
    jobs = {k: v for w in writers for k, v in w.jobs.items()}
    assert len(set(jobs.values())) == len(jobs)
    rows = cluster.query("SELECT id, count(*) FROM jobs WHERE kind = 'scrape'"
                         " GROUP BY id", name)
    assert sorted(row[0] for row in rows) == sorted(jobs.values())


def is_ready(server):
    return server.get("/readyz").status_code == 200


# -- gone and back -------------------------------------------------------------

@pytest.mark.timeout(180)
def test_restarted_under_load(cluster, make):
    """Three times, without a word to anybody; and every session ended."""
    server = make(services="backend,scraper", arxiv_url="http://127.0.0.1:9/",
                  database_timeout_ms=5000)
    writers = [Writer(server, n) for n in range(1, 5)]
    for _ in range(3):
        grown(writers, 5)
        cluster.halt("immediate")
        wait_until(lambda: not is_ready(server))
        assert server.get("/healthz").status_code == 200
        cluster.start()
        grown(writers, 5)
    for _ in range(10):
        cluster.end_sessions(make.name)
        grown(writers, 2)
    check(server, cluster, make.name, writers)
    assert any(w.refused for w in writers)
    wait_until(lambda: is_ready(server))
    assert "PostgreSQL is away" in server.log()
    assert "PostgreSQL is back" in server.log()


# -- not there yet ---------------------------------------------------------------

@pytest.mark.timeout(120)
def test_away_at_the_start(cluster, make_lite):
    """It is waited for, as at boot, unless somebody says stop."""
    server = make_lite.make(database_url=cluster.url(cluster.create()),
                            settings={"services": "backend"})

    def waits():
        return "waiting for PostgreSQL" in server.log()

    cluster.halt()
    server.spawn()
    wait_until(waits)
    server.stop()
    server.spawn()
    wait_until(waits)
    cluster.start()
    server.wait_up("/readyz", 60)
    assert server.log().count("waiting for PostgreSQL") == 1
    server.delivered(call([paper(1)]))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("wrong", [("/t", "/elsewhere"), ("sheaf@", "nobody@")])
def test_refused_at_the_start(cluster, make_lite, wrong):
    """A server that does not let us in is not waited for."""
    server = make_lite.make(
        database_url=cluster.url(cluster.create()).replace(*wrong),
        settings={"services": "backend"})
    with pytest.raises(RuntimeError) as end:
        server.start()
    assert server.ended() == 1
    assert "does not exist" in str(end.value)
    assert "waiting for" not in server.log()


# -- silent ----------------------------------------------------------------------

@pytest.mark.timeout(180)
def test_silent(cluster, make):
    """A server that is stopped holds nobody up for ever, and soon nobody."""
    server = make(services="backend,scraper", arxiv_url="http://127.0.0.1:9/",
                  database_timeout_ms=1000, pool_requests=4)
    writers = [Writer(server, n) for n in range(1, 7)]
    grown(writers, 3)
    with cluster.frozen():
        reply = server.get("/api/papers/?search=anything")
        assert reply.status_code == 503
        assert server.get("/healthz").status_code == 200
        ready = server.get("/readyz")
        assert ready.status_code == 503
        assert "PostgreSQL" in ready.json()["checks"]["store"]
    grown(writers, 3)
    check(server, cluster, make.name, writers)
    wait_until(lambda: is_ready(server))


# -- no room ---------------------------------------------------------------------

@pytest.mark.timeout(120)
def test_few_connections(cluster, make):
    """The server lets us have fewer than we would take: they go round."""
    cluster.sql("CREATE ROLE few LOGIN CONNECTION LIMIT 4")
    cluster.sql(f"ALTER DATABASE {make.name} OWNER TO few")
    server = make(cluster.url(make.name).replace("sheaf@", "few@"),
                  services="backend,scraper",
                  arxiv_url="http://127.0.0.1:9/")
    writers = [Writer(server, n) for n in range(1, 13)]
    grown(writers, 20)
    check(server, cluster, make.name, writers)
    assert not set().union(*(w.refused for w in writers))  # all waited


@pytest.mark.timeout(120)
def test_no_connection_at_all(cluster, make):
    cluster.sql("CREATE ROLE few LOGIN")
    cluster.sql(f"ALTER DATABASE {make.name} OWNER TO few")
    server = make(cluster.url(make.name).replace("sheaf@", "few@"),
                  services="backend")
    cluster.sql("ALTER ROLE few CONNECTION LIMIT 0")
    cluster.end_sessions(make.name)
    wait_until(lambda: not is_ready(server))
    reply = server.deliver(call([paper(1)]))
    assert reply.status_code == 503
    assert "too many connections" in server.json("/readyz", 503)[
        "checks"]["store"]
    cluster.sql("ALTER ROLE few CONNECTION LIMIT -1")
    wait_until(lambda: is_ready(server))
    server.delivered(call([paper(1)]))
    assert len(server.all_papers()) == 1


# -- no writes -------------------------------------------------------------------

@pytest.mark.timeout(120)
def test_no_writes(cluster, make):
    """As on a standby: reading goes on; and when it may write again (another
    server has taken over) connections to the old one are given up."""
    server = make(services="backend")
    server.delivered(call([paper(1)]))
    cluster.sql(f"ALTER DATABASE {make.name} SET"
                " default_transaction_read_only = on")
    cluster.end_sessions(make.name)
    wait_until(lambda: not is_ready(server))
    assert "takes no writes" in server.json("/readyz", 503)["checks"]["store"]
    assert server.deliver(call([paper(2)])).status_code == 503
    assert len(server.all_papers()) == 1
    cluster.sql(f"ALTER DATABASE {make.name} RESET"
                " default_transaction_read_only")
    wait_until(lambda: is_ready(server))
    server.delivered(call([paper(2)]))
    assert len(server.all_papers()) == 2


# -- stuck -----------------------------------------------------------------------

@pytest.mark.timeout(120)
def test_a_lock_that_is_never_given(cluster, make):
    """Somebody locks a table by hand and goes to lunch."""
    server = make(services="backend", database_timeout_ms=1000)
    with cluster.session(make.name) as lunch:
        lunch("BEGIN; LOCK TABLE papers IN ACCESS EXCLUSIVE MODE;")
        reply = server.deliver(call([paper(1)]))
        assert reply.status_code == 503
        lunch("COMMIT;")
    server.delivered(call([paper(1)]))
    assert len(server.all_papers()) == 1
