"""Every service alone, and every set of them, as one process: what it
answers, what it says of those that are not there, what it does not do."""

import itertools
import pathlib
import re

import pytest

from support import contract
from support.cli import run_json
from support.documents import ALL_SERVICES, GUIDE, accepted
from support.fake_arxiv import Entry, hang
from support.papers import call, papers
from support.sheaf import (SIGNING_SECRET, WEBHOOK_SECRET, run_cli,
                           scraping)
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("it is about one process")

NOWHERE = "http://127.0.0.1:1"
SERVICES = ALL_SERVICES.split(",")
SETS = [set_ for n in range(1, len(SERVICES) + 1)
        for set_ in itertools.combinations(SERVICES, n)]

# Whose a path is, by its beginning; the longest one counts.
OWNERS = {
    "scraper": ("/scrape", "/papers", "/schedules", "/api/coverage",
                "/api/webhook-deliveries"),
    "backend": ("/api/", "/webhooks"),
    "processor": ("/process", "/documents", "/query", "/ask", "/v1/",
                  "/vectors", "/api/v2"),
    "analytics": ("/socket.io", "/events", "/stats", "/sheaf.js"),
    "web": ("/app",),
    None: ("/jobs", "/healthz", "/readyz", "/metrics", "/status", "/settings",
           "/login", "/logout", "/session", "/openapi.json", "/docs"),
}
NEIGHBOURS = "/api/papers/{id}/similar/"  # backend or processor

# What only this service says of itself in /metrics; the scraper has nothing.
METRICS = {"backend": "sheaf_papers", "processor": "sheaf_index_vectors",
           "analytics": "sheaf_live_sessions"}
# Threads that a service has, and no other needs.
THREADS = {"processor": {"vectors", "embed-0"}, "analytics": {"views"}}
WORKERS = {"job", "keeper"}  # of scraper and processor


def owner(path):
    if path == "/":
        return "web"
    return max(((start, name) for name, starts in OWNERS.items()
                for start in starts if path.startswith(start)),
               key=lambda found: len(found[0]))[1]


def not_here(service, services):
    """What is said of a service that does not run there."""
    return (f"the service '{service}' does not run in this process, which has "
            + ", ".join(f"'{one}'" for one in services))


def threads(server):
    return {(task / "comm").read_text().strip() for task in
            pathlib.Path(f"/proc/{server.process.pid}/task").iterdir()}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Packed once for all processors."""
    return tmp_path_factory.mktemp("weights")


def run_set(make, services, model_dir, weights, **settings):
    """A started server with these services.  Its address for deliveries
    leads nowhere, as that of its arXiv."""
    server = make.make(settings={
        "services": ",".join(services), "model_dir": model_dir,
        "backend_url": NOWHERE, "arxiv_url": NOWHERE,
        **settings})
    server.data_dir.mkdir(parents=True)
    (server.data_dir / "cache").symlink_to(weights)
    return server.start()


def check_itself(server, services):
    """What it says of itself is what it is."""
    assert server.json("/healthz") == {"status": "ok"}
    assert server.json("/session")["services"] == list(services)
    assert server.json("/status/")["services"] == list(services)
    checks = {"server", "store"}
    if "processor" in services:
        checks |= {"model", "vectors"}
    assert server.json("/readyz") == {
        "status": "ready", "checks": dict.fromkeys(checks, "ok")}
    metrics = server.get("/metrics").text
    for service, name in METRICS.items():
        assert (name in metrics) == (service in services), name
    has = threads(server)
    for service, names in THREADS.items():
        assert (names & has == names) if service in services else (
            not names & has), (service, has)
    works = bool({"scraper", "processor"} & set(services))
    assert (WORKERS & has) == (WORKERS if works else set())


def check_paths(server, services):
    """Each route of all services: of those that run an answer of its own, of
    the others whose it is."""
    described = server.json("/openapi.json")["paths"]
    for path, methods in contract.whole().document["paths"].items():
        whose = owner(path)
        here = whose is None or whose in services or (
            path == NEIGHBOURS and "processor" in services)
        assert (path in described) == here, path
        for method in methods:
            reply = server.request(method.upper(), re.sub(r"{\w+}", "1", path))
            said = reply.status_code, reply.text[:500]
            if here:
                assert "does not run" not in reply.text, (path, said)
                assert reply.status_code < 500, (path, said)
                assert reply.status_code != 405, (path, said)
            else:
                assert reply.status_code == 404, (path, said)
                assert not_here(whose, services) in reply.text, (path, said)
    reply = server.get("/nope")
    assert (reply.status_code, reply.json()) == (404, {"error": "not found"})


@pytest.mark.parametrize("services", [set_ for set_ in SETS if len(set_) == 1],
                         ids="+".join)
@pytest.mark.timeout(120)
def test_alone(make_sheaf, services, model_dir, weights):
    """On each database."""
    server = run_set(make_sheaf, services, model_dir, weights)
    check_itself(server, services)
    check_paths(server, services)
    server.restart()
    check_itself(server, services)


@pytest.mark.parametrize("services", [set_ for set_ in SETS if len(set_) > 1],
                         ids="+".join)
@pytest.mark.timeout(120)
def test_together(make_lite, services, model_dir, weights):
    server = run_set(make_lite, services, model_dir, weights)
    check_itself(server, services)
    check_paths(server, services)


def test_a_page_of_a_reader(make_lite):
    """Also a browser is told, in each way to write a path."""
    server = make_lite(services="backend")
    for path in "/", "/app", "/app/", "/app/papers/2511.00001v2":
        for method in "GET", "HEAD", "OPTIONS":
            reply = server.request(method, path)
            assert reply.status_code == 404
            assert method == "HEAD" or reply.json() == {
                "error": not_here("web", ["backend"])}


def test_behind_a_proxy(make_lite):
    """The desk's address has all services, whoever asks past the proxy."""
    server = make_lite(services="web", public_url="http://desk.example")
    assert server.json("/session")["services"] == SERVICES
    assert "/query" in server.json("/openapi.json")["paths"]
    reply = server.get("/query?q=a")
    assert reply.status_code == 404
    assert reply.json() == {"error": not_here("processor", ["web"])}
    other = make_lite("b", services="backend", public_url="http://desk.example")
    assert other.json("/session")["services"] == ["backend"]


# -- work ------------------------------------------------------------------------

@pytest.fixture
def make(make_postgresql, model_dir, weights):
    """Factory: processes with these services on one database."""
    url = make_postgresql.database.create()
    make_postgresql.urls.append(url)

    def make(name, **settings):
        server = make_postgresql.make(name, url, settings={
            "services": name, "model_dir": model_dir,
            "backend_url": NOWHERE, **settings})
        server.data_dir.mkdir(parents=True)
        (server.data_dir / "cache").symlink_to(weights)
        return server.start()
    return make


def kinds(server, status):
    return [job["kind"] for job in
            server.json(f"/jobs/?status={status}")["results"]]


@pytest.mark.timeout(120)
def test_vectors_wait_for_a_processor(make, arxiv):
    """A scraper has workers, but not for that."""
    backend = make("backend")
    arxiv.corpus = [Entry("2511.00001", age_days=1)]
    scraper = make("scraper", **scraping(arxiv, backend_url=backend.url))
    backend.delivered(call(papers(1, 3)))
    job = scraper.wait_counts(scraper.scrape(category="all"))
    assert job["papers_created"] == 1
    # each process shows what waits
    for server in backend, scraper:
        assert kinds(server, "pending") == ["embed"]
        assert server.json("/status/")["jobs"]["queued"] == 1
        assert server.metric('sheaf_jobs{state="queued"}') == 1
    processor = make("processor")
    wait_until(lambda: kinds(backend, "completed").count("embed") == 1)
    assert processor.json("/status/")["jobs"]["queued"] == 0


@pytest.mark.timeout(120)
def test_scrapes_wait_for_a_scraper(make, arxiv):
    """Neither are they claimed nor do schedules fire."""
    arxiv.always = hang()
    scraper = make("scraper", **scraping(arxiv))
    job_id = scraper.scrape(category="all")
    reply = scraper.post("/schedules", json={"every": "1h", "category": "all"})
    assert reply.status_code == 201
    wait_until(lambda: arxiv.requests)
    scraper.stop()
    asked = len(arxiv.requests)
    processor = make("processor", schedule_tick_ms=50)
    accepted(processor, processor.post("/process/text", json=GUIDE), "text-",
             True)
    assert processor.json("/status/")["jobs"]["queued"] == 1
    assert processor.job(job_id)["status"] == "running"
    assert len(arxiv.requests) == asked
    # what does not run here can be cancelled here
    assert processor.delete(f"/jobs/{job_id}").status_code == 202
    assert processor.job(job_id)["status"] == "cancelled"


@pytest.mark.timeout(120)
def test_they_meet_over_http(make_lite, arxiv):
    """A scraper and a backend that share nothing but their secrets."""
    backend = make_lite("backend", services="backend")
    arxiv.corpus = [Entry(f"2511.{n:05d}", age_days=1) for n in range(5)]
    scraper = make_lite("scraper", services="scraper",
                        **scraping(arxiv, backend_url=backend.url))
    job = scraper.wait_counts(scraper.scrape(category="all"))
    assert (job["papers_created"], job["webhook"]["status"]) == (5, "delivered")
    assert backend.json("/api/papers/")["count"] == 5
    assert scraper.json("/papers")["count"] == 5


def test_a_scraper_has_to_know_where(make_lite):
    server = make_lite.make(settings={"services": "scraper"}).spawn()
    assert server.ended() == 1
    assert "backend_url must say where to deliver" in server.log()


def test_analytics_with_redis(make_lite, make_redis):
    server = make_lite(services="analytics", redis_url=make_redis().url)
    wait_until(lambda: server.metric("sheaf_redis_up") == 1)
    assert server.json("/readyz")["checks"]["redis"] == "ok"
    reply = server.post("/events/pageview", json={"page": "/a"})
    assert reply.json() == {"page": "/a", "count": 1}


# -- commands ----------------------------------------------------------------------

COMMANDS = {
    "scraper": [("scrape",)],
    "backend": [("papers", "list")],
    "processor": [("ask", "Why?"), ("query", "why"), ("docs", "list"),
                  ("ingest", __file__), ("repair",)],
    "analytics": [("stats",)],
}


def test_commands(make_lite, box):
    """They end with what is missing, and change nothing."""
    servers = {"web": make_lite("web", services="web"),
               "analytics": make_lite("analytics", services="analytics")}
    for has, server in servers.items():
        for service, runs in COMMANDS.items():
            for args in runs if service != has else ():
                done = run_cli(*args, "--data-dir", server.data_dir, home=box)
                assert done.returncode == 1, (args, done)
                assert done.stderr.endswith(
                    f": {not_here(service, [has])}\n"), (args, done.stderr)
        assert kinds(server, "pending") == []
        listed = run_json(box, "jobs", "list", "--data-dir", server.data_dir)
        assert listed["results"] == []
    done = run_cli("tail", "--data-dir", servers["web"].data_dir, home=box)
    assert done.returncode == 1 and "does not hold analytics" in done.stderr


@pytest.mark.parametrize("service", ["scraper", "backend", "analytics", "web"])
def test_doctor(make_lite, box, service):
    """It asks for nothing that this process need not have."""
    env = {"SHEAF_WEBHOOK_SECRET": WEBHOOK_SECRET,
           "SHEAF_WEBHOOK_SIGNING_SECRET": SIGNING_SECRET,
           "SHEAF_ARXIV_URL": NOWHERE}
    if service == "scraper":
        env["SHEAF_BACKEND_URL"] = NOWHERE
    server = make_lite(services=service, backend_url=NOWHERE)
    told = run_json(box, "doctor", "--data-dir", server.data_dir,
                    status=1 if service == "scraper" else 0, **env)
    checks = {check["check"]: check for check in told["checks"]}
    assert checks["service"]["status"] == checks["database"]["status"] == "ok"
    used = {name for name in ("webhook", "arxiv", "model")
            if "not used" not in checks[name]["text"]}
    assert used == {"scraper": {"webhook", "arxiv"},
                    "backend": {"webhook"}}.get(service, set()), checks
