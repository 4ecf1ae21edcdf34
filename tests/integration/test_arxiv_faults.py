"""arXiv answering badly, slowly, or not at all; and the small feeds of
tests/fixtures/atom, each with one trap."""

import json
import time

import pytest

from support import fake_arxiv as fake
from support.fake_arxiv import Entry
from support.sheaf import REPO, run_cli, scraping

ATOM = REPO / "tests" / "fixtures" / "atom"


@pytest.fixture
def server(make_lite, arxiv):
    arxiv.corpus = [Entry(f"2511.{n:05d}", f"Paper {n}", age_days=n / 100)
                    for n in range(5)]
    return make_lite(**scraping(arxiv))


def scrape(server, timeout=40, **body):
    return server.wait_job(server.scrape(category="all", **body), timeout)


# -- what passes by itself ----------------------------------------------------

@pytest.mark.parametrize("fault", [
    fake.status(503), fake.status(503, Retry_After=1), fake.status(500),
    fake.status(429, Retry_After=1), fake.status(502), fake.reset(),
    fake.cut_short(), fake.truncated(), fake.empty(total=5),
    fake.body(b"<html><body>Rate exceeded.</body></html>", "text/html"),
], ids=["503", "503-retry-after", "500", "429", "502", "reset", "cut-xml",
        "truncated-body", "empty-page", "html-with-200"])
def test_passing_fault_is_survived(server, arxiv, fault):
    arxiv.script.append(fault)
    job = scrape(server)
    assert job["status"] == "completed", job
    assert job["papers_found"] == 5
    assert len(arxiv.requests) >= 2


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_honoured(server, arxiv, code):
    arxiv.script.append(fake.status(code, Retry_After=2))
    assert scrape(server)["papers_found"] == 5
    first, second = arxiv.requests[:2]
    assert second.at - first.at >= 1.9


def test_slow_feed_is_read(server, arxiv):
    arxiv.script.append(fake.trickle(0.02, piece=200))
    assert scrape(server)["papers_found"] == 5


def test_empty_page_in_the_middle(server, arxiv):
    """totalResults says that more is there: ask again, do not believe it."""
    arxiv.corpus = [Entry(f"2511.{n:05d}", age_days=n / 1000)
                    for n in range(450)]
    arxiv.script.extend([fake.usual(), fake.empty()])
    job = scrape(server, max_results=450)
    assert job["status"] == "completed"
    assert job["papers_found"] == 450


def test_empty_first_answer_is_suspect(server, arxiv):
    """Nothing at all is believed only when asked again."""
    arxiv.corpus = []
    job = scrape(server)
    assert job["status"] == "completed"
    assert job["papers_found"] == 0
    assert len(arxiv.requests) >= 2


def test_shrinking_total_ends(server, arxiv):
    arxiv.corpus = [Entry(f"2511.{n:05d}", age_days=n / 1000)
                    for n in range(450)]
    arxiv.script.extend([fake.total_of(100000)])
    job = scrape(server, max_results=2000)
    assert job["status"] == "completed"
    assert job["papers_found"] == 450


# -- what does not pass -------------------------------------------------------

def test_400_fails_with_the_words_of_arxiv(server, arxiv):
    arxiv.always = fake.status(
        400, (ATOM / "error.xml").read_bytes(), "application/atom+xml")
    job = scrape(server)
    assert job["status"] == "failed"
    assert "incorrect query near xyz" in job["error"]
    assert len(arxiv.requests) == 1, "a 400 does not pass: no second try"


def test_error_entry_with_200_fails(server, arxiv):
    arxiv.always = fake.body((ATOM / "error.xml").read_bytes())
    job = scrape(server)
    assert job["status"] == "failed"
    assert "incorrect query near xyz" in job["error"]


def test_cancel_while_arxiv_hangs(server, arxiv):
    arxiv.always = fake.hang()
    job_id = server.scrape()
    started = time.monotonic()
    while not arxiv.in_flight and time.monotonic() - started < 5:
        time.sleep(0.01)
    began = time.monotonic()
    assert server.delete(f"/jobs/{job_id}").status_code in (200, 202, 204)
    job = server.wait_job(job_id, 2)
    assert job["status"] == "cancelled"
    assert time.monotonic() - began < 1.0


def test_stop_while_arxiv_hangs(server, arxiv):
    """The lease is given back, and the job runs on after the restart."""
    arxiv.script.append(fake.hang())
    job_id = server.scrape(category="all")
    started = time.monotonic()
    while not arxiv.in_flight and time.monotonic() - started < 5:
        time.sleep(0.01)
    server.restart()
    job = server.wait_job(job_id)
    assert job["status"] == "completed"
    assert job["papers_found"] == 5


def test_failed_scrape_is_reported_to_the_backend(server, arxiv):
    arxiv.always = fake.status(400, (ATOM / "error.xml").read_bytes())
    job_id = server.scrape(category="all")
    assert server.wait_job(job_id)["status"] == "failed"
    from support.waiting import wait_until
    row = wait_until(lambda: [
        r for r in server.json("/api/scraper-jobs/")["results"]
        if r["job_id"] == job_id], what="the report of the failure")[0]
    assert row["status"] == "failed"
    assert row["papers_found"] == 0
    assert "incorrect query near xyz" in row["error"]
    assert server.json("/api/papers/")["count"] == 0


def test_arxiv_that_is_down_keeps_the_server_well(make_lite):
    server = make_lite(arxiv_url="http://127.0.0.1:1/api/query",
                       arxiv_interval_ms=1)
    job_id = server.scrape()
    time.sleep(0.5)
    assert server.json("/readyz")
    assert server.job(job_id)["status"] in ("running", "failed")
    server.delete(f"/jobs/{job_id}")


# -- one trap per small feed --------------------------------------------------

# File, and the source ids that it holds.
GOOD = {
    "new_layout.xml": ["2511.00001", "2511.00002"],
    "old_layout.xml": ["1703.00001", "hep-ph/0301050"],
    "empty.xml": [],
    "prefixed.xml": ["2511.00011"],
    "foreign_elements.xml": ["2511.00021"],
    "cdata_bom_crlf.xml": ["2511.00031"],
    "msc_categories.xml": ["2511.00041"],
    "duplicates.xml": ["2511.00051"],
}
BAD = ["truncated.xml", "malformed.xml", "wrong_namespace.xml", "html.html",
       "error.xml", "not_xml.txt", "empty_file.xml", "entity_bomb.xml",
       "external_entity.xml", "not_utf8.xml"]


def replay(box, *names):
    return run_cli("scrape", "--replay", *(ATOM / name for name in names),
                   "--json", "--data-dir", box / "data", home=box)


@pytest.mark.parametrize("name", GOOD)
def test_good_fixture(sheaf_bin, box, name):
    done = replay(box, name)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["papers_found"] == len(GOOD[name])
    listed = json.loads(run_cli("papers", "--json", "--data-dir",
                                box / "data", home=box).stdout)
    assert sorted(p["source_id"] for p in listed["results"]) \
        == sorted(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_bad_fixture_is_a_clear_error(sheaf_bin, box, name):
    done = replay(box, name)
    assert done.returncode == 1, (done.returncode, done.stdout)
    assert name in done.stderr + done.stdout
    listed = json.loads(run_cli("papers", "--json", "--data-dir",
                                box / "data", home=box).stdout)
    assert listed["count"] == 0
    assert "root:" not in done.stderr + done.stdout


def test_fixture_details(sheaf_bin, box):
    done = replay(box, "old_layout.xml", "cdata_bom_crlf.xml",
                  "foreign_elements.xml")
    assert done.returncode == 0, done.stderr
    listed = json.loads(run_cli("papers", "--json", "--data-dir",
                                box / "data", home=box).stdout)
    papers = {p["source_id"]: p for p in listed["results"]}
    old = papers["1703.00001"]
    assert old["title"] == "On $\\alpha$-nets: a <small> study & more"
    assert old["author_list"] == ["Ada Example", "Mausam",
                                  "The Example Consortium", "Ada Example"]
    assert old["doi"] == "10.1000/example.1"
    assert old["journal_ref"] == "J. Ex. 12 (2017) 34"
    assert old["comment"] == "12 pages, 3 figures"
    assert old["published_at"] == "2017-03-01T10:00:00Z"
    assert papers["hep-ph/0301050"]["version"] == 2
    assert papers["2511.00031"]["title"] == "Plain & CDATA é中"
    assert papers["2511.00021"]["title"] == "The real title"


def test_missing_file_is_named(sheaf_bin, box):
    done = replay(box, "no-such-file.xml")
    assert done.returncode == 1
    assert "no-such-file.xml" in done.stderr + done.stdout
