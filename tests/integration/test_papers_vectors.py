"""Papers as a collection: embedded by a job, found by meaning and by words."""

import json
import re

import pytest

from support.documents import ALL_SERVICES, GUIDE, add
from support.fake_arxiv import Entry
from support.papers import call, paper, papers
from support.sheaf import run_cli, scraping
from support.waiting import wait_until

ROBOT, SPEECH, SOUP = (
    paper(1, title="Grasping with robot hands",
          abstract="A robot learns to pick up fragile objects.",
          category="robotics", primary_category="cs.RO", version=1,
          published_at="2024-05-01T10:00:00Z"),
    paper(2, title="Speech recognition of whispers",
          abstract="We transcribe quiet voices with little audio data.",
          category="audio", primary_category="cs.SD", doi="10.1/whisper",
          published_at="2025-02-01T10:00:00Z"),
    paper(3, title="Cooking by large language models",
          abstract="A model writes recipes for soup and bread.",
          category="llm", primary_category="cs.CL",
          published_at="2025-06-01T10:00:00Z"))


def waiting(server):
    return server.get("/readyz").json()["checks"]["vectors"]


def all_embedded(server):
    wait_until(lambda: waiting(server) == "ok", timeout=60,
               what="vectors of everything")


def deliver(server, made, **kw):
    """By webhook; their ids by title, once all have a vector."""
    server.delivered(call(made, **kw))
    all_embedded(server)
    return {p["title"]: p["id"] for p in server.all_papers()}


def find(server, q, **params):
    reply = server.get("/query", params={"q": q, "collection": "papers",
                                         **params})
    assert reply.status_code == 200, reply.text
    return reply.json()


def titles(server, q, **params):
    return [r["metadata"]["title"]
            for r in find(server, q, **params)["results"]]


def embed_jobs(server):
    return [job for job in server.json("/jobs/")["results"]
            if job["kind"] == "embed"]


# -- found ----------------------------------------------------------------------

def test_scraped_papers_are_found_by_meaning(make_sheaf, model_dir, arxiv):
    arxiv.corpus = [Entry(id="2511.00001", title="Robot hands grasp things",
                          summary="A gripper learns to pick up objects."),
                    Entry(id="2511.00002", title="Sparse attention",
                          summary="A transformer that reads long texts.")]
    server = make_sheaf(model_dir=model_dir, services=ALL_SERVICES,
                        **scraping(arxiv))
    server.wait_counts(server.scrape(source="arxiv", days=7))
    all_embedded(server)
    best = find(server, "machines that seize an item", k=1)["results"][0]
    assert best["metadata"]["url"] == "https://arxiv.org/abs/2511.00001"
    assert best["text"] == ("Robot hands grasp things\n\n"
                            "A gripper learns to pick up objects.")
    assert 0 < best["distance"] < 1


def test_command(make_lite, model_dir, box):
    server = make_lite(model_dir=model_dir, services=ALL_SERVICES)
    deliver(server, [ROBOT, SPEECH, SOUP])
    done = run_cli("query", "people who talk softly", "--collection", "papers",
                   "--k", "1", "--data-dir", server.data_dir, home=box)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"1. {SPEECH['title']}  (distance 0.")


@pytest.mark.pgvector
def test_as_documented(desk):
    ids = deliver(desk, [ROBOT, SPEECH, SOUP])
    body = find(desk, "understanding people who talk softly", k=2)
    assert body["count"] == 2 and body["mode"] == "semantic"
    best = body["results"][0]
    number = ids[SPEECH["title"]]
    assert best["id"] == f"paper_{number}"
    assert best["text"] == f"{SPEECH['title']}\n\n{SPEECH['abstract']}"
    assert best["metadata"] == {
        "title": SPEECH["title"], "paper_id": number, "url": SPEECH["url"],
        "pdf_url": SPEECH["pdf_url"], "source": "arxiv",
        "source_id": SPEECH["source_id"], "version": 1, "category": "audio",
        "primary_category": "cs.SD", "authors": "Ann Author2, Bob Common",
        "published_at": "2025-02-01T10:00:00Z", "year": 2025,
        "published_unix": 1738404000,
        "updated_at": SPEECH["updated_at"], "relevance_score": 0.52,
        "doi": "10.1/whisper", "tags": SPEECH["tags"]}
    assert desk.json(best["link"])["id"] == number
    start, end = (best["highlight"][k] for k in ("start_char", "end_char"))
    assert best["text"][start:end] == best["highlight"]["text"]
    # the documents are another collection
    other = desk.json("/query", params={"q": "people who talk softly"})
    assert other["results"] == []


@pytest.mark.parametrize("mode", ["semantic", "keyword", "hybrid"])
def test_modes(desk, mode):
    deliver(desk, [ROBOT, SPEECH, SOUP])
    found = find(desk, "whispers of robots", k=3, mode=mode)["results"]
    assert {r["metadata"]["title"] for r in found[:2]} == {
        ROBOT["title"], SPEECH["title"]}
    assert len(found) == (2 if mode == "keyword" else 3)
    scores = [r["score"] for r in found]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.pgvector
@pytest.mark.parametrize("where,expected", [
    ({"category": "audio"}, {SPEECH["title"]}),
    ({"primary_category": {"$in": ["cs.RO", "cs.CL"]}},
     {ROBOT["title"], SOUP["title"]}),
    ({"year": {"$lt": 2025}}, {ROBOT["title"]}),
    ({"published_unix": {"$gte": 1740787200}}, {SOUP["title"]}),
    ({"published_at": "2025-06-01T10:00:00Z"}, {SOUP["title"]}),
    ({"$and": [{"source": "arxiv"}, {"doi": {"$ne": "10.1/whisper"}}]},
     {ROBOT["title"], SOUP["title"]}),
    ({"relevance_score": {"$gt": 0.515}}, {SPEECH["title"], SOUP["title"]}),
    ({"tags": "transformer"}, set()),  # a list is not to be filtered by
    ({"chunk_index": 0}, set()),
])
def test_where(desk, where, expected):
    deliver(desk, [ROBOT, SPEECH, SOUP])
    for mode in ("semantic", "hybrid"):
        found = titles(desk, "a model that learns", k=10, mode=mode,
                       where=json.dumps(where))
        assert set(found) == expected and len(found) == len(expected)
    words = titles(desk, "robot whispers recipes", k=10, mode="keyword",
                   where=json.dumps(where))
    assert set(words) == expected


def test_unknown_collection(desk):
    reply = desk.get("/query", params={"q": "x", "collection": "paper"})
    assert reply.status_code == 404
    assert reply.json()["error"] == ("no collection 'paper'; there are "
                                     "'portfolio_documents' and 'papers'")


# -- like a paper ---------------------------------------------------------------

def similar(server, number, **params):
    return server.json(f"/api/papers/{number}/similar/", params=params)


@pytest.mark.pgvector
def test_similar_by_vectors(desk):
    other = paper(4, title="A gripper for delicate things",
                  abstract="Machine fingers seize eggs without breaking them.",
                  authors=["Zoe Zed"])
    ids = deliver(desk, [ROBOT, SPEECH, SOUP, other])
    number = ids[ROBOT["title"]]
    body = similar(desk, number, k=2)
    assert body["method"] == "vectors" and body["count"] == 2
    first, second = body["results"]
    assert first["title"] == other["title"]  # it shares no rare word
    assert 1 > first["similarity"] > second["similarity"] > 0
    assert number not in [p["id"] for p in similar(desk, number)["results"]]
    # the cosine is the one that a search for its very text gives
    text = f"{ROBOT['title']}\n\n{ROBOT['abstract']}"
    exact = {r["metadata"]["paper_id"]: r["similarity"]
             for r in find(desk, text, k=4)["results"]}
    assert first["similarity"] == pytest.approx(exact[first["id"]], abs=0.02)

    desk.delete(f"/api/papers/{first['id']}/")
    assert similar(desk, number, k=1)["results"][0]["id"] == second["id"]
    for k in (0, 101, "x"):
        assert desk.get(f"/api/papers/{number}/similar/",
                        params={"k": k}).status_code == 400
    for gone in (first["id"], 99999):
        assert desk.get(f"/api/papers/{gone}/similar/").status_code == 404


def test_similar_by_words(make_sheaf):
    """The processor is not there: by the words that they share."""
    server = make_sheaf()
    server.delivered(call([ROBOT, SPEECH, paper(
        5, title="Another robot hand", abstract="Fragile robots.")]))
    number = server.all_papers(search="grasping")[0]["id"]
    body = similar(server, number, k=1)
    assert body["method"] == "words"
    assert body["results"][0]["title"] == "Another robot hand"


# -- changes --------------------------------------------------------------------

@pytest.mark.pgvector
def test_delete_and_restore(desk):
    ids = deliver(desk, [ROBOT, SPEECH, SOUP])
    number = ids[ROBOT["title"]]
    for where in ({}, {"where": json.dumps({"source": "arxiv"})}):
        assert titles(desk, "robot", k=1, **where) == [ROBOT["title"]]
    assert desk.delete(f"/api/papers/{number}/").status_code == 204
    for mode in ("semantic", "keyword", "hybrid"):
        for where in ({}, {"where": json.dumps({"source": "arxiv"})}):
            found = titles(desk, "robot", k=9, mode=mode, **where)
            assert ROBOT["title"] not in found
    assert desk.post(f"/api/papers/{number}/restore/").status_code == 200
    all_embedded(desk)
    assert titles(desk, "robot", k=1) == [ROBOT["title"]]


@pytest.mark.pgvector
def test_changed_papers(desk):
    """Another text: embedded again.  Other fields: filtered by at once."""
    deliver(desk, [ROBOT, SPEECH])
    where = {"where": json.dumps({"category": "robotics"})}
    assert titles(desk, "voices", **where) == [ROBOT["title"]]
    deliver(desk, [{**SPEECH, "version": 2, "category": "robotics"}])
    assert set(titles(desk, "voices", **where)) == {ROBOT["title"],
                                                    SPEECH["title"]}
    deliver(desk, [{**ROBOT, "version": 2, "title": "Volcanoes of Iceland",
                    "abstract": "Lava flows under a glacier."}])
    best = find(desk, "eruption of magma", k=1)["results"][0]
    assert best["metadata"]["title"] == "Volcanoes of Iceland"
    assert best["metadata"]["version"] == 2


# -- the job --------------------------------------------------------------------

def test_the_job(desk):
    assert embed_jobs(desk) == []
    deliver(desk, papers(1, 5))
    job, = embed_jobs(desk)
    done = desk.wait_job(job["job_id"])
    assert done["status"] == "completed" and done["progress"] == 100.0
    assert (done["embedded"], done["total"]) == (5, 5)
    assert re.fullmatch(r"embed-\d+(-\d+)?", done["job_id"])
    desk.delivered(call(papers(1, 5)))  # nothing new: no job
    assert len(embed_jobs(desk)) == 1


def test_never_two_at_once(desk):
    for start in range(0, 300, 30):
        desk.delivered(call(papers(start, 30), job_id=f"arxiv-{start}"))
        alive = [j for j in embed_jobs(desk)
                 if j["status"] in ("pending", "processing")]
        assert len(alive) <= 1
    all_embedded(desk)
    assert sum(desk.wait_job(j["job_id"])["embedded"]
               for j in embed_jobs(desk)) == 300


def test_kill_while_embedding(desk):
    """It goes on where it was: no vector is lost, none made twice."""
    made = papers(1, 600)
    desk.delivered(call(made))
    job = wait_until(lambda: next((j for j in embed_jobs(desk)
                                   if j["embedded"] > 0), None),
                     timeout=60, what="progress of the job")
    assert job["embedded"] < 600 and 0 < job["progress"] < 100
    desk.kill()
    desk.start()
    all_embedded(desk)
    after = desk.wait_job(job["job_id"])
    assert after["status"] == "completed" and after["progress"] == 100.0
    # the batch that was committed when its progress was not yet counts less
    assert 600 - 64 <= after["embedded"] == after["total"] <= 600
    find(desk, "robot", k=1)
    if not desk.copied:
        name = 'sheaf_index_vectors{collection="papers"}'
        wait_until(lambda: desk.metric(name) == 600 * desk.processes)


def test_cancel_and_retry(desk):
    desk.delivered(call(papers(1, 600)))
    job = wait_until(lambda: next((j for j in embed_jobs(desk)
                                   if j["embedded"] > 0), None),
                     timeout=60, what="progress of the job")
    desk.delete(f"/jobs/{job['job_id']}")
    ended = desk.wait_job(job["job_id"])
    assert ended["status"] == "cancelled" and ended["embedded"] < 600
    assert "papers wait for vectors" in waiting(desk)
    assert desk.get("/readyz").status_code == 200
    desk.post(f"/jobs/{job['job_id']}/retry")
    ended = desk.wait_job(job["job_id"], timeout=60)
    desk.settled()
    assert ended["status"] == "completed" and waiting(desk) == "ok"


def test_papers_from_before_the_processor(make_sheaf, model_dir):
    """Stored by a server without it; embedded when one with it starts."""
    server = make_sheaf()
    server.delivered(call([ROBOT, SPEECH]))
    job, = embed_jobs(server)
    assert job["status"] == "pending"
    server.delete(f"/jobs/{job['job_id']}")  # nor is the job needed
    server.stop()
    server.settings.update(services=ALL_SERVICES, model_dir=model_dir)
    server.start()
    all_embedded(server)
    assert titles(server, "quiet voices", k=1) == [SPEECH["title"]]


def test_split_services(make_sheaf, model_dir, postgresql, request):
    """The processor in another process, on the same database."""
    if request.getfixturevalue("database").name != "postgresql":
        pytest.skip("SQLite is of one process")
    backend = make_sheaf("backend", services="backend")
    processor = make_sheaf("processor", services="processor",
                           model_dir=model_dir, job_lease_ms=2000,
                           database_url=backend.settings["database_url"])
    backend.delivered(call([ROBOT, SPEECH, SOUP]))
    all_embedded(processor)
    assert titles(processor, "quiet voices", k=1) == [SPEECH["title"]]
    job, = embed_jobs(processor)  # the row may end after its last vector
    assert processor.wait_job(job["job_id"])["status"] == "completed"


# -- without the model ----------------------------------------------------------

def test_words_need_no_model(make_sheaf, box):
    server = make_sheaf.make("a", settings={
        "services": ALL_SERVICES, "model_dir": box / "nothing"}
        ).start(until="/healthz")
    server.delivered(call([ROBOT, SPEECH]))
    assert titles(server, "whispers", mode="keyword") == [SPEECH["title"]]
    for category, found in (("audio", [SPEECH["title"]]), ("llm", [])):
        assert titles(server, "whispers", mode="keyword", where=json.dumps(
            {"category": category})) == found
    body = find(server, "whispers", mode="hybrid")
    assert body["mode"] == "keyword" and body["count"] == 1
    assert "model" in body["warning"]
    reply = server.get("/query", params={"q": "whispers",
                                         "collection": "papers"})
    assert reply.status_code == 503 and reply.headers["Retry-After"]
    assert "scripts/fetch-model.sh" in reply.json()["error"]
    job = wait_until(lambda: next((j for j in embed_jobs(server)
                                   if j["next_attempt_at"]), None), 20,
                     what="a job that waits for the model")
    assert job["status"] == "pending" and "model" in job["error"]


# -- answers --------------------------------------------------------------------

def ask(server, question, **more):
    reply = server.post("/ask", json={"question": question, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.pgvector
def test_ask_over_documents_and_papers(desk):
    ids = deliver(desk, [ROBOT, SPEECH, SOUP])
    assert add(desk, GUIDE)["status"] == "completed"

    body = ask(desk, "Who transcribes quiet voices?", k=1)
    source, = body["sources"]
    assert body["grounded"] and "[1]" in body["answer"]
    assert source["title"] == SPEECH["title"]
    assert source["paper_id"] == ids[SPEECH["title"]]
    assert source["url"] == SPEECH["url"]
    assert source["document_id"] == f"paper_{source['paper_id']}"
    assert (source["start_char"], source["end_char"]) == (
        0, len(source["text"]))
    assert desk.json(source["link"])["title"] == SPEECH["title"]

    body = ask(desk, "How is an application deployed with kubectl?", k=1)
    assert body["sources"][0]["title"] == GUIDE["title"]
    assert "paper_id" not in body["sources"][0]

    both = ask(desk, "kubectl and quiet voices", k=4)["sources"]
    assert {GUIDE["title"], SPEECH["title"]} <= {s["title"] for s in both}
    for collection, wanted in (("papers", lambda s: "paper_id" in s),
                               ("portfolio_documents",
                                lambda s: "paper_id" not in s)):
        some = ask(desk, "kubectl and quiet voices", k=4,
                   collection=collection)["sources"]
        assert some and all(wanted(s) for s in some)
    some = ask(desk, "kubectl and quiet voices", k=4,
               where={"category": "audio"})["sources"]
    assert [s["title"] for s in some] == [SPEECH["title"]]
    reply = desk.post("/ask", json={"question": "x", "collection": "books"})
    assert reply.status_code == 404
