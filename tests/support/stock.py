"""A server with something of everything, and all that readers see of it."""

from . import papers
from .documents import GUIDE, SOUP, add, query

QUESTIONS = ("how to deploy to kubernetes", "what is in the soup")


def fill(server, count=150):
    """Papers, one of them deleted, marks, a saved search, a schedule, views;
    documents if the server has a processor."""
    for start in range(0, count, 50):
        server.delivered(papers.call(papers.papers(start, 50),
                                     job_id=f"arxiv-{start}"))
    rows = server.json("/api/papers/")["results"]
    server.patch(f"/api/papers/{rows[0]['id']}/marks/",
                 json={"starred": True, "note": "**See** 看"})
    assert server.delete(f"/api/papers/{rows[1]['id']}/").status_code == 204
    reply = server.post("/api/searches/", json={
        "name": "agents", "filters": {"search": "agents"}})
    assert reply.status_code == 201, reply.text
    if "processor" in server.settings["services"]:
        for document in (GUIDE, SOUP):
            assert add(server, document)["status"] == "completed"


def without(value, *names):
    if isinstance(value, dict):
        return {key: without(part, *names) for key, part in value.items()
                if key not in names}
    if isinstance(value, list):
        return [without(part, *names) for part in value]
    return value


def round_scores(value):
    """Sums of floats differ in their last digits between indexes."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: round_scores(part) for key, part in value.items()}
    if isinstance(value, list):
        return [round_scores(part) for part in value]
    return value


def answers(server):
    """What a reader is told, without addresses and times of answering."""
    first = server.json("/api/papers/", params={"page_size": 3})
    seen = {
        "papers": sorted(server.all_papers(), key=lambda row: row["id"]),
        "by title": [row["id"] for row in server.json(
            "/api/papers/", params={"ordering": "title"})["results"]],
        "count": first["count"],
        "words": [row["id"] for row in server.json(
            "/api/papers/", params={"search": "retrieval",
                                    "page_size": 100})["results"]],
        "tag": server.json("/api/papers/", params={"tag": "tag1"})["count"],
        "starred": server.json("/api/papers/",
                               params={"starred": "true"})["results"],
        "paper": server.json(f"/api/papers/{first['results'][0]['id']}/"),
        "stats": server.json("/api/stats/papers/"),
        "searches": server.json("/api/searches/"),
        "scraper jobs": server.json("/api/scraper-jobs/")["results"],
    }
    if "processor" in server.settings["services"]:
        seen["documents"] = server.json("/documents/")
        seen["jobs"] = server.json("/jobs/", params={"kind": "process"})
        for question in QUESTIONS:
            seen[question] = query(server, question)
    return round_scores(without(seen, "next", "previous", "took_ms"))
