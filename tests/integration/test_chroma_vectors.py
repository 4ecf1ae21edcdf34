"""A Chroma server finds the vectors: the same answers as from the index in
memory, and nothing is lost whoever goes away."""

import http.server
import json
import random
import signal
import threading

import pytest
import requests

from support.answers import QUESTIONS, condition, found, library, same
from support.documents import (ALL_SERVICES, GUIDE, SOUP, add, documents,
                               ended, query)
from support.papers import call, paper
from support.sheaf import run_cli
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("a Chroma server of its own")

DOCUMENTS, PAPERS = "portfolio_documents", "papers"
# What Chroma computes in single precision may be off by this.
NEAR = 1e-5


class Copy:
    """What the Chroma server has of a collection, asked of itself."""

    def __init__(self, chroma, name=DOCUMENTS):
        self.base = (f"{chroma.url}/api/v2/tenants/default_tenant/databases/"
                     "default_database/collections")
        self.name = name

    def call(self, what, **body):
        found = requests.get(f"{self.base}/{self.name}", timeout=30)
        if found.status_code == 404:
            return None
        reply = requests.post(f"{self.base}/{found.json()['id']}/{what}",
                              json=body, timeout=30)
        assert reply.ok, reply.text
        return reply.json()

    def records(self):
        """{id: (document, metadata)}"""
        all_ = self.call("get", include=["documents", "metadatas"])
        return {} if all_ is None else dict(zip(all_["ids"], zip(
            all_["documents"], all_["metadatas"])))

    def ids(self):
        return set(self.records())


def remark(server):
    return server.get("/readyz").json()["checks"]["vectors"]


def jobs(server):
    return server.json("/jobs/", params={"kind": "chroma"})["results"]


def delivered(server):
    """All is at the Chroma server, and the job that brought it has ended."""
    wait_until(lambda: remark(server) == "ok" and all(
        job["status"] not in ("pending", "processing") for job in jobs(server)),
               timeout=60, what="a copy that is up to date")


def chunk_ids(server):
    """Of all visible documents."""
    return {f"{d['id']}_chunk_{i}" for d in documents(server)
            for i in range(d["chunks"])}


@pytest.fixture
def chroma(make_chroma):
    return make_chroma()


@pytest.fixture
def settings(model_dir, chroma):
    return {"model_dir": model_dir, "services": ALL_SERVICES,
            "vectors": f"chroma:{chroma.url}"}


@pytest.fixture
def server(make_sheaf, settings):
    """On each database."""
    return make_sheaf("c", **settings)


@pytest.fixture
def lite(make_lite, settings):
    """On SQLite, for what no database can change."""
    return make_lite("c", **settings)


# -- the same answers -----------------------------------------------------------

def near(one, other):
    """As same(), by what single precision lets Chroma tell."""
    assert len(one) == len(other)
    for (*_, a), (*_, b) in zip(one, other):
        assert abs(a - b) < NEAR
    distances = {r[:2]: r[2] for r in one}
    for *key, distance in other:
        known = distances.get(tuple(key), one[-1][2])
        assert abs(known - distance) < NEAR, (key, known, distance)


def test_the_same_answers(make_lite, model_dir, server):
    embedded = make_lite("e", model_dir=model_dir, services=ALL_SERVICES)
    for i, document in enumerate(library(random.Random(7))):
        for one in (embedded, server):
            add(one, document)
        if i == 11:  # and documents that go
            for one in (embedded, server):
                for d in documents(one)[:3]:
                    one.delete(f"/documents/{d['id']}")
    for settled in (False, True):  # before the copy has all, and afterwards
        if settled:
            delivered(server)
        for question in QUESTIONS:
            for k in (1, 7, 100):
                near(found(embedded, question, k=k),
                     found(server, question, k=k))
    rng = random.Random()
    for i in range(60):
        where = json.dumps(condition(rng))
        question, k = rng.choice(QUESTIONS), rng.choice([1, 5, 100])
        mode = "hybrid" if i % 10 == 0 else "semantic"
        one = found(embedded, question, k=k, where=where, mode=mode)
        other = found(server, question, k=k, where=where, mode=mode)
        if mode == "semantic":
            near(one, other)
        else:
            assert {r[:2] for r in one} == {r[:2] for r in other}


def many(n, seed=3, **metadata):
    rng = random.Random(seed)
    words = ("pod service volume soup onion broth thyme kernel thread lock "
             "vector index paper model weight").split()
    return {"title": f"Many {n}", "chunk_size": 200, "chunk_overlap": 0,
            "text": "\n\n".join(" ".join(rng.choice(words) for _ in range(24))
                                + "." for _ in range(n)),
            "metadata": metadata}


def test_a_filter_that_lets_many_through(make_lite, model_dir, lite):
    """More than are compared one by one: Chroma is asked for more than k."""
    embedded = make_lite("e", model_dir=model_dir, services=ALL_SERVICES)
    for one in (embedded, lite):
        add(one, many(1300, part="a"))
        add(one, many(60, seed=4, part="b"))
    delivered(lite)
    for where in ({"part": "a"}, {"part": {"$ne": "b"}},
                  {"chunk_index": {"$gte": 30}}):
        for k in (1, 10, 100):
            near(found(embedded, "a pod with a volume", k=k,
                       where=json.dumps(where)),
                 found(lite, "a pod with a volume", k=k,
                       where=json.dumps(where)))


def test_what_the_chroma_server_has(server, chroma):
    """Ids, texts and metadata as GET /query has them, as drawn."""
    add(server, GUIDE)
    server.delivered(call([paper(1, title="Robots", abstract="They grasp.")]))
    delivered(server)
    for name in (DOCUMENTS, PAPERS):
        results = query(server, "kubernetes robots", k=10,
                        collection=name)["results"]
        there = Copy(chroma, name).records()
        assert results and {r["id"] for r in results} == set(there)
        for r in results:
            text, metadata = there[r["id"]]
            assert text == r["text"]
            assert metadata == {key: v for key, v in r["metadata"].items()
                                if v not in (None, [])}
        nearest = Copy(chroma, name).call(
            "get", include=["embeddings"])["embeddings"]
        assert {len(v) for v in nearest} == {384}


def test_changes_follow(server, chroma):
    """A new version, a document and a paper that go; a paper that changes."""
    source = {"source": "notes/a"}
    add(server, {**GUIDE, "metadata": {**source, "old": 1}, "chunk_size": 200,
                 "chunk_overlap": 0})
    add(server, SOUP)
    made = [paper(i, title=f"Paper {i}", abstract="Of robots.")
            for i in (1, 2, 3)]
    server.delivered(call(made))
    delivered(server)
    long = Copy(chroma).ids()
    add(server, {**GUIDE, "text": GUIDE["text"][:150],
                 "metadata": {**source, "new": 2}})
    gone, = (d["id"] for d in documents(server) if d["title"] == "Soup")
    server.delete(f"/documents/{gone}")
    ids = {p["title"]: p["id"] for p in server.all_papers()}
    server.delete(f"/api/papers/{ids['Paper 1']}/")
    server.delivered(call([dict(made[1], version=2, comment="12 pages"),
                           dict(made[2], version=2, title="Another")]))
    delivered(server)
    there = Copy(chroma).records()
    assert set(there) == chunk_ids(server) < long
    (_, metadata), = there.values()
    assert metadata["new"] == 2 and "old" not in metadata
    there = Copy(chroma, PAPERS).records()
    assert set(there) == {f"paper_{ids['Paper 2']}", f"paper_{ids['Paper 3']}"}
    assert there[f"paper_{ids['Paper 2']}"][1]["comment"] == "12 pages"
    assert there[f"paper_{ids['Paper 3']}"][0] == "Another\n\nOf robots."


# -- whoever goes away ----------------------------------------------------------

def test_down_and_back(server, chroma):
    add(server, GUIDE)
    delivered(server)
    chroma.kill()
    add(server, SOUP)  # is taken in all the same
    reply = server.get("/query", params={"q": "soup"})
    assert reply.status_code == 503 and "Retry-After" in reply.headers
    assert len(query(server, "soup", mode="keyword")["results"]) == 1
    hybrid = query(server, "soup", mode="hybrid")
    assert len(hybrid["results"]) == 1
    assert hybrid["warning"].startswith("found by words alone: the Chroma "
                                        "server at ")
    ready = server.get("/readyz")
    assert ready.status_code == 200
    wait_until(lambda: "does not answer" in remark(server))
    assert remark(server).startswith("1 chunks and 0 papers wait for the "
                                     "Chroma server: ")
    job = jobs(server)[0]
    assert job["status"] == "pending" and "does not answer" in job["error"]
    chroma.start()
    delivered(server)
    wait_until(lambda: server.get("/query", params={"q": "soup"}).ok)
    assert [r[0] for r in found(server, "soup")] == ["Soup",
                                                     "Kubernetes Guide"]
    assert Copy(chroma).ids() == chunk_ids(server)


def test_silent(lite, chroma):
    """One that is there and says nothing: nobody waits for it again and
    again."""
    add(lite, GUIDE)
    delivered(lite)
    chroma.freeze()
    try:
        first = lite.get("/query", params={"q": "soup"})
        second = lite.get("/query", params={"q": "soup"})
        assert first.status_code == second.status_code == 503
        assert second.elapsed.total_seconds() < first.elapsed.total_seconds()
    finally:
        chroma.thaw()
    wait_until(lambda: lite.get("/query", params={"q": "soup"}).ok)


def test_not_there_at_the_start(make_chroma, make_sheaf, settings):
    """It starts, and searches what it has not sent yet."""
    chroma = make_chroma()
    chroma.kill()
    server = make_sheaf("c", **{**settings, "vectors": f"chroma:{chroma.url}"})
    add(server, GUIDE)
    assert len(found(server, "kubernetes")) == 1
    chroma.start()
    delivered(server)
    assert Copy(chroma).ids() == chunk_ids(server)


def test_killed_while_it_sends(server, chroma):
    chroma.freeze()  # so that it is in the middle of something
    name = add(server, many(700), wait=False)
    ended(server, name)
    wait_until(lambda: any(j["status"] == "processing" for j in jobs(server)))
    chroma.thaw()
    wait_until(lambda: Copy(chroma).ids())
    server.kill()
    server.start()
    delivered(server)
    assert Copy(chroma).ids() == chunk_ids(server)
    assert len(chunk_ids(server)) >= 700


def test_all_is_lost_there(server, chroma):
    """The server comes back with nothing: it is filled anew by itself."""
    add(server, GUIDE)
    add(server, SOUP)
    delivered(server)
    want = found(server, "soup")
    before = Copy(chroma).ids()
    chroma.kill()
    chroma.wipe()
    chroma.start()
    server.get("/query", params={"q": "soup"})  # who asks notices
    wait_until(lambda: Copy(chroma).ids() == before, timeout=60)
    delivered(server)
    near(want, found(server, "soup"))


def repair(server, *args):
    done = run_cli("repair", *args, "--data-dir", server.data_dir,
                   home=server.data_dir.parent)
    return done.returncode, done.stdout, done.stderr


def test_repair(server, chroma):
    add(server, {**GUIDE, "chunk_size": 200, "chunk_overlap": 0})
    add(server, SOUP)
    delivered(server)
    copy = Copy(chroma)
    before = copy.records()
    assert repair(server)[:2] == (0, f"{len(before)} passages compared: 0 "
                                     "sent, 0 removed\n")
    first, second, third = sorted(before)[:3]
    vector = copy.call("get", ids=[first], include=["embeddings"])
    copy.call("delete", ids=[first])
    copy.call("update", ids=[second], documents=["changed"])
    copy.call("update", ids=[third], embeddings=[[0.5] * 384])
    copy.call("add", ids=["foreign", "doc-x_chunk_0"],
              embeddings=vector["embeddings"] * 2, documents=["a", "b"])
    code, out, err = repair(server)
    assert (code, err) == (0, "")
    assert out == f"{len(before)} passages compared: 3 sent, 2 removed\n"
    assert copy.records() == before
    job = jobs(server)[0]
    assert (job["status"], job["sent"], job["removed"]) == ("completed", 3, 2)
    code, out, _ = repair(server, "--no-wait", "--json")
    assert code == 0 and ended(server, json.loads(out)["job_id"])


def test_set_back_is_found_at_the_start(server, chroma):
    """As a Chroma server that was restored from an older backup."""
    add(server, GUIDE)
    add(server, SOUP)
    delivered(server)
    server.stop()
    before = Copy(chroma).ids()
    Copy(chroma).call("delete", ids=sorted(before)[:1])
    server.start()
    wait_until(lambda: Copy(chroma).ids() == before, timeout=60)


def test_database_set_back_is_found_at_the_start(lite, chroma):
    """Restored from a backup: as many documents as the copy has, but others."""
    add(lite, GUIDE)
    delivered(lite)
    lite.stop()
    backup = (lite.data_dir / "sheaf.db").read_bytes()
    lite.start()
    lite.delete(f"/documents/{documents(lite)[0]['id']}")
    add(lite, SOUP)
    delivered(lite)
    lite.stop()
    (lite.data_dir / "sheaf.db").write_bytes(backup)
    lite.start()
    wait_until(lambda: Copy(chroma).ids() == chunk_ids(lite), timeout=60)
    assert [r[0] for r in found(lite, "soup")] == ["Kubernetes Guide"]


def test_nothing_to_repair(desk):
    code, out, err = repair(desk)
    assert (code, out) == (1, "")
    assert "no copy of the vectors is kept" in err


# -- several ----------------------------------------------------------------------

def test_two_processes(make_postgresql, settings, chroma):
    """What one takes in the other finds, whoever sends it."""
    one = make_postgresql("c", **settings)
    other = make_postgresql("d", database_url=one.settings["database_url"],
                            **settings)
    add(one, GUIDE)
    assert len(found(other, "kubernetes")) == 1  # at once
    add(other, SOUP)
    assert len(found(one, "kubernetes")) == 2
    delivered(one)
    assert Copy(chroma).ids() == chunk_ids(other)
    one.kill()
    doomed = documents(other)[-1]["id"]
    other.delete(f"/documents/{doomed}")
    assert len(found(other, "kubernetes")) == 1
    delivered(other)
    assert Copy(chroma).ids() == chunk_ids(other)


def test_a_problem_that_another_solved(make_postgresql, settings, chroma):
    """Who met it does not speak of it for ever."""
    one = make_postgresql("c", job_lease_ms=2000, **settings)
    other = make_postgresql("d", database_url=one.settings["database_url"],
                            job_lease_ms=2000, **settings)
    add(one, GUIDE)
    delivered(one)
    chroma.kill()
    add(one, SOUP)
    met, free = wait_until(lambda: next(
        (pair for pair in ((one, other), (other, one))
         if "does not answer" in remark(pair[0])), None))
    met.signal(signal.SIGSTOP)
    try:
        chroma.start()
        delivered(free)
    finally:
        met.signal(signal.SIGCONT)
    wait_until(lambda: remark(met) == "ok")


def test_there_and_back(server, chroma):
    """The setting decides; the vectors are in the database all the while."""
    add(server, GUIDE)
    delivered(server)
    for vectors in ("embedded", f"chroma:{chroma.url}"):
        server.stop()
        server.settings["vectors"] = vectors
        server.start()
        add(server, {**SOUP, "title": vectors})
        if vectors != "embedded":
            delivered(server)
            assert Copy(chroma).ids() == chunk_ids(server)
        else:  # nobody is left waiting
            assert remark(server) == "ok" and len(Copy(chroma).ids()) == 1
            assert not [j for j in jobs(server) if j["status"] == "pending"]
        assert vectors in [r[0] for r in found(server, "soup")]
    assert len(found(server, "soup")) == 3


def test_another_server(make_chroma, server, chroma):
    add(server, GUIDE)
    delivered(server)
    other = make_chroma()
    server.stop()
    server.settings["vectors"] = f"chroma:{other.url}"
    server.start()
    delivered(server)
    assert Copy(other).ids() == chunk_ids(server)


# -- settings -----------------------------------------------------------------------

def test_a_collection_of_another_kind(make_lite, settings, chroma):
    requests.post(Copy(chroma).base, timeout=30, json={
        "name": DOCUMENTS, "configuration": {"hnsw": {"space": "l2"}}})
    server = make_lite("c", **settings)
    add(server, GUIDE)
    wait_until(lambda: "measures by 'l2', not by cosine" in remark(server))


class Between(http.server.BaseHTTPRequestHandler):
    """Between sheaf and Chroma: who asks for the nearest meets as many failures
    as `failures` says."""

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/query") and self.server.failures > 0:
            self.server.failures -= 1
            status, answer = 500, b'{"error":"InternalError"}'
        else:
            reply = requests.request(
                self.command, self.server.chroma.url + self.path, data=body,
                headers={"Content-Type": "application/json"}, timeout=30)
            status, answer = reply.status_code, reply.content
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = pass_on

    def log_message(self, *args):
        pass


def test_fails_for_a_moment(make_lite, settings, chroma):
    between = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
    between.chroma, between.failures = chroma, 0
    threading.Thread(target=between.serve_forever, daemon=True).start()
    try:
        server = make_lite("c", **{
            **settings, "vectors": f"chroma:http://127.0.0.1:"
                                   f"{between.server_port}"})
        add(server, GUIDE)
        delivered(server)
        between.failures = 2
        assert len(found(server, "kubernetes")) == 1
        assert between.failures == 0
        between.failures = 1000
        reply = server.get("/query", params={"q": "kubernetes"})
        assert reply.status_code == 503 and "status 500" in reply.text
    finally:
        between.shutdown()
        between.server_close()


class Guard(http.server.BaseHTTPRequestHandler):
    """Lets nobody in, and remembers who asked."""

    def do_POST(self):
        self.server.seen.append(dict(self.headers))
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"error":"AuthError","message":"Forbidden"}'
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def guard():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guard)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_token(make_lite, settings, guard):
    server = make_lite("c", **{
        **settings, "chroma_token": "let-me-in",
        "vectors": f"chroma:http://127.0.0.1:{guard.server_port}"})
    wait_until(lambda: "refuses the token, look at 'chroma_token'"
               in remark(server))
    assert guard.seen[0]["X-Chroma-Token"] == "let-me-in"
    assert guard.seen[0]["Authorization"] == "Bearer let-me-in"
    assert "let-me-in" not in server.log()


@pytest.mark.parametrize("vectors", ["chroma", "chroma:h:8000",
                                     "chroma:http://me:secret@h:8000",
                                     "qdrant"])
def test_refused(make_lite, vectors):
    server = make_lite.make(settings={"vectors": vectors})
    with pytest.raises(RuntimeError) as end:
        server.start()
    assert server.ended() == 2
    assert "'vectors' is not right: " in str(end.value)
    assert "secret" not in str(end.value)


def test_doctor(lite, chroma):
    def look():
        done = run_cli("doctor", "--json", "--data-dir", lite.data_dir,
                       home=lite.data_dir.parent, SHEAF_VECTORS=lite.settings[
                           "vectors"])
        return next(c for c in json.loads(done.stdout)["checks"]
                    if c["check"] == "chroma")

    assert look() == {"check": "chroma", "status": "ok",
                      "text": f"version 1.0.0 at {chroma.url}"}
    chroma.kill()
    assert look()["status"] == "warning"
