"""Documents over HTTP: the drawing's examples, ingestion, search."""

import json
import random
import threading
import time

import pytest

from support.documents import (DATA, GUIDE, SOUP, add, chunks, documents,
                               ended, query, send, without_model)
from support.sheaf import run_cli
from support.waiting import wait_until


# -- as drawn -------------------------------------------------------------------

@pytest.mark.pgvector
def test_drawn_flow(desk):
    job = add(desk, GUIDE)
    assert job["status"] == "completed" and job["progress"] == 100.0
    assert job["chunks_processed"] == job["total_chunks"] == 1
    assert add(desk, SOUP)["status"] == "completed"
    body = query(desk, "how to deploy to kubernetes", k=3)
    assert body["query"] == "how to deploy to kubernetes"
    assert body["count"] == len(body["results"]) == 2
    best, other = body["results"]
    assert best["id"] == f"{job['document_id']}_chunk_0"
    assert best["text"] == GUIDE["text"]
    assert best["metadata"] == {
        **GUIDE["metadata"], "title": "Kubernetes Guide", "chunk_index": 0,
        "start_char": 0, "end_char": len(GUIDE["text"]),
        "document_id": job["document_id"], "job_id": job["job_id"]}
    assert 0 < best["distance"] < 0.6 < other["distance"]
    assert best["similarity"] == pytest.approx(1 - best["distance"])
    assert "Deployment manifest" in best["highlight"]["text"]
    start, end = (best["highlight"][k] for k in ("start_char", "end_char"))
    assert GUIDE["text"][start:end] == best["highlight"]["text"]
    assert body["metric"] == "cosine" and body["took_ms"]["total"] > 0


def test_drawn_chunks(desk):
    """5,000 characters without a boundary: the drawing's six chunks."""
    text = "abcdefghij" * 500
    job = add(desk, {"title": "K8s", "text": text})
    assert job["chunks_processed"] == job["total_chunks"] == 6
    found = chunks(desk, job["document_id"])
    assert [(c["metadata"]["start_char"], c["metadata"]["end_char"])
            for c in found] == [
        (0, 1000), (800, 1800), (1600, 2600), (2400, 3400), (3200, 4200),
        (4000, 5000)]
    for c in found:
        assert c["text"] == text[c["metadata"]["start_char"]:
                                 c["metadata"]["end_char"]]


@pytest.mark.pgvector
def test_long_chunks_are_embedded_in_parts(desk):
    """A thousand characters are a thousand tokens here; the model sees 254."""
    job = add(desk, {"title": "Han", "text": "漢字文字" * 600})
    assert all(c["metadata"]["embedded_in_parts"]
               for c in chunks(desk, job["document_id"]))


def test_kubernetes_pages(desk):
    pages = sorted((DATA / "documents" / "kubernetes-en").glob("*.md"))
    if not pages:
        pytest.skip(f"no recorded documents below {DATA}")
    for page in pages[:12]:
        job = add(desk, {"title": page.stem, "text": page.read_text(),
                         "metadata": {"source": page.name}}, wait=False)
    for page in pages[:12]:
        wait_until(lambda: len(documents(desk)) == len(pages[:12]),
                   timeout=120)
    texts = {p.name: p.read_text() for p in pages[:12]}
    body = query(desk, "how do pods and containers share resources", k=10)
    assert body["count"] == 10
    distances = [r["distance"] for r in body["results"]]
    assert distances == sorted(distances)
    for r in body["results"]:
        m = r["metadata"]
        assert r["text"] == texts[m["source"]][m["start_char"]:m["end_char"]]
    assert ended(desk, job)["status"] == "completed"


def test_links(desk):
    """Each result leads to its place in the document."""
    text = "".join(f"Satz {i}: Größe \N{GRINNING FACE}. " for i in range(300))
    job = add(desk, {"title": "Long", "text": text})
    for r in query(desk, "Größe", k=3)["results"]:
        m = r["metadata"]
        seen = desk.get(r["link"]).json()
        assert seen["text"] == r["text"] == text[m["start_char"]:m["end_char"]]
        assert seen["document_id"] == job["document_id"]
        assert (seen["start_char"], seen["end_char"]) == (m["start_char"],
                                                          m["end_char"])
        assert seen["chars"] == len(text) and "page" not in seen
    path = f"/documents/{job['document_id']}/text"
    seen = desk.get(path, params={"from": 10, "to": 20, "context": 15}).json()
    assert (seen["before"], seen["text"], seen["after"]) == (
        text[:10], text[10:20], text[20:35])
    whole, link = "", path + "?from=0&to=1000"
    while link:
        seen = desk.get(link).json()
        whole, link = whole + seen["text"], seen["next"]
    assert whole == text
    assert desk.get(path).json()["text"] == text
    assert desk.get(path, params={"from": len(text)}).json()["text"] == ""
    for params, field in [({"from": len(text) + 1}, "from"),
                          ({"from": 5, "to": 4}, "to"), ({"from": -1}, "from"),
                          ({"from": "x"}, "from"), ({"to": 1000001}, "to"),
                          ({"context": 10001}, "context"), ({"at": 1}, "at")]:
        reply = desk.get(path, params=params)
        assert reply.status_code == 400 and field in reply.text
    assert desk.get("/documents/doc-0/text").status_code == 404


def test_list_in_order(desk):
    for title, text in (("beta", "b " * 40), ("Alpha", "a"), ("gamma 50%", "c")):
        add(desk, {"title": title, "text": text})

    def titles(**params):
        return [d["title"] for d in
                desk.get("/documents/", params=params).json()["results"]]

    assert titles() == ["gamma 50%", "Alpha", "beta"]
    assert titles(ordering="updated_at") == ["beta", "Alpha", "gamma 50%"]
    assert titles(ordering="title") == ["Alpha", "beta", "gamma 50%"]
    assert titles(ordering="-title") == ["gamma 50%", "beta", "Alpha"]
    assert titles(ordering="-bytes")[0] == "beta"
    assert titles(search="ALPHA") == ["Alpha"]
    assert titles(search="0%") == ["gamma 50%"]
    assert titles(search="delta") == []
    for params in ({"ordering": "size"}, {"search": ""}, {"search": "x" * 201}):
        reply = desk.get("/documents/", params=params)
        assert reply.status_code == 400
        assert reply.json()["detail"]["field"] in params


def test_outline(desk):
    """Headings of a Markdown text, and the range of each chunk."""
    text = "".join(f"# Kapitel {i} \N{GRINNING FACE}\n\n" + f"Satz {i}. " * 80
                   + "\n\n## Teil\n\n```\n# kein Kapitel\n```\n\n"
                   for i in range(4))
    job = send(desk, "buch.md", f"---\ntitle: Buch\n---\n{text}")
    path = f"/documents/{job['document_id']}"
    seen = desk.get(f"{path}/outline").json()
    whole = desk.get(f"{path}/text").json()["text"]
    assert seen["document_id"] == job["document_id"]
    assert seen["chars"] == len(whole) and seen["pages"] == []
    assert [(h["level"], h["title"]) for h in seen["headings"]] == [
        pair for i in range(4)
        for pair in ((1, f"Kapitel {i} \N{GRINNING FACE}"), (2, "Teil"))]
    for heading in seen["headings"]:
        line = "#" * heading["level"] + " " + heading["title"]
        assert whole[heading["start_char"]:].startswith(line)
    listed = chunks(desk, job["document_id"])
    assert seen["chunks"] == [[c["metadata"]["start_char"],
                               c["metadata"]["end_char"]] for c in listed]
    assert desk.get("/documents/doc-0/outline").status_code == 404


def test_outline_without_headings(desk):
    """A text that nobody called Markdown has none, whatever it looks like."""
    job = add(desk, {"title": "Log", "text": "# not a heading\n"})
    seen = desk.get(f"/documents/{job['document_id']}/outline").json()
    assert seen["headings"] == seen["pages"] == []
    assert seen["chunks"] == [[0, 16]]


# -- modes and filters ---------------------------------------------------------

@pytest.fixture
def stocked(desk):
    for document in (GUIDE, SOUP):
        assert add(desk, document)["status"] == "completed"
    return desk


@pytest.mark.pgvector
@pytest.mark.parametrize("mode", ["semantic", "keyword", "hybrid"])
def test_modes(stocked, mode):
    body = query(stocked, "simmering carrots", mode=mode)
    assert body["results"][0]["metadata"]["title"] == "Soup"
    assert body["mode"] == mode


def test_keyword_finds_by_words_only(stocked):
    assert query(stocked, "zebra", mode="keyword")["results"] == []
    found = query(stocked, "KUBECTL", mode="keyword")["results"]
    assert [r["metadata"]["title"] for r in found] == ["Kubernetes Guide"]
    assert found[0]["distance"] is None and found[0]["score"] > 0


@pytest.mark.parametrize("mode", ["semantic", "keyword", "hybrid"])
@pytest.mark.parametrize("where,titles", [
    ({"author": "Ann"}, {"Soup"}),
    ({"year": {"$gte": 2025}}, {"Kubernetes Guide"}),
    ({"$or": [{"author": "Ann"}, {"category": "devops"}]},
     {"Soup", "Kubernetes Guide"}),
    ({"author": {"$nin": ["Ann", "Vasu"]}}, set()),
    ({"title": "Soup"}, {"Soup"}),
    ({"chunk_index": {"$gt": 0}}, set()),
])
def test_where(stocked, mode, where, titles):
    body = query(stocked, "kubernetes pods soup bread", mode=mode, k=10,
                 where=json.dumps(where))
    assert {r["metadata"]["title"] for r in body["results"]} == titles


@pytest.mark.parametrize("params,field", [
    ({}, "q"), ({"q": ""}, "q"), ({"q": "  "}, "q"),
    ({"q": "a", "k": 0}, "k"), ({"q": "a", "k": -1}, "k"),
    ({"q": "a", "k": 101}, "k"), ({"q": "a", "k": "many"}, "k"),
    ({"q": "a", "mode": "best"}, "mode"),
    ({"q": "a", "where": "{"}, "where"),
    ({"q": "a", "where": "[]"}, "where"),
    ({"q": "a", "where": '{"a":{"$near":1}}'}, "where"),
    ({"q": "a", "where": '{"$and":[]}'}, "where"),
    ({"q": "a", "wher": "{}"}, "wher"),
])
def test_bad_queries(desk, params, field):
    reply = desk.get("/query", params=params)
    assert reply.status_code == 400, reply.text
    assert field in reply.text


def test_unknown_collection(desk):
    reply = desk.get("/query", params={"q": "a", "collection": "nothing"})
    assert reply.status_code == 404
    assert "nothing" in reply.text


# -- what comes in -------------------------------------------------------------

@pytest.mark.parametrize("change,field", [
    ({"text": ""}, "text"), ({"text": " \n\t"}, "text"), ({"text": 7}, "text"),
    ({"text": None}, "text"), ({"title": ""}, "title"),
    ({"metadata": []}, "metadata"), ({"metadata": "x"}, "metadata"),
    ({"metadata": {"a": {"b": 1}}}, "metadata.a"),
    ({"metadata": {str(i): i for i in range(10000)}}, "metadata"),
    ({"chunk_size": 10}, "chunk_size"), ({"chunk_overlap": -1}, "chunk_overlap"),
    ({"chunk_size": 1000, "chunk_overlap": 900}, "chunk_overlap"),
    ({"color": "red"}, "color"),
])
def test_bad_documents(desk, change, field):
    reply = desk.post("/process/text", json={**GUIDE, **change})
    assert reply.status_code == 400, (reply.status_code, reply.text)
    assert field in reply.text
    assert documents(desk) == []


def test_too_many_chunks(desk):
    job = add(desk, {"title": "x", "text": "a" * 14000000,
                     "chunk_size": 101, "chunk_overlap": 0})
    assert job["status"] == "failed" and "chunk_overlap" in job["error"]
    assert documents(desk) == []


@pytest.mark.pgvector
def test_duplicate(desk):
    document = {**GUIDE, "metadata": {"source": "guide.md"}}
    first = add(desk, document)
    again = add(desk, document)
    assert again["status"] == "completed"
    assert again["duplicate_of"] == first["document_id"]
    assert len(documents(desk)) == 1


@pytest.mark.pgvector
def test_changed_document_replaces_the_old(desk):
    source = {"source": "guide.md"}
    first = add(desk, {**GUIDE, "metadata": source})
    second = add(desk, {"title": "Guide 2", "text": SOUP["text"],
                        "metadata": source})
    assert second["document_id"] == first["document_id"]
    assert [d["title"] for d in documents(desk)] == ["Guide 2"]
    assert [r["metadata"]["title"] for r in query(desk, "kubernetes", k=10)[
        "results"]] == ["Guide 2"]


@pytest.mark.pgvector
def test_delete(stocked):
    for document in documents(stocked):
        assert stocked.delete(
            f"/documents/{document['id']}").status_code == 204
        assert stocked.get(f"/documents/{document['id']}").status_code == 404
        left = {d["title"] for d in documents(stocked)}
        for mode in ("semantic", "keyword", "hybrid"):
            found = query(stocked, "kubernetes soup", mode=mode, k=10)
            assert {r["metadata"]["title"] for r in found["results"]} <= left
    assert query(stocked, "kubernetes")["results"] == []


def test_any_text(desk):
    """What is odd is stored as it is, and found."""
    for i, text in enumerate(["\N{GRINNING FACE}", "\u0301" * 3000,
                              "漢字" * 2000, "a" * 100000,
                              "\u202eabc \u200b def " * 300]):
        job = add(desk, {"title": f"odd {i}", "text": text})
        assert job["status"] == "completed", job
    assert query(desk, "漢字", k=100)["count"] > 0


# -- faults --------------------------------------------------------------------

def long_text(seed, words=60000):
    rng = random.Random(seed)
    return " ".join(rng.choice(["pod", "node", "service", "volume", "soup",
                                "paper", "vector", "answer."])
                    for _ in range(words))


@pytest.mark.pgvector
def test_cancel(desk):
    name = add(desk, {"title": "long", "text": long_text(1)}, wait=False)
    wait_until(lambda: desk.get(f"/jobs/{name}").json()["chunks_processed"],
               timeout=30)
    assert desk.delete(f"/jobs/{name}").status_code == 202
    assert ended(desk, name)["status"] == "cancelled"
    assert documents(desk) == []
    assert query(desk, "soup")["results"] == []


@pytest.mark.pgvector
def test_query_while_ingesting(desk):
    add(desk, GUIDE)
    stop = threading.Event()
    answers = []

    def ask():
        while not stop.is_set():
            answers.append(query(desk, "kubernetes", k=5)["count"])

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for i in range(3):
            add(desk, {"title": f"long {i}", "text": long_text(i, 3000)})
    finally:
        stop.set()
        thread.join()
    assert len(answers) > 3
    assert set(answers) <= {1, 2, 3, 4, 5}


def test_without_model(make_lite, box):
    server = without_model(make_lite, box)
    name = add(server, GUIDE, wait=False)
    reply = server.get("/query", params={"q": "kubernetes"})
    assert reply.status_code == 503
    job = server.get(f"/jobs/{name}").json()
    assert job["status"] in ("pending", "processing")


# -- commands ------------------------------------------------------------------

def test_commands(sheaf_bin, box, model_dir):
    """Without a server they serve themselves."""
    def cli(*args, status=0):
        done = run_cli(*args, "--data-dir", box / "data", home=box,
                       SHEAF_MODEL_DIR=str(model_dir))
        assert done.returncode == status, done.stderr
        return done

    notes = box / "notes"
    (notes / "more").mkdir(parents=True)
    (notes / "guide.md").write_text(f"# Guide\n\n{GUIDE['text']}\n")
    (notes / "more" / "soup.html").write_text(
        f"<html><title>Soup</title><nav>menu</nav><p>{SOUP['text']}</p>")
    (notes / "empty.txt").write_text(" ")
    (notes / ".hidden").write_text("secret")
    done = cli("ingest", notes, status=1)
    assert "2 added, 0 known, 1 failed; 2 chunks" in done.stdout
    assert "empty.txt" in done.stderr
    assert "1 known" in cli("ingest", notes / "guide.md").stdout
    listed = cli("docs").stdout
    assert "Guide" in listed and "Soup" in listed and "secret" not in listed
    found = cli("query", "how to deploy to kubernetes").stdout
    assert found.startswith("1. Guide") and "write a Deployment" in found
    rows = json.loads(cli("docs", "--json").stdout)["results"]
    soup = next(r for r in rows if r["title"] == "Soup")
    assert soup["source"].endswith("soup.html")
    assert soup["metadata"]["type"] == "html"
    cli("docs", "rm", soup["id"])
    assert "no document" in cli("docs", "show", soup["id"], status=1).stderr
    assert "Soup" not in cli("docs").stdout
    cli("query", status=2)
    cli("query", "x", "--mode", "best", status=1)
