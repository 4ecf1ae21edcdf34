"""Processes on one PostgreSQL that share a Redis: page counts, who is online,
what happens; and Redis away."""

import concurrent.futures
import json
import re
import subprocess

import pytest
import requests

from support import papers, redis
from support.dashboards import JavaScript
from support.live import Watcher
from support.sheaf import run_cli
from support.views import Load, Listener, up, view, watching
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("two processes on a Redis of their own")


@pytest.fixture
def pair(make_redis, make_desk):
    """A Redis, and two servers that hear each other."""
    shared = make_redis()
    servers = [make_desk(shared, name) for name in "ab"]
    for server in servers:
        wait_until(lambda s=server: up(s))
    return shared, *servers


# -- together --------------------------------------------------------------------

def test_a_view_here_is_told_there(pair):
    _, a, b = pair
    with watching(a, b) as clients:
        for n, server in enumerate((a, b, a, b, b, a), 1):
            assert view(server) == n
            for client in clients:
                assert client.event() == ["new_pageview", {
                    "page": "/projects", "count": n}]


@pytest.mark.timeout(120)
def test_a_flood_on_both(pair):
    """Each view once, in order, in few words; the last count comes to all."""
    _, a, b = pair
    n, senders, pages = 640, 8, ("/x", "/y{}z")

    def send(i):
        with requests.Session() as session:
            return [view((a, b)[i % 2], pages[k % 2], session)
                    for k in range(n // senders)]

    with watching(a, b, a) as clients:
        with concurrent.futures.ThreadPoolExecutor(senders) as pool:
            counts = sorted(c for part in pool.map(send, range(senders))
                            for c in part)
        assert counts == sorted(2 * list(range(1, n // 2 + 1)))
        for client in clients:
            seen = {page: [] for page in pages}
            while any(n // 2 not in s for s in seen.values()):
                name, data = client.event()
                assert name == "new_pageview"
                seen[data["page"]].append(data["count"])
            for page in pages:
                assert seen[page] == sorted(set(seen[page]))
                assert len(seen[page]) < n // 4


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", [redis.Redis, redis.Cluster])
def test_official_server_takes_part(request, make_redis, make_desk, js_dir,
                                    kind):
    """Clients of an official server hear every page's last count, too; on a
    cluster the pages' keys are on different nodes."""
    shared = make_redis(kind)
    a, b = make_desk(shared, "a"), make_desk(shared, "b")
    with subprocess.Popen(["node", "adapter_server.mjs", shared.url],
                          cwd=js_dir, stdout=subprocess.PIPE,
                          text=True) as node:
        class Official:
            url = node.stdout.readline().strip()
        try:
            for server in a, b:
                wait_until(lambda s=server: up(s))
            with JavaScript(request, Official) as theirs, watching(a, b) as ours:
                assert theirs.event() == ["joined", None]
                for k in range(20):
                    for server in a, b, a:
                        view(server, f"/{k}")
                last = {f"/{k}": 3 for k in range(20)}
                for client in ours:
                    seen = {}
                    while seen != last:
                        name, data = client.event()
                        assert name == "new_pageview"
                        assert data["count"] > seen.get(data["page"], 0)
                        seen[data["page"]] = data["count"]
                seen = {}
                while seen != last:
                    name, data = theirs.event()
                    assert name == "new_pageview"
                    assert data["count"] > seen.get(data["page"], 0)
                    seen[data["page"]] = data["count"]
        finally:
            node.kill()
    for one in getattr(shared, "nodes", [shared]):
        calls = re.search(rb"cmdstat_eval:calls=(\d+)",
                          one.ask("INFO", "commandstats"))
        assert calls and int(calls[1]) > 0, "each node has some of the keys"


def test_online_everywhere(pair):
    _, a, b = pair

    def online(server):
        return server.json("/stats/live")["online"]

    with watching(a, a, b):
        for server in a, b:
            wait_until(lambda s=server: online(s) == 3)
        with Watcher(b) as client:
            name, snapshot = client.event()
            assert (name, snapshot["online"]) == ("snapshot", 4)
            wait_until(lambda: online(a) == 4)
    for server in a, b:
        wait_until(lambda s=server: online(s) == 0)
    with watching(a):
        wait_until(lambda: online(b) == 1)
        a.stop()  # it says so
        wait_until(lambda: online(b) == 0)


def test_erased_everywhere(pair):
    _, a, b = pair
    with watching(b) as (client,):
        for n in range(1, 4):
            assert view(a) == n
        assert client.count_of("/projects", 3)
        assert a.delete("/stats/pages?page=/projects").status_code == 204
        # what was told of it before must not hide what comes
        assert view(b) == 1
        assert view(a) == 2
        assert client.count_of("/projects", 2)[-1] == 2


def test_stopping_tells_the_last_count(pair):
    _, a, b = pair
    with watching(b) as (client,), requests.Session() as session:
        for n in range(1, 30):
            assert view(a, session=session) == n
        a.stop()
        seen = client.count_of("/projects", 29)
        assert seen == sorted(set(seen))


def test_what_happens_elsewhere(make_redis, make_desk):
    """Papers and jobs of a process that serves no live clients."""
    shared = make_redis()
    a = make_desk(shared, "a")
    b = make_desk(shared, "b", services="scraper,backend")
    for server in a, b:
        wait_until(lambda s=server: up(s))
    assert b.get("/socket.io/?EIO=4&transport=polling").status_code == 404
    with watching(a) as (client,):
        b.delivered(papers.call(papers.papers(1, 3)))
        event = client.event()
        while event[0] != "paper_added":
            event = client.event()
        assert event[1]["count"] == 3


# -- Redis away ------------------------------------------------------------------

@pytest.mark.timeout(180)
def test_killed_under_load(pair):
    """Nobody who views a page notices; every client sees the last count in the
    end, and never one that is lower than before."""
    shared, a, b = pair
    pages = ["/one", "/two"]
    with watching(a, b) as clients:
        listeners = [Listener(client) for client in clients]
        load = Load((a, b), pages)
        for _ in range(3):
            load.more(200)
            shared.kill()
            wait_until(lambda: not up(a) and not up(b))
            load.more(200)
            shared.start()
            wait_until(lambda: up(a) and up(b))
        load.more(200)
        load.stop()
        for listener in listeners:
            listener.heard_all(load)
    top = a.json("/stats/top")["results"]
    assert {p["page"]: p["count"] for p in top} == load.highest


def test_caught_up_without_another_view(pair):
    """What others counted while Redis was away is told when it is back, even
    if nobody views anything any more."""
    shared, a, b = pair
    with watching(a, b) as (at_a, at_b):
        view(a, "/before")
        assert at_b.count_of("/before", 1) == [1]
        shared.kill()
        wait_until(lambda: not up(a) and not up(b))
        for _ in range(3):
            view(a, "/meanwhile")
        view(b, "/elsewhere")
        shared.start()
        assert at_b.count_of("/meanwhile", 3)[-1] == 3
        assert at_a.count_of("/elsewhere", 1)[-1] == 1


@pytest.mark.timeout(90)
def test_frozen(pair):
    """Redis keeps its connections and says nothing: views are counted and told
    at once, and what was missed is told later."""
    shared, a, b = pair
    with watching(a, b) as (at_a, at_b):
        shared.freeze()
        for n in range(1, 4):
            assert view(a) == n
            assert at_a.count_of("/projects", n)[-1] == n
        wait_until(lambda: not up(a) and not up(b), 20)
        shared.thaw()
        assert at_b.count_of("/projects", 3)[-1] == 3


@pytest.mark.timeout(90)
def test_killed_process(pair):
    """kill -9 right behind a view: who is left tells its count, and the other's
    readers are not online any more."""
    _, a, b = pair
    with watching(b) as (client,), watching(a):
        wait_until(lambda: b.json("/stats/live")["online"] == 2)
        for n in range(1, 6):
            assert view(a) == n
        a.kill()
        wait_until(lambda: b.json("/stats/live")["online"] == 1, 30)
        assert client.count_of("/projects", 5)[-1] == 5


def test_starts_and_stays_ready_without(make_redis, make_desk):
    shared = make_redis()
    shared.kill()
    a = make_desk(shared, "a")
    checks = a.json("/readyz")["checks"]
    assert "goes on alone" in checks["redis"]
    with watching(a) as (client,):
        assert view(a) == 1
        assert client.count_of("/projects", 1) == [1]
    shared.start()
    wait_until(lambda: a.json("/readyz")["checks"]["redis"] == "ok")
    assert a.metric("sheaf_redis_connects_total") == 1
    log = a.log()
    assert log.count("this process goes on alone") == 1


def test_sqlite_too(make_redis, make_lite):
    """One process and a Redis: nothing to share, nothing in the way."""
    shared = make_redis()
    a = make_lite(redis_url=shared.url)
    wait_until(lambda: up(a))
    with watching(a) as (client,):
        assert view(a) == 1
        assert client.event()[1] == {"page": "/projects", "count": 1}


# -- settings --------------------------------------------------------------------

@pytest.mark.parametrize("url", ["rediss://127.0.0.1", "redis://", "127.0.0.1",
                                 "redis://h/x", "redis://:secret@h:99999"])
def test_bad_address(box, sheaf_bin, url):
    done = run_cli("serve", "--data-dir", box / "data", home=box,
                   SHEAF_REDIS_URL=url)
    assert done.returncode != 0
    assert "redis_url" in done.stderr
    assert "secret" not in done.stderr


def test_doctor(make_redis, make_lite, box):
    shared = make_redis(password="geheim")
    lite = make_lite()

    def redis_check(**env):
        done = run_cli("doctor", "--json", "--data-dir", lite.data_dir,
                       home=box, SHEAF_ARXIV_URL="http://127.0.0.1:1/", **env)
        return next(c for c in json.loads(done.stdout)["checks"]
                    if c["check"] == "redis")

    assert redis_check()["status"] == "ok"
    good = redis_check(SHEAF_REDIS_URL=shared.url)
    assert good["status"] == "ok" and "geheim" not in good["text"]
    assert re.match(r"\d+\.\d+\.\d+ at redis://", good["text"])
    for url, why in ((shared.url.replace("geheim", "falsch"), "WRONGPASS"),
                     ("redis://127.0.0.1:1", "refused")):
        bad = redis_check(SHEAF_REDIS_URL=url)
        assert bad["status"] == "warning" and why in bad["text"]
        assert "falsch" not in bad["text"]
