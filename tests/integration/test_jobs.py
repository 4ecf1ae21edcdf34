"""/jobs: one job, the list with its filters and pages, cancelling."""

import re

import pytest

from support import fake_arxiv
from support.fake_arxiv import Entry
from support.papers import call, papers
from support.sheaf import scraping
from support.waiting import wait_until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def server(make_sheaf, arxiv):
    arxiv.corpus = [Entry(f"2511.{n:05d}", age_days=n / 100)
                    for n in range(5)]
    return make_sheaf(**scraping(arxiv))


def test_fields_of_a_scrape(server):
    job_id = server.scrape(category="all")
    early = server.job(job_id)
    assert early["status"] in ("running", "completed")
    job = server.wait_counts(job_id)
    assert job["job_id"] == job_id
    assert job["kind"] == "scrape"
    assert job["status"] == "completed"
    assert job["progress"] == 100.0
    assert TIME.fullmatch(job["created_at"])
    assert TIME.fullmatch(job["updated_at"])
    assert job["error"] is None
    assert (job["papers_found"], job["papers_created"],
            job["papers_updated"]) == (5, 5, 0)
    assert set(job["webhook"]) >= {"status", "attempts", "next_attempt_at"}
    assert job["webhook"]["attempts"] == 1
    assert job["webhook"]["next_attempt_at"] is None
    assert server.json(f"/jobs/{job_id}/") == job


def test_counts_are_null_until_the_webhook(split_scraper, arxiv, backend):
    from support.fake_backend import answer
    backend.always = answer(503)
    arxiv.corpus = [Entry("2511.00001")]
    server = split_scraper()
    job = server.wait_job(server.scrape(category="all"))
    assert job["status"] == "completed"
    assert job["papers_found"] == 1
    assert job["papers_created"] is None and job["papers_updated"] is None


@pytest.mark.parametrize("path", ["/jobs/nope", "/jobs/arxiv-1",
                                  "/jobs/arxiv-1/", "/jobs/%00",
                                  "/jobs/" + "x" * 300])
def test_unknown_job(shared_lite, layout, path):
    if "%00" in path and not layout.one_process:
        pytest.skip("one process: nginx refuses it by itself")
    reply = shared_lite.get(path)
    assert reply.status_code in (400, 404) if "%00" in path \
        else reply.status_code == 404
    assert reply.json()["error"]


@pytest.mark.parametrize("services", ["backend", "scraper,backend"])
def test_job_of_a_service_that_runs_elsewhere(make_sheaf, services):
    """It looks as it does there, and the list finds it."""
    server = make_sheaf(services=services, backend_url="http://localhost:9")
    server.delivered(call(papers(1, 2)))
    job, = server.json("/jobs/")["results"]
    assert (job["kind"], job["status"]) == ("embed", "pending")
    assert (job["embedded"], job["total"]) == (0, 0)
    assert server.job(job["job_id"]) == job
    for query in ("?status=pending", "?kind=embed",
                  "?kind=embed&status=pending"):
        assert server.json("/jobs/" + query)["results"] == [job], query
    assert server.json("/jobs/?kind=scrape")["results"] == []
    refused = server.get("/jobs/?kind=embedd")
    assert refused.status_code == 400 and '"embed"' in refused.json()["error"]


def test_list_and_filters(server, arxiv):
    done = [server.scrape(category="all") for _ in range(3)]
    for job_id in done:
        server.wait_counts(job_id)
    arxiv.always = fake_arxiv.status(400, b"<html>no</html>")
    failed = server.scrape(category="all")
    assert server.wait_job(failed)["status"] == "failed"
    # That it failed is told by webhook, too: until then the list changes.
    wait_until(lambda: server.json(f"/jobs/{failed}")["webhook"]["status"]
               == "delivered", what="the report of the failure")

    scrapes = server.json("/jobs/", params={"kind": "scrape"})
    assert scrapes["count"] == 4
    assert [j["job_id"] for j in scrapes["results"]][0] == failed
    bad = server.json("/jobs/", params={"kind": "scrape",
                                        "status": "failed"})
    assert [j["job_id"] for j in bad["results"]] == [failed]
    good = server.json("/jobs/", params={"kind": "scrape",
                                         "status": "completed"})
    assert {j["job_id"] for j in good["results"]} == set(done)
    assert server.json("/jobs", params={"kind": "scrape"}) == scrapes

    page = server.json("/jobs/", params={"kind": "scrape", "page": 1,
                                         "page_size": 3})
    assert len(page["results"]) == 3 and page["count"] == 4
    rest = server.session().get(page["next"], timeout=5).json()
    assert len(rest["results"]) == 1 and rest["next"] is None
    everything = server.json("/jobs/")
    assert everything["count"] >= 4


@pytest.mark.parametrize("query,named,nearest", [
    ("status=finished", "status", ""),
    ("page=0", "page", ""), ("page=x", "page", ""),
    ("sttus=failed", "sttus", "status"), ("pages=1", "pages", "page")])
def test_bad_list_parameters(shared_lite, query, named, nearest):
    reply = shared_lite.get("/jobs/?" + query)
    assert reply.status_code == 400, reply.text
    assert named in reply.text and nearest in reply.text


def test_page_out_of_range(shared_lite):
    reply = shared_lite.get("/jobs/?page=99")
    assert reply.status_code == 404
    assert "Invalid page." in reply.text


def test_cancel_a_running_job(server, arxiv):
    arxiv.always = fake_arxiv.hang()
    job_id = server.scrape()
    wait_until(lambda: arxiv.in_flight, what="a request to arXiv")
    reply = server.delete(f"/jobs/{job_id}")
    assert reply.status_code in (200, 202, 204), reply.text
    job = wait_until(lambda: (lambda j: j if j["status"] == "cancelled"
                              else None)(server.job(job_id)), 1.0,
                     what="the cancel")
    assert job["papers_created"] is None
    listed = server.json("/jobs/", params={"status": "cancelled"})
    assert [j["job_id"] for j in listed["results"]] == [job_id]
    server.restart()
    assert server.job(job_id)["status"] == "cancelled"


def test_cancelled_scrape_stores_nothing_more(server, arxiv):
    arxiv.corpus = [Entry(f"2511.{n:05d}", age_days=n / 1000)
                    for n in range(900)]
    arxiv.always = fake_arxiv.trickle(0.02, piece=2000)
    job_id = server.scrape(category="all", max_results=900)
    wait_until(lambda: arxiv.in_flight, what="a request to arXiv")
    server.delete(f"/jobs/{job_id}")
    assert server.wait_job(job_id, 2)["status"] == "cancelled"
    assert server.json("/api/papers/")["count"] == 0


def test_cancel_of_an_ended_job_changes_nothing(server):
    job_id = server.scrape(category="all")
    before = server.wait_counts(job_id)
    reply = server.delete(f"/jobs/{job_id}")
    assert reply.status_code == 409
    assert reply.json()["error"]
    assert server.job(job_id)["status"] == before["status"] == "completed"


def test_cancel_of_an_unknown_job(shared_lite):
    assert shared_lite.delete("/jobs/arxiv-1").status_code == 404


def test_latest_papers_limit(server):
    server.wait_job(server.scrape(category="all"))
    assert server.json("/papers")["count"] == 5
    assert server.json("/papers/", params={"limit": 2})["count"] == 2
    for bad in ("0", "-1", "x", "100000000"):
        reply = server.get("/papers", params={"limit": bad})
        assert reply.status_code == 400 and "limit" in reply.text
    assert server.get("/papers?limits=1").status_code == 400
