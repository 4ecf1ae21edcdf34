"""Vectors in pgvector: the same answers as from the index in memory, and the
way from one to the other."""

import json
import random

import pytest

from support.answers import QUESTIONS, condition, found, library, same
from support.documents import ALL_SERVICES, DATA, GUIDE, SOUP, add, documents
from support.waiting import wait_until


@pytest.fixture
def embedded(make_lite, model_dir):
    return make_lite(model_dir=model_dir, services=ALL_SERVICES)


@pytest.fixture
def in_pgvector(make_pgvector, model_dir):
    return make_pgvector("p", model_dir=model_dir, services=ALL_SERVICES)


def index_bytes(server):
    """Memory that searching costs; the library's only."""
    return server.metric('sheaf_index_bytes{collection="documents"}')


def test_the_same_answers(embedded, in_pgvector):
    for i, document in enumerate(library(random.Random(7))):
        for server in (embedded, in_pgvector):
            add(server, document)
        if i == 11:  # and documents that go
            for server in (embedded, in_pgvector):
                for d in documents(server)[:3]:
                    server.delete(f"/documents/{d['id']}")
    for question in QUESTIONS:
        for k in (1, 7, 100):
            same(found(embedded, question, k=k),
                 found(in_pgvector, question, k=k))
    if embedded.copied:  # a Chroma server finds them, and keeps the index
        assert index_bytes(embedded) == 0
    else:
        assert index_bytes(embedded) > 100000
    assert index_bytes(in_pgvector) == 0  # it keeps no index
    rng = random.Random()
    some = 0
    for i in range(150):
        where = json.dumps(condition(rng))
        question, k = rng.choice(QUESTIONS), rng.choice([1, 5, 100])
        mode = "hybrid" if i % 10 == 0 else "semantic"
        one = found(embedded, question, k=k, where=where, mode=mode)
        other = found(in_pgvector, question, k=k, where=where, mode=mode)
        try:
            if mode == "semantic":
                same(one, other)
            else:
                assert {r[:2] for r in one} == {r[:2] for r in other}
        except AssertionError:
            print(question, k, where)
            raise
        some += 0 < len(one) < k
    assert some > 5  # filters that let some through


def test_the_same_answers_over_real_pages(embedded, in_pgvector):
    pages = sorted((DATA / "documents" / "kubernetes-en").glob("*.md"))[:4]
    if not pages:
        pytest.skip(f"no recorded documents below {DATA}")
    for page in pages:
        for server in (embedded, in_pgvector):
            add(server, {"title": page.stem, "text": page.read_text()})
    for question in QUESTIONS:
        same(found(embedded, question, k=50),
             found(in_pgvector, question, k=50))
        where = json.dumps({"chunk_index": {"$lt": 2}})
        same(found(embedded, question, k=50, where=where),
             found(in_pgvector, question, k=50, where=where))


def column_type(pgvector, url):
    return pgvector.cluster.query(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'chunk_vectors'::regclass AND attname = 'vector'",
        url.rsplit("/", 1)[1])[0][0]


def test_there_and_back(make_pgvector, pgvector, in_pgvector):
    """Who sets it rewrites the vectors, who does not takes them as they are."""
    for document in (GUIDE, SOUP):
        add(in_pgvector, document)
    url = in_pgvector.settings["database_url"]
    want = found(in_pgvector, "soup")
    assert len(want) == 2
    assert column_type(pgvector, url) == "vector(384)"
    for setting, form in ((None, "vector(384)"), ("embedded", "bytea"),
                          (None, "bytea"), ("pgvector", "vector(384)")):
        in_pgvector.stop()
        in_pgvector.settings.pop("vectors", None)
        if setting:
            in_pgvector.settings["vectors"] = setting
        in_pgvector.start()
        same(want, found(in_pgvector, "soup"))
        assert column_type(pgvector, url) == form
        assert (index_bytes(in_pgvector) == 0) == (
            setting == "pgvector")


def test_two_processes(make_pgvector, in_pgvector, model_dir):
    """What one has taken in the other finds at once."""
    other = make_pgvector("q", model_dir=model_dir, services=ALL_SERVICES,
                          database_url=in_pgvector.settings["database_url"])
    add(in_pgvector, GUIDE)
    where = json.dumps({"category": "devops"})
    assert len(found(other, "kubernetes", where=where)) == 1
    add(other, SOUP)
    assert len(found(in_pgvector, "kubernetes")) == 2
    in_pgvector.delete(f"/documents/{documents(other)[-1]['id']}")
    assert found(other, "kubernetes", where=where) == []
    assert len(found(other, "kubernetes")) == 1


def test_vectors_of_another_model(in_pgvector, pgvector):
    """They are never found, and made again by who starts."""
    for document in (GUIDE, SOUP):
        add(in_pgvector, document)
    want = found(in_pgvector, "soup")
    database = in_pgvector.settings["database_url"].rsplit("/", 1)[1]
    pgvector.cluster.sql("UPDATE chunk_vectors SET model = 1", database)
    pgvector.cluster.sql("UPDATE vector_sets SET generation = generation + 1",
                         database)
    reply = in_pgvector.get("/query", params={"q": "soup"})
    assert reply.status_code == 503 and "2 of 2 passages" in reply.text
    assert len(found(in_pgvector, "soup", mode="keyword")) == 1
    in_pgvector.stop()
    in_pgvector.start()
    wait_until(lambda: in_pgvector.get("/query", params={"q": "soup"}
                                       ).status_code == 200, timeout=60)
    same(want, found(in_pgvector, "soup"))


def refusal(server):
    with pytest.raises(RuntimeError) as end:
        server.start()
    assert server.ended() == 1
    return str(end.value)


@pytest.mark.one_process("a start that fails")
def test_needs_postgresql(make_lite):
    assert "'database_url'" in refusal(
        make_lite.make(settings={"vectors": "pgvector"}))


@pytest.mark.one_process("a start that fails")
def test_needs_the_extension(make_pgvector, pgvector, postgresql):
    url = postgresql.create()
    if postgresql.cluster.query("SELECT 1 FROM pg_available_extensions"
                                " WHERE name = 'vector'",
                                url.rsplit("/", 1)[1]):
        pytest.skip("this PostgreSQL has pgvector")
    text = refusal(make_pgvector.make(database_url=url))
    assert "install the extension pgvector" in text
    postgresql.drop(url)


# -- the approximate index ------------------------------------------------------

def ways(server):
    """Searches of this process that were answered exactly, and by the index."""
    lines = dict(line.rsplit(" ", 1) for line in server.get("/metrics").text
                 .splitlines() if line.startswith("sheaf_vector_searches"))
    return [float(lines[f'sheaf_vector_searches_total{{way="{way}"}}'])
            for way in ("exact", "hnsw")]


def index_jobs(server, **params):
    return server.json("/jobs/", params={"kind": "index", **params})["results"]


@pytest.mark.one_process("counts what one process does")
@pytest.mark.timeout(180)
def test_large_collections_get_an_index(embedded, make_pgvector, model_dir):
    server = make_pgvector("p", model_dir=model_dir, services=ALL_SERVICES,
                           hnsw_from=60)
    for document in library(random.Random(11)):
        for one in (embedded, server):
            add(one, document)
    done = wait_until(lambda: index_jobs(server, status="completed"), 60)
    assert [(j["collection"], j["progress"]) for j in done] == [
        ("portfolio_documents", 100)]
    exact, hnsw = ways(server)
    for question in QUESTIONS:
        same(found(embedded, question, k=7), found(server, question, k=7))
    assert ways(server) == [exact, hnsw + len(QUESTIONS)]
    # with a filter exactly
    where = json.dumps({"lang": "en"})
    for question in QUESTIONS:
        same(found(embedded, question, k=7, where=where),
             found(server, question, k=7, where=where))
    assert ways(server) == [exact + len(QUESTIONS), hnsw + len(QUESTIONS)]
    # what is deleted is not found, and never fewer than there are
    for one in (embedded, server):
        for d in documents(one)[2:]:
            one.delete(f"/documents/{d['id']}")
    few = found(server, "pods", k=100)
    same(found(embedded, "pods", k=100), few)
    assert 0 < len(few) < 100
    # the way back takes the index along
    server.stop()
    server.settings["vectors"] = "embedded"
    server.start()
    same(found(embedded, "pods", k=100), found(server, "pods", k=100))


@pytest.mark.one_process("kills who makes the index")
@pytest.mark.timeout(180)
def test_index_job_is_cancelled_and_killed(make_pgvector, pgvector, model_dir):
    """Making it waits for an old transaction; meanwhile it is given up, left
    alone by a process that makes none, begun again, and its process killed."""
    url = make_pgvector.database.create()
    make_pgvector.urls.append(url)
    name = url.rsplit("/", 1)[1]
    server = make_pgvector("p", database_url=url, model_dir=model_dir,
                           services=ALL_SERVICES, hnsw_from=5,
                           job_lease_ms=2000)

    def ask(sql):
        return pgvector.cluster.query(sql, name)

    def waits():
        return ask("SELECT count(*) FROM pg_stat_activity WHERE"
                   " wait_event_type = 'Lock' AND datname = current_database()"
                   " AND query LIKE '%INDEX CONCURRENTLY%'") == [["1"]]

    def is_whole():
        return ask("SELECT indisvalid FROM pg_index WHERE indexrelid ="
                   " to_regclass('chunk_vectors_hnsw')") == [["t"]]

    with pgvector.cluster.session(name) as old:
        old("BEGIN; LOCK TABLE chunk_vectors IN ROW EXCLUSIVE MODE;")
        add(server, {"title": "A", "text": "A Pod shares storage. " * 100,
                     "chunk_size": 150, "chunk_overlap": 0})
        wait_until(waits)
        job, = index_jobs(server)
        server.delete(f"/jobs/{job['job_id']}")
        assert server.wait_job(job["job_id"])["status"] == "cancelled"
        assert not is_whole()
        assert len(found(server, "pods", k=3)) == 3  # exactly, meanwhile
        server.stop()
        exact = make_pgvector("x", database_url=url, model_dir=model_dir,
                              services=ALL_SERVICES, hnsw_from=0)
        assert exact.post(f"/jobs/{job['job_id']}/retry").ok
        add(exact, GUIDE)
        assert exact.job(job["job_id"])["status"] == "pending"
        exact.stop()
        server.start()
        wait_until(waits)
        server.kill()
        server.start()
        old("COMMIT;")
    assert server.wait_job(job["job_id"], 60)["status"] == "completed"
    assert is_whole()
    assert len(index_jobs(server)) == 1
