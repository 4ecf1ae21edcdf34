"""One paper: detail, similar ones, tombstone and restore; /api/stats/papers/
and /api/scraper-jobs/."""

import collections
import re

import pytest

from support import papers
from support.papers import call, paper


def first_id(server):
    return server.json("/api/papers/?page_size=1")["results"][0]["id"]


def test_detail(library):
    for row in library.all_papers()[:40:7]:
        for path in (f"/api/papers/{row['id']}/", f"/api/papers/{row['id']}"):
            detail = library.json(path)
            assert {key: detail[key] for key in row} == row


@pytest.mark.parametrize("path", [
    "/api/papers/99999999/", "/api/papers/0/",
    "/api/papers/9223372036854775807/"])
def test_unknown_paper(library, path):
    reply = library.get(path)
    assert reply.status_code == 404
    assert reply.content == b'{"detail":"Not found."}'


@pytest.mark.parametrize("path", [
    "/api/papers/x/", "/api/papers/-1/", "/api/papers/1.5/",
    "/api/papers/99999999999999999999/", "/api/papers/1%2f2/"])
def test_id_that_is_none(library, path):
    """Not an id: 404 as Django's routes give, or a 400 that says so."""
    assert library.get(path).status_code in (400, 404)


def test_tombstone_and_restore(sheaf):
    sheaf.delivered(call(papers.papers(1, 3)))
    row = sheaf.json("/api/papers/")["results"][1]
    where = f"/api/papers/{row['id']}/"
    gone = sheaf.delete(where)
    assert gone.status_code == 204 and gone.content == b""
    assert sheaf.get(where).status_code == 404
    listed = sheaf.json("/api/papers/")
    assert listed["count"] == 2
    assert row["id"] not in [p["id"] for p in listed["results"]]
    assert len(sheaf.all_papers()) == 2

    counts = sheaf.delivered(call([paper(2, version=5, title="Newer")]))
    assert (counts["papers_created"], counts["papers_updated"],
            counts["papers_unchanged"]) == (0, 1, 1)
    assert sheaf.json("/api/papers/")["count"] == 2
    sheaf.restart()
    assert sheaf.json("/api/papers/")["count"] == 2

    back = sheaf.post(where + "restore/")
    assert back.status_code == 200
    assert sheaf.json(where)["id"] == row["id"]
    assert sheaf.json("/api/papers/")["count"] == 3
    assert sheaf.json("/api/papers/?search=paper")["count"] == 3


def test_delete_and_restore_of_unknown(shared_lite):
    assert shared_lite.delete("/api/papers/99999999/").status_code == 404
    assert shared_lite.post(
        "/api/papers/99999999/restore/").status_code == 404


def test_delete_twice(lite):
    lite.delivered(call([paper(1)]))
    where = f"/api/papers/{first_id(lite)}/"
    assert lite.delete(where).status_code == 204
    assert lite.delete(where).status_code in (204, 404)
    assert lite.post(where + "restore").status_code == 200
    assert lite.post(where + "restore").status_code == 200
    assert lite.json("/api/papers/")["count"] == 1


def check_similar(library, k):
    rows = {p["source_id"]: p for p in library.all_papers()}
    zebra = rows["2501.90005"]
    reply = library.json(f"/api/papers/{zebra['id']}/similar/?k={k}")
    near = reply["results"]
    assert near[0]["source_id"] == "2501.90006"
    assert len(near) <= k
    assert zebra["id"] not in [p["id"] for p in near]
    llm = next(p for p in rows.values() if p["category"] == "llm")
    near = library.json(f"/api/papers/{llm['id']}/similar?k={k}")["results"]
    assert len(near) == k
    assert {p["category"] for p in near} == {"llm"}


def test_similar(library):
    check_similar(library, 3)


def test_similar_by_statistics(library, database):
    """Once PostgreSQL has looked at a small library, each word of it is in a
    large share of all papers."""
    if database.name != "sqlite":
        name = library.settings["database_url"].rsplit("/", 1)[1]
        database.cluster.sql("ANALYZE papers", name)
    check_similar(library, 5)  # another page: none that is kept


@pytest.mark.parametrize("k", ["0", "-1", "x", "100000"])
def test_bad_k(library, k):
    reply = library.get(f"/api/papers/{first_id(library)}/similar/?k={k}")
    assert reply.status_code == 400 and "k" in reply.text


def test_similar_of_unknown(library):
    assert library.get("/api/papers/99999999/similar/").status_code == 404


# -- stats --------------------------------------------------------------------

def as_counts(part, key):
    """A part of the stats, as {name: n}, from an object or a list of rows."""
    if isinstance(part, dict):
        return part
    return {row.get(key, row.get("name")): row.get("count", row.get("n"))
            for row in part}


def test_stats(library):
    stats = library.json("/api/stats/papers/")
    assert library.json("/api/stats/papers") == stats
    made = library.made
    by_name = {key.removeprefix("per_").removeprefix("by_"): value
               for key, value in stats.items()}
    category = next(v for k, v in by_name.items() if k.startswith("categor"))
    assert as_counts(category, "category") == collections.Counter(
        p["category"] for p in made)
    source = next(v for k, v in by_name.items() if k.startswith("source"))
    assert as_counts(source, "source") == {"arxiv": len(made)}
    day = next(v for k, v in by_name.items() if k.startswith("day"))
    days = collections.Counter(p["published_at"][:10] for p in made)
    counted = as_counts(day, "day")
    assert counted and all(days[d] == n for d, n in counted.items())
    tags = collections.Counter(tag for p in made for tag in p["tags"])
    assert as_counts(stats["tags"], "tag") == tags
    assert [t["count"] for t in stats["tags"]] == sorted(tags.values())[::-1]


def test_stats_follow_a_delete(sheaf):
    sheaf.delivered(call(papers.papers(1, 4)))
    before = sheaf.get("/api/stats/papers/").text
    sheaf.delete(f"/api/papers/{first_id(sheaf)}/")
    after = sheaf.get("/api/stats/papers/").text
    assert before != after


# -- scraper jobs -------------------------------------------------------------

def test_scraper_jobs(sheaf):
    for number in range(1, 6):
        sheaf.delivered(call(papers.papers(number, number),
                             f"arxiv-{number}"))
    listed = sheaf.json("/api/scraper-jobs/")
    assert listed["count"] == 5
    assert [r["job_id"] for r in listed["results"]] == [
        f"arxiv-{n}" for n in (5, 4, 3, 2, 1)]
    row = listed["results"][0]
    assert set(row) >= {"id", "job_id", "source", "status", "papers_found",
                        "start_time", "end_time"}
    assert (row["papers_found"], row["status"], row["source"]) \
        == (5, "completed", "arxiv")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", row["end_time"])
    assert sheaf.json(f"/api/scraper-jobs/{row['id']}") == row
    assert sheaf.json(f"/api/scraper-jobs/{row['id']}/") == row
    page = sheaf.json("/api/scraper-jobs/?page=2&page_size=2")
    assert [r["job_id"] for r in page["results"]] == ["arxiv-3", "arxiv-2"]
    assert page["previous"] == sheaf.url + "/api/scraper-jobs/?page_size=2"
    out = sheaf.get("/api/scraper-jobs/?page=9")
    assert out.status_code == 404
    assert out.content == b'{"detail":"Invalid page."}'


def test_unknown_scraper_job(shared_lite):
    reply = shared_lite.get("/api/scraper-jobs/99999999/")
    assert reply.status_code == 404
    assert reply.content == b'{"detail":"Not found."}'
