"""Vectors of another model in the store: embedded again, never mixed.

The program runs one model and refuses any other file (test_embeddings), so what
is changed here is the store: its vectors are said to be of another model, and
all are made equal, so that one that is searched by mistake shows.
"""

import json
import sqlite3

import pytest

from support.documents import ALL_SERVICES, GUIDE, SOUP, add, query
from support.papers import call, papers
from support.waiting import wait_until

PAPERS = 2000  # long enough to be looked at in the middle
WORDS = "robot hand"


def change(server, database, statements):
    """SQL, while the server is down."""
    if database.name != "sqlite":
        name = server.settings["database_url"].rsplit("/", 1)[1]
        for statement in statements:
            database.cluster.sql(statement, name)
        return
    base = sqlite3.connect(server.data_dir / "sheaf.db")
    with base:
        for statement in statements:
            base.execute(statement)
    base.close()


def make_foreign(server, database):
    """As if another model had made all vectors."""
    chunks = "chunks" if database.name == "sqlite" else "chunk_vectors"
    empty = "x''" if database.name == "sqlite" else "''"
    change(server, database, [
        f"UPDATE {table} SET model = model / 2 + 1, vector ="
        f" (SELECT vector FROM {table} LIMIT 1)"
        for table in (chunks, "paper_vectors")
    ] + [f"UPDATE vector_sets SET model = {empty}"])


def embed_job(server, wanted, what):
    def look():
        listed = server.json("/jobs/", params={"kind": "embed"})["results"]
        return listed[0] if listed and wanted(listed[0]) else None
    return wait_until(look, timeout=90, what=what)


def finished(server):
    wait_until(lambda: server.get("/readyz").json()["checks"]["vectors"]
               == "ok", timeout=120, what="vectors of everything")


@pytest.fixture
def stocked(desk):
    """Papers and two documents with vectors."""
    desk.delivered(call(papers(1, PAPERS)))
    for document in (GUIDE, SOUP):
        assert add(desk, document)["status"] == "completed"
    finished(desk)
    return desk


def top(server, q, **params):
    return [(r["id"], round(r["distance"], 2))
            for r in query(server, q, **params)["results"]]


@pytest.mark.pgvector
def test_embedded_again(stocked, database):
    server = stocked
    before = {name: top(server, "kubectl and robots", k=2, collection=name)
              for name in ("papers", "portfolio_documents")}
    server.stop()
    make_foreign(server, database)
    server.start()

    # In the middle: stopped there, so that it can be looked at.
    job = embed_job(server, lambda j: j["status"] == "processing"
                    and 0 < j["embedded"], "the job at work")
    assert job["total"] == PAPERS + 2
    server.delete(f"/jobs/{job['job_id']}")
    assert server.wait_job(job["job_id"])["status"] == "cancelled"
    done = server.job(job["job_id"])["embedded"]
    assert 0 < done < PAPERS
    half_way(server, PAPERS - done)

    server.post(f"/jobs/{job['job_id']}/retry")
    finished(server)
    ended = server.wait_job(job["job_id"])
    assert ended["status"] == "completed" and ended["progress"] == 100.0
    assert ended["embedded"] == ended["total"] == PAPERS + 2
    for name, found in before.items():
        body = query(server, "kubectl and robots", k=2, collection=name,
                     mode="hybrid")
        assert body["mode"] == "hybrid" and "warning" not in body
        # int8 sees other neighbours in a batch: 0.01 of a distance
        assert [d for _, d in top(server, "kubectl and robots", k=2,
                                  collection=name)] == pytest.approx(
            [d for _, d in found], abs=0.03)


def half_way(server, papers_left):
    ready = server.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["vectors"] == (
        f"2 chunks and {papers_left} papers wait for vectors")
    for name in ("papers", "portfolio_documents"):
        reply = server.get("/query", params={"q": WORDS, "collection": name})
        assert reply.status_code == 503 and reply.headers["Retry-After"]
        assert "embedded again" in reply.json()["error"]
        assert "mode=keyword" in reply.json()["error"]
    # by words: all papers of the category, not only those embedded again
    where = {"where": json.dumps({"category": "robotics"})}
    words = {mode: query(server, "robot reinforcement", collection="papers",
                         mode=mode, k=100, **where)
             for mode in ("keyword", "hybrid")}
    assert words["hybrid"]["mode"] == "keyword"
    assert "embedded again" in words["hybrid"]["warning"]
    assert words["keyword"]["count"] == words["hybrid"]["count"] == 100
    numbers = [r["metadata"]["paper_id"]
               for r in words["keyword"]["results"]]
    assert len(set(numbers)) == 100
    reply = server.post("/ask", json={"question": "How is soup cooked?"})
    assert "embedded again" in reply.json()["warning"]
    assert reply.json()["sources"][0]["title"] == SOUP["title"]
    similar = server.json(f"/api/papers/{numbers[0]}/similar/")
    assert similar["method"] == "words"


def test_new_documents_meanwhile(make_lite, lite_database, model_dir):
    """A text that comes while all is embedded again is of the new model."""
    server = make_lite(model_dir=model_dir, services=ALL_SERVICES)
    add(server, SOUP)
    server.stop()
    make_foreign(server, lite_database)
    server.start()
    add(server, GUIDE)
    finished(server)
    assert top(server, "deploying to Kubernetes", k=1)[0][1] < 0.6
    found = query(server, "broth with vegetables", k=1)["results"][0]
    assert found["metadata"]["title"] == SOUP["title"]
