"""Two copies of every service behind nginx, with the files of deploy/nginx:
TLS, forwarding headers, one public address."""

import json
import re
import ssl

import pytest
import requests
import socketio

from support import nginx
from support.documents import (ALL_SERVICES, GUIDE, SOUP, accepted, query)
from support.fake_arxiv import Entry
from support.layout import TOKEN, Deployed
from support.papers import call, paper, papers
from support.sheaf import REPO, Sheaf, run_cli, scraping
from support.waiting import wait_until

# Often enough that both copies are asked.
TIMES = 6
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return nginx.Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def make_site(box, make_redis, postgresql, model_dir, certificate, request,
              arxiv):
    """Factory of whole sites; all their parts are stopped at the end."""
    sites = request.node.servers = []
    urls = []

    def make(**settings):
        urls.append(postgresql.create())
        site = Deployed(box / f"site-{len(sites)}" / "data", urls[-1], {
            "services": ALL_SERVICES, "model_dir": model_dir,
            "redis_url": make_redis().url, "admin_token": TOKEN,
            **scraping(arxiv), **settings}, certificate, cache=cache)
        sites.append(site)
        return site.start()
    try:
        nginx.program()
    except nginx.Unavailable as err:
        pytest.skip(str(err))
    cache = box / "cache"
    cache.mkdir()
    yield make
    for site in sites:
        site.stop()
    for url in urls:
        postgresql.drop(url)


@pytest.fixture
def site(make_site):
    return make_site()


def asked_of_each(site, service, path):
    """The JSON that each copy answers, past the proxy."""
    return [copy.json(path, headers=BEARER) for copy in site.copies[service]]


def live_sessions(site):
    def one(copy):
        text = copy.get("/metrics", headers=BEARER).text
        return next(float(line.split()[1]) for line in text.splitlines()
                    if line.startswith("sheaf_live_sessions "))
    return [one(copy) for copy in site.copies["analytics"]]


class Listener:
    """python-socketio through TLS; what it hears is in `heard`."""

    def __init__(self, site, transport):
        session = requests.Session()
        session.trust_env = False
        session.verify = str(site.certificate.crt)
        context = ssl.create_default_context(cafile=site.certificate.crt)
        self.heard = []
        self.io = socketio.Client(
            reconnection=False, http_session=session,
            websocket_extra_options={"sslopt": {"context": context}})
        self.io.on("*", lambda name, *data: self.heard.append((name, *data)))
        self.io.connect(site.url, transports={
            "polling": ["polling"], "websocket": ["websocket"],
            "upgrade": ["polling", "websocket"]}[transport])

    def pages(self):
        return [data["page"] for name, data, *_ in self.heard
                if name == "new_pageview"]


# -- the three flows, as drawn -----------------------------------------------------

def test_flow_of_papers(site, arxiv):
    arxiv.corpus = [Entry(f"2511.{n:05d}", title=f"Paper {n} of agents",
                          age_days=1) for n in range(20)]
    body = {"source": "arxiv", "category": "all", "max_results": 20}
    assert site.post("/scrape", json=body).status_code == 401
    job = site.wait_counts(site.scrape(headers=BEARER, **body))
    assert job["papers_created"] == 20
    for _ in range(TIMES):
        page = site.json("/api/papers/", params={"page_size": 5})
        assert page["count"] == 20
        # links lead to where the reader came from
        assert page["next"].startswith(site.url + "/api/papers/")


def test_flow_of_documents(site):
    for document in GUIDE, SOUP:
        reply = site.post("/process/text", json=document, headers=BEARER)
        assert accepted(site, reply, "text-", True)["status"] == "completed"
        # what one copy has taken in, both find from that moment on
        for _ in range(TIMES):
            found = query(site, document["text"][:60], k=1)["results"]
            assert found[0]["metadata"]["title"] == document["title"]
    with site.session().post(site.url + "/ask", stream=True, json={
            "question": "What is Kubernetes?", "stream": True}) as reply:
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        assert b"event: done" in reply.content


@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
def test_flow_of_page_views(site, transport):
    listeners = [Listener(site, transport) for _ in range(4)]
    # both copies have some, although all come from one address
    wait_until(lambda: sum(live_sessions(site)) == 4)
    assert min(live_sessions(site)) > 0, live_sessions(site)
    for n in range(TIMES):
        reply = site.post("/events/pageview", json={"page": f"/p{n}"})
        assert reply.status_code == 202
    for listener in listeners:
        wait_until(lambda who=listener: len(who.pages()) == TIMES)
        assert sorted(listener.pages()) == [f"/p{n}" for n in range(TIMES)]
    for listener in listeners:
        listener.io.disconnect()
    wait_until(lambda: sum(live_sessions(site)) == 0)
    for n in range(TIMES):
        assert site.json("/stats/live")["totals"]["views"] == TIMES


# -- one server, to its readers ----------------------------------------------------

def test_one_login_for_all(site):
    """The desk's cookie is good for every service and copy."""
    site.delivered(call(papers(1, 3)))
    session = site.session()
    assert session.post(site.url + "/login",
                        json={"token": TOKEN}).status_code == 200
    assert site.session().cookies["sheaf_session"]
    for _ in range(TIMES):
        for path in ("/settings/", "/api/searches/", "/schedules/",
                     "/session", "/status/"):
            reply = site.get(path)
            assert reply.status_code == 200, (path, reply.text)
        assert site.json("/session") == {
            "authorized": True, "required": True,
            "services": ALL_SERVICES.split(",")}
        number = site.json("/api/papers/")["results"][0]["id"]
        assert site.patch(f"/api/papers/{number}/marks/", json={"read": True},
                          headers={"Origin": site.url}).status_code == 200


def test_described_as_one(site):
    told = site.json("/openapi.json")
    assert set(told["paths"]) == set(json.loads(
        (REPO / "docs" / "openapi.json").read_text())["paths"])
    assert told["servers"] == [{"url": site.url}]
    for path, methods in told["paths"].items():
        # only who has the path can say what it allows
        reply = site.request("OPTIONS", re.sub(r"{\w+}", "1", path))
        allowed = reply.headers.get("Allow", "").lower().split(", ")
        assert set(allowed) >= set(methods), (path, reply.status_code)
    for path in "/app/", "/docs", "/sheaf.js":
        assert site.get(path).status_code == 200, path


def test_neighbours_by_vectors(site):
    site.delivered(call([
        paper(1, title="Grasping with robot hands",
              abstract="A robot learns to pick up fragile objects."),
        paper(2, title="Whispers", abstract="We transcribe quiet voices."),
        paper(4, title="A gripper for delicate things",
              abstract="Machine fingers seize eggs without breaking them.")]))
    first = site.all_papers(search="grasping")[0]["id"]

    def by_vectors():
        found = site.json(f"/api/papers/{first}/similar/", params={"k": 1})
        return found if found["method"] == "vectors" else None
    found = wait_until(by_vectors, timeout=60)
    assert found["results"][0]["title"] == "A gripper for delicate things"


def test_plain_http_is_sent_to_tls(site):
    reply = requests.get(f"http://localhost:{site.plain_port}/app/papers?q=a",
                         allow_redirects=False, timeout=10)
    assert reply.status_code == 301
    assert reply.headers["Location"] == "https://localhost/app/papers?q=a"


def test_scrapers_reach_nothing_but_the_webhook(site):
    url = f"http://127.0.0.1:{site.scraper_port}"
    assert requests.get(url + "/api/papers/", timeout=10).status_code == 404
    reply = requests.post(url + "/api/webhooks/scraper-complete/", json={},
                          timeout=10)
    assert reply.status_code == 401


def test_largest_upload(site):
    """nginx lets through what sheaf does."""
    def send(mib):
        return site.post("/process/file", headers=BEARER, timeout=60,
                         files={"file": ("a.pdf", b"%PDF " + bytes(mib << 20))})
    job = send(49)
    assert job.status_code == 202
    job = site.wait_job(job.json()["job_id"])
    assert job["status"] == "failed" and "PDF" in job["error"], job
    assert send(51).status_code == 413  # says sheaf
    reply = send(53)
    assert reply.status_code == 413 and "anything" in reply.json()["error"]


# -- when something is away ----------------------------------------------------------

def test_a_copy_that_is_gone(site):
    site.delivered(call(papers(1, 7)))
    one, other = site.copies["backend"]
    one.kill()
    for _ in range(TIMES):
        assert site.json("/api/papers/")["count"] == 7
    other.kill()
    reply = site.get("/api/papers/")
    assert reply.status_code == 503
    assert reply.headers["Retry-After"] and "away" in reply.json()["detail"]
    # the others go on
    assert site.get("/app/").status_code == 200
    assert site.post("/events/pageview",
                     json={"page": "/"}).status_code == 202


def test_live_clients_go_to_the_other_copy(site):
    """A session ends with its process; a new one is somewhere else."""
    listeners = [Listener(site, "polling") for _ in range(4)]
    wait_until(lambda: sum(live_sessions(site)) == 4)
    there = live_sessions(site)[1]
    assert 0 < there < 4
    site.copies["analytics"].pop().kill()
    wait_until(lambda: sum(not who.io.connected for who in listeners) == there)
    for who in listeners:
        if not who.io.connected:
            who.io = Listener(site, "polling").io
    wait_until(lambda: live_sessions(site) == [4])
    for who in listeners:
        who.io.disconnect()


# -- settings that make it possible --------------------------------------------------

def test_commands_ask_a_far_server(site, box):
    near = site.copies["backend"][0]
    site.delivered(call(papers(1, 3)))
    home = box / "elsewhere"
    done = run_cli("papers", "list", "--json", "--server-url", near.url,
                   "--data-dir", home / "none", home=home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["count"] == 3
    assert not (home / "none").exists()
    done = run_cli("token", "--data-dir", home / "none", home=home,
                   SHEAF_ADMIN_TOKEN=TOKEN)
    assert done.stdout == TOKEN + "\n"
    # pages of operations need the token here: it is behind a proxy
    run = ("jobs", "list", "--server-url", near.url, "--data-dir",
           home / "none")
    assert run_cli(*run, home=home).returncode == 0
    done = run_cli("doctor", "--server-url", "http://127.0.0.1:1",
                   "--data-dir", home / "none", home=home)
    assert done.returncode == 1 and "127.0.0.1:1" in done.stdout


def test_a_trusted_proxy_may_open_many_connections(box):
    """All readers come over the connections of a few addresses."""
    for trusted, status in (("127.0.0.1", 200), ("127.0.0.2", 429)):
        with Sheaf(box / trusted / "data", settings={
                "max_connections_per_ip": 3,
                "trusted_proxies": trusted}) as server:
            # one more is open: that which asked whether it is ready
            sessions = [requests.Session() for _ in range(3)]
            seen = [session.get(server.url + "/healthz", timeout=10).status_code
                    for session in sessions]
            assert seen == [200, 200, status]
            for session in sessions:
                session.close()
