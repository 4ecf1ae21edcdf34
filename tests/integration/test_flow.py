"""The drawn way, end to end: POST /scrape -> job -> Atom -> categorise, score,
tag -> outbox -> real HTTP webhook -> one transaction -> GET /api/papers/."""

import re
import time

import pytest

from support import fake_arxiv
from support.fake_arxiv import Entry
from support.sheaf import scraping

DRAWN = {"source": "arxiv", "days": 7, "max_results": 50, "category": "llm"}

PAPER_FIELDS = {"id", "title", "abstract", "authors", "url", "source",
                "source_id", "category", "relevance_score", "tags",
                "published_at", "created_at", "updated_at"}


def corpus():
    """Sixty papers, of which every second is about language models."""
    made = []
    for number in range(60):
        llm = number % 2 == 0
        made.append(Entry(
            id=f"2511.{number:05d}",
            title=(f"GPT and the large language model, part {number}" if llm
                   else f"Image segmentation for street scenes {number}"),
            summary=("We fine-tune an LLM with attention in a transformer."
                     if llm else "Object detection in images by vision."),
            authors=(f"Ann Author{number}", "Bob Common"),
            categories=("cs.AI", "cs.LG"), age_days=number / 10,
            comment="12 pages" if number % 4 == 0 else None))
    return made


def test_drawn_flow(scraper, arxiv):
    arxiv.corpus = corpus()
    before = int(time.time())
    reply = scraper.post("/scrape", json=DRAWN)
    assert reply.status_code == 202
    accepted = reply.json()
    assert accepted["status"] == "running"
    number = re.fullmatch(r"arxiv-(\d+)", accepted["job_id"])
    assert number and before <= int(number[1]) <= time.time()

    job = scraper.wait_counts(accepted["job_id"])
    assert job["kind"] == "scrape"
    assert job["papers_found"] == 30
    assert (job["papers_created"], job["papers_updated"]) == (30, 0)
    assert job["progress"] == 100.0
    assert job["error"] is None

    listed = scraper.json("/api/papers/", params={"page_size": 100})
    assert listed["count"] == 30
    assert listed["next"] is None and listed["previous"] is None
    newest = listed["results"][0]
    assert PAPER_FIELDS <= set(newest)
    assert newest["title"] == "GPT and the large language model, part 0"
    assert newest["abstract"].startswith("We fine-tune an LLM")
    assert newest["authors"] == "Ann Author0, Bob Common"
    assert newest["author_list"] == ["Ann Author0", "Bob Common"]
    assert newest["url"] == "https://arxiv.org/abs/2511.00000"
    assert newest["source"] == "arxiv"
    assert newest["source_id"] == "2511.00000"
    assert newest["category"] == "llm"
    assert {"transformer", "attention"} <= set(newest["tags"])
    assert 0.5 < newest["relevance_score"] <= 1
    assert {p["category"] for p in listed["results"]} == {"llm"}


def test_query_is_the_drawn_one(scraper, arxiv):
    arxiv.corpus = corpus()
    scraper.wait_job(scraper.scrape(**DRAWN))
    asked = arxiv.requests[0].params
    query = asked["search_query"]
    assert "cat:cs.AI" in query and "cat:cs.LG" in query
    assert asked["sortBy"] == "submittedDate"
    assert asked["sortOrder"] == "descending"
    span = re.search(r"submittedDate:\[(\d{12,14}) TO (\d{12,14})\]", query)
    assert span, query
    day = time.strftime("%Y%m%d", time.gmtime(time.time() - 7 * 86400))
    assert span[1].startswith(day)


def test_second_scrape_updates_and_creates_none(scraper, arxiv):
    arxiv.corpus = corpus()
    first = scraper.wait_counts(scraper.scrape(**DRAWN))
    second = scraper.wait_counts(scraper.scrape(**DRAWN))
    assert second["job_id"] != first["job_id"]
    assert second["papers_found"] == 30
    assert (second["papers_created"], second["papers_updated"]) == (0, 30)
    assert scraper.json("/api/papers/")["count"] == 30


def test_scrapes_are_in_scraper_jobs(scraper, arxiv):
    arxiv.corpus = corpus()
    job_id = scraper.scrape(**DRAWN)
    scraper.wait_counts(job_id)
    listed = scraper.json("/api/scraper-jobs/")
    assert listed["count"] == 1
    row = listed["results"][0]
    assert row["job_id"] == job_id and row["source"] == "arxiv"
    assert row["status"] == "completed" and row["papers_found"] == 30
    assert row["end_time"] >= row["start_time"]
    assert scraper.json(f"/api/scraper-jobs/{row['id']}/") == row


def test_latest_results_of_the_scraper(scraper, arxiv):
    arxiv.corpus = corpus()
    scraper.wait_job(scraper.scrape(**DRAWN))
    latest = scraper.json("/papers", params={"limit": 7})
    assert latest["count"] == len(latest["papers"])
    assert len(latest["papers"]) == 7
    first = latest["papers"][0]
    assert isinstance(first["authors"], list)
    assert first["version"] == 1
    assert first["pdf_url"].startswith("https://arxiv.org/pdf/2511.")
    assert first["primary_category"] == "cs.AI"
    assert first["arxiv_categories"] == ["cs.AI", "cs.LG"]


def test_relevance_explains_itself(scraper, arxiv):
    arxiv.corpus = [Entry("2511.00001", "A large language model", "Nothing.",
                          age_days=0.01),
                    Entry("2511.00002", "A large language model", "Nothing.",
                          age_days=40)]
    scraper.wait_job(scraper.scrape(days=60, category="llm"))
    fresh, stale = sorted(scraper.json("/papers")["papers"],
                          key=lambda p: p["source_id"])
    gain = fresh["relevance_score"] - stale["relevance_score"]
    assert gain == pytest.approx(0.2, abs=0.011)
    parts = [value for value in fresh["relevance"].values()
             if isinstance(value, (int, float))]
    assert len(parts) >= 3, fresh["relevance"]
    assert round(fresh["relevance_score"], 2) == fresh["relevance_score"]


def test_both_layouts_give_the_same_papers(make_lite, arxiv):
    arxiv.corpus = corpus()[:20]
    seen = []
    for layout in ("old", "new"):
        arxiv.layout = layout
        server = make_lite(layout, **scraping(arxiv))
        server.wait_counts(server.scrape(category="all"))
        seen.append([{key: paper[key] for key in (
            "title", "abstract", "authors", "url", "category", "tags",
            "source_id", "comment", "primary_category")}
            for paper in server.all_papers(ordering="title")])
    assert len(seen[0]) == 20
    assert seen[0] == seen[1]


@pytest.mark.parametrize("category,archive", [
    ("cv", "cs.CV"), ("nlp", "cs.CL"), ("robotics", "cs.RO")])
def test_category_chooses_the_archive(lite_scraper, arxiv, category, archive):
    lite_scraper.wait_job(lite_scraper.scrape(category=category))
    query = arxiv.requests[0].params["search_query"]
    assert f"cat:{archive}" in query
    assert "cat:cs.AI" not in query and "cat:cs.LG" not in query


def test_archives_and_words_of_the_caller(lite_scraper, arxiv):
    arxiv.corpus = [Entry("2511.00001", categories=("math.NT",)),
                    Entry("2511.00002", categories=("cs.AI",))]
    job = lite_scraper.wait_counts(lite_scraper.scrape(
        arxiv_categories=["math.NT", "math.AG"], query="modular forms"))
    query = arxiv.requests[0].params["search_query"]
    assert "cat:math.NT" in query and "cat:math.AG" in query
    assert "cs.AI" not in query
    assert "modular" in query and "forms" in query
    assert job["papers_found"] == 1


def test_max_results_counts_kept_papers(lite_scraper, arxiv):
    arxiv.corpus = corpus()
    job = lite_scraper.wait_counts(
        lite_scraper.scrape(category="llm", max_results=20))
    assert job["papers_found"] == 20
    assert lite_scraper.json("/api/papers/")["count"] == 20


def test_pages_are_followed(lite_scraper, arxiv):
    arxiv.corpus = [Entry(f"2511.{n:05d}", f"Paper {n} on LLMs",
                          age_days=n / 1000) for n in range(700)]
    job = lite_scraper.wait_counts(
        lite_scraper.scrape(category="all", max_results=700))
    assert job["papers_found"] == 700
    starts = [int(r.params["start"]) for r in arxiv.requests]
    assert starts == sorted(set(starts)) and len(starts) > 1
    assert lite_scraper.json("/api/papers/")["count"] == 700


def test_politeness(make_lite, arxiv):
    """One request per interval, one connection, whoever asks."""
    arxiv.corpus = [Entry(f"2511.{n:05d}", age_days=n / 1000)
                    for n in range(450)]
    server = make_lite(**scraping(arxiv, contact="me@example.org"))
    server.stop()
    server.settings["arxiv_interval_ms"] = 300
    server.start()
    jobs = [server.scrape(category="all", max_results=300) for _ in range(3)]
    for job_id in jobs:
        assert server.wait_job(job_id)["status"] == "completed"
    times = sorted(r.at for r in arxiv.requests)
    assert len(times) >= 3
    gaps = [b - a for a, b in zip(times, times[1:])]
    # 20 ms: the clock of the sender and of the receiver differ by a wake-up.
    assert min(gaps) >= 0.28, gaps
    assert arxiv.most_in_flight == 1
    assert "me@example.org" in arxiv.requests[0].headers["User-Agent"]


def test_politeness_survives_a_restart(make_lite, arxiv):
    arxiv.corpus = corpus()
    server = make_lite(**scraping(arxiv, arxiv_interval_ms=1500))
    server.wait_job(server.scrape(**DRAWN))
    server.restart()
    server.wait_job(server.scrape(**DRAWN))
    times = sorted(r.at for r in arxiv.requests)
    assert min(b - a for a, b in zip(times, times[1:])) >= 1.45


def test_job_ids_are_distinct_within_a_second(lite_scraper, arxiv):
    ids = [lite_scraper.scrape() for _ in range(6)]
    assert len(set(ids)) == 6
    for job_id in ids:
        assert re.fullmatch(r"arxiv-\d+(-\d+)?", job_id)
        lite_scraper.wait_job(job_id)


def test_versions_follow_arxiv(scraper, arxiv):
    """A newer version updates, an older one never does."""
    arxiv.corpus = [Entry("2511.00001", "LLM first words", version=1)]
    scraper.wait_counts(scraper.scrape(category="all"))
    arxiv.corpus = [Entry("2511.00001", "LLM second words", version=3)]
    scraper.wait_counts(scraper.scrape(category="all"))
    paper = scraper.json("/api/papers/")["results"][0]
    assert (paper["title"], paper["version"]) == ("LLM second words", 3)
    arxiv.corpus = [Entry("2511.00001", "LLM older words", version=2)]
    scraper.wait_counts(scraper.scrape(category="all"))
    paper = scraper.json("/api/papers/")["results"][0]
    assert (paper["title"], paper["version"]) == ("LLM second words", 3)


def test_odd_entries_survive(scraper, arxiv):
    """Every trap of the Atom feed that shows in a stored paper."""
    names = tuple(f"Author Number{n}" for n in range(3303))
    arxiv.corpus = [
        Entry("2511.00001", "Many authors of one LLM", authors=names),
        Entry("hep-ph/0301050", "Old id and an LLM", version=2,
              categories=("hep-ph",)),
        Entry("2511.00003", "Broken\n  title  of an LLM",
              "  Lines\nbroken,\n  indented,\n\nLaTeX $\\alpha < \\beta$ "
              "&amp; \\emph{it}.\n", authors=(" Helen", "Mausam", "Mausam")),
        Entry("2511.00004", "MSC classes", categories=(
            "cs.AI", "68T07, 68T50", "H.3.1; J.3", "I.2.7")),
        Entry("2511.00005", "References", doi="10.1/x y", comment="a\n  b",
              journal_ref="J. Irr. Res. 1 (2020)"),
    ]
    scraper.wait_counts(scraper.scrape(
        category="all", arxiv_categories=["cs.AI", "hep-ph"]))
    papers = {p["source_id"]: p for p in scraper.all_papers()}
    assert len(papers) == 5
    assert papers["2511.00001"]["author_list"] == list(names)
    old = papers["hep-ph/0301050"]
    assert old["url"] == "https://arxiv.org/abs/hep-ph/0301050"
    assert old["version"] == 2
    broken = papers["2511.00003"]
    assert broken["title"] == "Broken title of an LLM"
    assert broken["author_list"] == ["Helen", "Mausam", "Mausam"]
    assert "$\\alpha < \\beta$" in broken["abstract"]
    assert "&amp; \\emph{it}." in broken["abstract"]
    assert broken["abstract"] == broken["abstract"].strip()
    classes = papers["2511.00004"]
    assert classes["primary_category"] == "cs.AI"
    assert classes["arxiv_categories"][0] == "cs.AI"
    assert papers["2511.00005"]["comment"] == "a b"
    assert papers["2511.00005"]["journal_ref"] == "J. Irr. Res. 1 (2020)"


def test_a_tombstone_is_not_scraped_back(scraper, arxiv):
    arxiv.corpus = corpus()[:4]
    scraper.wait_counts(scraper.scrape(category="all"))
    gone = scraper.json("/api/papers/")["results"][0]
    assert scraper.delete(f"/api/papers/{gone['id']}/").status_code == 204
    scraper.wait_counts(scraper.scrape(category="all"))
    assert gone["url"] not in {p["url"] for p in scraper.all_papers()}
    assert len(scraper.all_papers()) == 3
    restored = scraper.post(f"/api/papers/{gone['id']}/restore/")
    assert restored.status_code == 200
    assert len(scraper.all_papers()) == 4


@pytest.fixture
def lite_scraper(make_lite, arxiv):
    """A server that scrapes the fake arXiv, on SQLite."""
    return make_lite(**scraping(arxiv))


def test_everything_in_pools_of_one(make_sheaf, arxiv):
    """A scrape waits for our own webhook, which needs a request worker."""
    arxiv.corpus = corpus()
    server = make_sheaf(**scraping(arxiv, pool_requests=1, pool_jobs=1,
                                   pool_streams=1))
    jobs = [server.scrape(**DRAWN) for _ in range(4)]
    for job_id in jobs:
        server.wait_counts(job_id)
        assert server.json("/api/papers/")["count"] == 30
    export = server.get("/api/papers/export/", params={"format": "jsonl"})
    assert len(export.text.splitlines()) == 30


def test_the_fake_itself(arxiv):
    """The stand-in pages, filters and lays out as the tests rely on."""
    import requests
    import xml.etree.ElementTree as tree
    arxiv.corpus = corpus()
    arxiv.corpus.append(Entry("2511.99999", categories=("math.NT",)))
    for layout in ("old", "new"):
        arxiv.layout = layout
        reply = requests.get(arxiv.url, timeout=5, params={
            "search_query": "(cat:cs.AI OR cat:cs.LG) AND submittedDate:"
            "[200001010000 TO 209912312359]", "start": 50,
            "max_results": 20})
        root = tree.fromstring(reply.content)
        entries = root.findall(f"{{{fake_arxiv.ATOM}}}entry")
        assert len(entries) == 10
        total = root.find(f"{{{fake_arxiv.OPENSEARCH}}}totalResults")
        assert total.text == "60"
