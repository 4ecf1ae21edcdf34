"""What happens in one process, told live by another: over Redis, or over
PostgreSQL's notifications where there is none.  One process does the work and
serves no live clients; the other has the clients and does no work."""

import collections

import pytest

from support.documents import GUIDE, ended
from support.fake_arxiv import Entry, hang
from support.live import Watcher, document_told, scrape_told
from support.papers import call, papers
from support.sheaf import scraping
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("two processes by themselves")

Pair = collections.namedtuple("Pair", "works tells")


@pytest.fixture(params=["redis", "notify"])
def make_pair(request, make_postgresql, make_redis):
    """Factory: one that works, with these settings, and one that tells."""
    def make(**settings):
        url = make_postgresql.database.create()
        make_postgresql.urls.append(url)
        shared = {"database_url": url}
        if request.param == "redis":
            shared["redis_url"] = make_redis().url
        pair = Pair(make_postgresql("works", **shared, **{
            "services": "scraper,backend", **settings}),
            make_postgresql("tells", **shared, services="analytics"))
        for server in pair:
            wait_until(lambda s=server: s.metric(
                "sheaf_redis_up" if "redis_url" in shared
                else "sheaf_store_hears") == 1)
        return pair
    return make


def listening(server):
    """A client that has its snapshot."""
    client = Watcher(server)
    assert client.event()[0] == "snapshot"
    return client


def states_of(client, job_id, until):
    """What is told of a job, up to one that is as wanted."""
    told = []
    while not told or not until(told[-1]):
        name, data = client.event()
        if name == "job_progress" and data["job_id"] == job_id:
            told.append(data)
    return told


def test_a_scrape(make_pair, arxiv):
    arxiv.corpus = [Entry(id=f"2511.{n:05d}", age_days=1) for n in range(250)]
    works, tells = make_pair(**scraping(arxiv))
    with listening(tells) as client:
        job_id = works.scrape(category="all", max_results=250)
        jobs, added = scrape_told(client, job_id, 250)
    # what is told is what both answer
    assert jobs[-1] == tells.job(job_id) == works.job(job_id)
    for event in added:
        assert 0 < len(event["papers"]) <= min(10, event["count"])
        for row in event["papers"]:
            assert row["title"] == works.json(
                f"/api/papers/{row['id']}/")["title"]


def test_a_document(make_pair, model_dir):
    works, tells = make_pair(services="processor", model_dir=model_dir)
    with listening(tells) as client:
        job_id = works.post("/process/text", json=GUIDE).json()["job_id"]
        jobs, ready = document_told(client, job_id)
        done = ended(works, job_id)
        assert jobs[-1] == done
        assert ready == {
            "document_id": done["document_id"], "job_id": job_id,
            "title": GUIDE["title"], "chunks": done["total_chunks"]}
        works.delete("/documents/" + done["document_id"])
        event = client.event()
        while event[0] == "job_progress":
            event = client.event()
        assert event == ["document_removed",
                         {"document_id": done["document_id"]}]


def test_papers_are_counted_once(make_pair):
    """By both: each hears what the other told, and its own."""
    works, tells = make_pair(services="backend,analytics")
    with listening(works) as near, listening(tells) as far:
        for n in range(1, 41):
            works.delivered(call(papers(n, 1)))
        works.delivered(call(papers(100, 5)))
        for client in near, far:
            told = []
            while sum(event["count"] for event in told) < 45:
                name, data = client.event()
                if name == "paper_added":
                    told.append(data)
            assert sum(event["count"] for event in told) == 45
            # the end: nothing was told twice
            works.post("/events/pageview", json={"page": "/end"})
            tells.post("/events/pageview", json={"page": "/end"})
            name, data = client.event()
            while name == "job_progress":
                name, data = client.event()
            assert (name, data["page"]) == ("new_pageview", "/end")


def test_people_move_jobs(make_pair, arxiv):
    """By either process."""
    arxiv.corpus = [Entry("2511.00001", age_days=1)]
    arxiv.always = hang()
    works, tells = make_pair(**scraping(arxiv))
    with listening(tells) as client:
        job_id = works.scrape(category="all")
        states_of(client, job_id, lambda job: job["status"] == "running")
        assert tells.delete(f"/jobs/{job_id}").status_code == 202
        states_of(client, job_id, lambda job: job["status"] == "cancelled")
        arxiv.always = None
        assert tells.post(f"/jobs/{job_id}/retry").status_code == 202
        told = states_of(client, job_id,
                         lambda job: job["papers_created"] is not None)
        assert told[-1]["papers_found"] == 1


@pytest.mark.parametrize("make_pair", ["notify"], indirect=True)
def test_away_and_back(make_pair, postgresql):
    """Cut off from the database, both are told again once it is back."""
    works, tells = make_pair()
    with listening(tells) as client:
        postgresql.cluster.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = '" + works.settings["database_url"].rsplit(
                "/", 1)[1] + "'")
        # one that is not heard of may have been told into the gap
        wait_until(lambda: works.metric("sheaf_store_hears") == 1
                   and tells.metric("sheaf_store_hears") == 1)
        works.delivered(call(papers(1, 3)))
        event = client.event()
        while event[0] != "paper_added":
            event = client.event()
        assert event[1]["count"] == 3


@pytest.mark.parametrize("make_pair", ["notify"], indirect=True)
def test_the_last_words(make_pair):
    """What waits for its moment is told by a server that stops."""
    works, tells = make_pair()
    with listening(tells) as client:
        for n in range(1, 6):
            works.delivered(call(papers(n, 1)))
        works.stop()
        count = 0
        while count < 5:
            name, data = client.event()
            count += data["count"] if name == "paper_added" else 0
        assert count == 5


@pytest.mark.parametrize("make_pair", ["notify"], indirect=True)
def test_nothing_malformed_hurts(make_pair, postgresql):
    """Whoever may write to the database may also say anything."""
    works, tells = make_pair()
    name = works.settings["database_url"].rsplit("/", 1)[1]

    def notify(text):
        postgresql.cluster.sql(
            "SELECT pg_notify('sheaf_' || relnamespace, $$" + text + "$$)"
            " FROM pg_class WHERE oid = 'jobs'::regclass", name)
    with listening(tells) as client:
        for text in ("x", "[", "[]", '["x"]', '["x",["job","no such"]]',
                     '["x",["ready","no such"]]', '["x",["papers",-1,-1]]',
                     '["x",["job",""],["gone"],[[]],{}]', "[" * 7000,
                     '["x",["job","' + "y" * 7000 + '"]]'):
            notify(text)
        notify('["x",["gone","d1"]]')
        assert client.event() == ["document_removed", {"document_id": "d1"}]
        works.delivered(call(papers(1, 1)))
        assert client.event()[0] == "paper_added"
