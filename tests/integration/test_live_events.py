"""What the desk is told live: jobs that get on, papers and documents that
arrive; and by whom it may be heard."""

import signal
import time

import pytest

from support.dashboards import JavaScript, Python
from support.documents import GUIDE, ended
from support.fake_arxiv import Entry, hang
from support.live import Watcher, document_told, scrape_told
from support.papers import call, paper, papers
from support.sheaf import scraping

CLIENTS = [(Python, "polling"), (Python, "websocket"),
           (JavaScript, "polling"), (JavaScript, "websocket")]


@pytest.fixture(params=CLIENTS, ids=lambda p: f"{p[0].__name__}-{p[1]}")
def dashboard(request):
    """Factory: an official client that listens to a server."""
    made = []

    def make(server, token=None):
        kind, transport = request.param
        client = kind(request, server, transport, token)
        made.append(client)
        return client
    yield make
    for client in made:
        client.__exit__()


def listening(client):
    """Once it has its snapshot it hears everything."""
    assert client.event()[0] == "snapshot"
    return client


def rows(events):
    return [row for event in events for row in event["papers"]]


def corpus(n):
    return [Entry(id=f"2511.{number:05d}", title=f"GPT and the LLM {number}",
                  summary="We fine-tune an LLM.", categories=("cs.AI",),
                  age_days=number / 100) for number in range(n)]


def test_a_scrape(scraper, arxiv, dashboard):
    """From its acceptance to its papers: a bar that only grows, and the new
    papers by number."""
    arxiv.corpus = corpus(250)
    client = listening(dashboard(scraper))
    job_id = scraper.scrape(source="arxiv", days=7, max_results=250,
                            category="llm")
    jobs, added = scrape_told(client, job_id, 250)
    assert {job["kind"] for job in jobs} == {"scrape"}
    assert jobs[0]["status"] == "running"
    assert jobs[-1] == scraper.job(job_id)
    assert jobs[-1]["webhook"]["status"] == "delivered"
    for event in added:
        assert 0 < len(event["papers"]) <= min(10, event["count"])
    for row in rows(added):
        assert row == {key: scraper.json(f"/api/papers/{row['id']}/")[key]
                       for key in ("id", "title", "url", "category",
                                   "relevance_score")}


def test_a_document(lite_desk, dashboard):
    desk = lite_desk
    client = listening(dashboard(desk))
    job_id = desk.post("/process/text", json=GUIDE).json()["job_id"]
    jobs, ready = document_told(client, job_id)
    done = ended(desk, job_id)
    assert jobs[-1] == done
    assert ready == {"document_id": done["document_id"],
                     "title": "Kubernetes Guide", "job_id": job_id,
                     "chunks": done["total_chunks"]}
    assert desk.delete("/documents/" + done["document_id"]).status_code == 204
    assert client.until("document_removed") == [
        {"document_id": done["document_id"]}]


def test_only_who_may_read(make_lite, dashboard):
    """With private_reads a client without the token gets nothing at all, and
    one with it everything; without, all do."""
    server = make_lite(private_reads="on")
    assert dashboard(server).event() == ["refused", None]
    assert dashboard(server, token="wrong").event() == ["refused", None]
    private = listening(dashboard(server, token=server.token()))
    other = make_lite("b")
    public = listening(dashboard(other))
    for where, client in (server, private), (other, public):
        where.delivered(call([paper(1)]))
        event = client.until("paper_added")[-1]
        assert event["count"] == 1
        assert event["papers"][0]["title"] == paper(1)["title"]
        assert where.post("/events/pageview", json={"page": "/a"}
                          ).status_code == 202
        assert client.until("new_pageview") == [{"page": "/a", "count": 1}]


def test_a_repeated_webhook_is_no_news(sheaf):
    with Watcher(sheaf) as client:
        listening(client)
        for _ in range(2):
            sheaf.delivered(call([paper(1)]))
        sheaf.delivered(call(papers(1, 4)))
        told = [client.event()]
        while sum(event[1]["count"] for event in told) < 4:
            told.append(client.event())
    assert [name for name, _ in told] == ["paper_added"] * len(told)
    titles = [row["title"] for row in rows(data for _, data in told)]
    assert sorted(titles) == sorted(p["title"] for p in papers(1, 4))


def test_a_flood_of_papers_in_few_words(lite):
    """Each is counted, not each is an event."""
    n = 120
    with Watcher(lite) as client:
        listening(client)
        for number in range(1, n + 1):
            lite.delivered(call([paper(number)]))
        told = []
        while sum(told) < n:
            name, data = client.event()
            assert name == "paper_added"
            assert len(data["papers"]) == min(data["count"], 10)
            told.append(data["count"])
    assert sum(told) == n
    assert len(told) < n / 2


@pytest.mark.one_process("the pace is that of a process")
def test_a_job_in_few_words(make_lite, arxiv):
    """Twenty pages within a moment are not twenty events: five a second at
    most, and the last state in any case."""
    arxiv.corpus = corpus(2000)
    server = make_lite(**scraping(arxiv))
    with Watcher(server) as client:
        listening(client)
        began = time.monotonic()
        job_id = server.scrape(source="arxiv", days=30, max_results=2000,
                               category="all")
        told = []
        while not told or told[-1]["status"] != "completed":
            name, data = client.event()
            if name == "job_progress" and data["job_id"] == job_id:
                told.append(data)
        seconds = time.monotonic() - began
    assert len(arxiv.requests) == 20
    assert told[-1]["papers_found"] == 2000
    assert len(told) <= 1 + seconds * 5, (len(told), seconds)


def test_people_move_jobs(scraper, arxiv):
    """Cancelled and tried again by hand, a job is told of at once."""
    arxiv.corpus = corpus(3)
    arxiv.always = hang()
    with Watcher(scraper) as client:
        listening(client)

        def state(*words):
            while True:
                name, data = client.event()
                if name == "job_progress" and data["job_id"] == job_id:
                    if data["status"] in words:
                        return data

        job_id = scraper.scrape(source="arxiv", days=7, max_results=3,
                                category="llm")
        state("running")
        assert scraper.delete(f"/jobs/{job_id}").status_code == 202
        assert state("cancelled")["progress"] < 100
        arxiv.always = None
        assert scraper.post(f"/jobs/{job_id}/retry").status_code == 202
        assert state("completed")["papers_found"] == 3


@pytest.mark.one_process("its copies stop at the same moment")
def test_nothing_is_lost_when_the_server_stops(make_lite):
    """What waits for its turn is told before the clients are sent away."""
    server = make_lite()
    with Watcher(server) as client:
        listening(client)
        for number in range(1, 6):
            server.delivered(call([paper(number)]))
        server.signal(signal.SIGTERM)
        told = 0
        while told < 5:
            told += client.event()[1]["count"]
    assert server.ended() == 0
