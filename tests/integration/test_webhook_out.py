"""The sender: what it sends, when it tries again, when it gives up, and the
list of deliveries with replay.  The scraper runs alone here and delivers to a
fake backend."""

import re
import time

import pytest

from support.fake_arxiv import Entry
from support.fake_backend import answer, drop, stall
from support.sheaf import SIGNING_SECRET, run_cli, scraping
from support.waiting import wait_until


@pytest.fixture
def corpus(arxiv):
    arxiv.corpus = [Entry(f"2511.{n:05d}", f"LLM paper {n}",
                          age_days=n / 100) for n in range(4)]


def delivery(server, status, timeout=20):
    """The only delivery, once it has this status."""
    def found():
        listed = server.json("/api/webhook-deliveries/")
        assert listed["count"] == 1
        return listed["results"][0] \
            if listed["results"][0]["status"] == status else None
    return wait_until(found, timeout, what=f"a delivery that is {status}")


def test_what_is_sent(split_scraper, backend, corpus):
    server = split_scraper()
    job_id = server.scrape(category="all")
    job = server.wait_counts(job_id)
    assert (job["papers_created"], job["papers_updated"]) == (4, 0)
    assert len(backend.deliveries) == 1
    sent = backend.deliveries[0]
    assert sent.path == "/api/webhooks/scraper-complete/"
    assert sent.bearer_ok and sent.signature_ok
    assert sent.headers["content-type"] == "application/json"
    assert abs(int(sent.headers["webhook-timestamp"]) - time.time()) < 60
    assert sent.json["job_id"] == job_id
    assert sent.json["source"] == "arxiv"
    assert sent.json["total_papers"] == len(sent.json["papers"]) == 4
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", sent.json["timestamp"])
    paper = sent.json["papers"][0]
    assert set(paper) >= {
        "title", "abstract", "authors", "url", "pdf_url", "source_id",
        "version", "published_at", "updated_at", "arxiv_categories",
        "primary_category", "doi", "journal_ref", "comment", "category",
        "relevance_score", "tags"}
    assert isinstance(paper["authors"], list)
    # The Bearer secret is not the signing secret, and neither is in the body.
    assert backend.secret.encode() not in sent.body


def test_500_then_200(split_scraper, backend, corpus):
    backend.script.extend([answer(500), answer(503), answer(201, {
        "status": "success", "papers_created": 3, "papers_updated": 1})])
    server = split_scraper()
    job = server.wait_counts(server.scrape(category="all"))
    assert (job["papers_created"], job["papers_updated"]) == (3, 1)
    assert job["webhook"]["attempts"] == 3
    assert len(backend.deliveries) == 3
    first = backend.deliveries[0]
    for again in backend.deliveries[1:]:
        assert again.body == first.body
        assert again.headers["webhook-id"] == first.headers["webhook-id"]
        assert again.signature_ok and again.bearer_ok


def test_completed_before_the_webhook(split_scraper, backend, corpus):
    """The drawing's step 5: done when found and stored, not when delivered."""
    backend.always = answer(503)
    server = split_scraper(webhook_retry_ms="0,60000")
    job = server.wait_job(server.scrape(category="all"))
    assert job["status"] == "completed" and job["papers_found"] == 4
    assert job["papers_created"] is None
    waiting = wait_until(lambda: (lambda w: w if w["attempts"] else None)(
        server.job(job["job_id"])["webhook"]), what="a first attempt")
    assert waiting["status"] == "pending"
    assert waiting["next_attempt_at"] > job["created_at"]


@pytest.mark.parametrize("reply", [
    drop(), answer(302, Location="/elsewhere/"), answer(404), answer(401),
    answer(429), answer(301, Location="http://127.0.0.1:1/")],
    ids=["drop", "302", "404", "401", "429", "301"])
def test_tried_again(split_scraper, backend, corpus, reply):
    backend.script.append(reply)
    server = split_scraper()
    server.wait_counts(server.scrape(category="all"))
    assert len(backend.deliveries) == 2
    assert backend.other_requests == [], "redirects are not followed"
    assert {d.path for d in backend.deliveries} == {
        "/api/webhooks/scraper-complete/"}


@pytest.mark.parametrize("code", [400, 413, 422, 410])
def test_given_up_at_once(split_scraper, backend, corpus, code):
    backend.always = answer(code, {"error": "papers[0].title is missing"})
    server = split_scraper()
    job_id = server.scrape(category="all")
    dead = delivery(server, "dead")
    assert dead["attempts"] == 1
    assert dead["next_attempt_at"] is None
    time.sleep(0.3)  # several times the retry delay of these tests
    assert len(backend.deliveries) == 1
    job = server.job(job_id)
    assert job["status"] == "completed", "the scrape itself succeeded"
    assert job["webhook"]["status"] == "dead"


def test_dead_after_the_last_retry_then_replay(split_scraper, backend,
                                               corpus):
    backend.always = answer(500)
    server = split_scraper()
    job_id = server.scrape(category="all")
    dead = delivery(server, "dead")
    assert dead["attempts"] == len(backend.deliveries) == 5
    backend.always = None
    reply = server.post(f"/api/webhook-deliveries/{dead['id']}/replay/")
    assert reply.status_code in (200, 202), reply.text
    good = delivery(server, "delivered")
    assert good["attempts"] == 6
    assert backend.deliveries[-1].headers["webhook-id"] \
        == backend.deliveries[0].headers["webhook-id"]
    assert server.wait_counts(job_id)["papers_created"] == 4


def test_retry_after_is_honoured(split_scraper, backend, corpus):
    backend.script.append(answer(503, Retry_After=2))
    server = split_scraper()
    server.wait_counts(server.scrape(category="all"))
    first, second = backend.deliveries
    assert second.at - first.at >= 1.9


def test_target_that_is_down_then_up(split_scraper, backend, corpus):
    backend.close()
    server = split_scraper(webhook_retry_ms="0,200,200,200,200,200,200,200,"
                           "200,200")
    job_id = server.scrape(category="all")
    wait_until(lambda: (server.job(job_id)["webhook"] or {}).get("attempts"),
               what="a first attempt")
    backend.open()
    assert server.wait_counts(job_id)["papers_created"] == 4


def test_slow_target(split_scraper, backend, corpus):
    """Slow but within the 15 s: one delivery, and the server stays well."""
    backend.always = stall(1.5)
    server = split_scraper()
    job_id = server.scrape(category="all")
    assert server.json("/readyz")
    assert server.wait_counts(job_id)["webhook"]["attempts"] == 1


def test_outbox_survives_kill(split_scraper, backend, corpus):
    backend.always = answer(503)
    server = split_scraper(webhook_retry_ms="0,300,300,300,300,300,300,300,"
                           "300,300,300,300,300,300,300,300,300,300")
    job_id = server.scrape(category="all")
    server.wait_job(job_id)
    server.kill()
    backend.always = None
    server.start()
    assert server.wait_counts(job_id)["papers_created"] == 4
    assert len({d.headers["webhook-id"] for d in backend.deliveries}) == 1


def test_failed_scrape_is_sent(split_scraper, backend, arxiv):
    from support import fake_arxiv
    arxiv.always = fake_arxiv.status(400, b"<html>bad query</html>")
    server = split_scraper()
    job_id = server.scrape(category="all")
    wait_until(lambda: backend.deliveries, what="the report")
    sent = backend.deliveries[0]
    assert sent.signature_ok
    assert sent.json["job_id"] == job_id
    assert sent.json["status"] == "failed" and sent.json["error"]
    assert sent.json["papers"] == [] and sent.json["total_papers"] == 0


def test_large_scrape_fits_16_mib_a_call(split_scraper, backend, arxiv):
    """Abstracts of 60 kB: no call over the limit, every paper sent once."""
    arxiv.corpus = [Entry(f"2511.{n:05d}", f"Paper {n}", "long " * 12000,
                          age_days=n / 1000) for n in range(400)]
    server = split_scraper()
    job_id = server.scrape(category="all", max_results=400)
    job = server.wait_counts(job_id, 60)
    assert job["papers_found"] == job["papers_created"] == 400
    assert len(backend.deliveries) >= 2
    assert max(len(d.body) for d in backend.deliveries) <= 16 << 20
    urls = [p["url"] for d in backend.deliveries for p in d.json["papers"]]
    assert len(urls) == len(set(urls)) == 400


# -- the list of deliveries ---------------------------------------------------

def test_deliveries_of_an_embedded_server(make_sheaf, arxiv, corpus):
    server = make_sheaf(**scraping(arxiv))
    jobs = [server.scrape(category="all") for _ in range(3)]
    for job_id in jobs:
        server.wait_counts(job_id)
    listed = server.json("/api/webhook-deliveries/")
    assert listed["count"] == 3
    assert set(listed) == {"count", "next", "previous", "results"}
    newest = listed["results"][0]
    assert set(newest) >= {"id", "job_id", "webhook_id", "status",
                           "attempts", "next_attempt_at", "created_at"}
    assert {d["job_id"] for d in listed["results"]} == set(jobs)
    assert {d["status"] for d in listed["results"]} == {"delivered"}
    page = server.json("/api/webhook-deliveries", params={"page_size": 2})
    assert len(page["results"]) == 2 and page["next"]
    detail = server.json(f"/api/webhook-deliveries/{newest['id']}/")
    assert detail["id"] == newest["id"]
    assert server.get("/api/webhook-deliveries/999999/").status_code == 404


def test_detail_shows_attempts_and_bodies(split_scraper, backend, corpus):
    backend.script.extend([answer(500, {"error": "backend is ill"})])
    server = split_scraper()
    server.wait_counts(server.scrape(category="all"))
    row = server.json("/api/webhook-deliveries/")["results"][0]
    text = server.get(f"/api/webhook-deliveries/{row['id']}/").text
    assert "backend is ill" in text
    assert "LLM paper 0" in text, "the body that was sent"
    assert backend.secret not in text
    assert backend.signing_secret not in text


def test_filters_of_deliveries(split_scraper, backend, corpus):
    backend.script.append(answer(400))
    server = split_scraper()
    bad = server.scrape(category="all")
    delivery(server, "dead")
    server.wait_counts(server.scrape(category="all"))
    for status, count in (("dead", 1), ("delivered", 1), ("pending", 0)):
        listed = server.json("/api/webhook-deliveries/",
                             params={"status": status})
        assert listed["count"] == count
    reply = server.get("/api/webhook-deliveries/?status=maybe")
    assert reply.status_code == 400 and "status" in reply.text
    listed = server.json("/api/webhook-deliveries/", params={"job_id": bad})
    assert listed["count"] == 1


def test_replay_of_a_delivered_one_changes_nothing(make_sheaf, arxiv, corpus):
    server = make_sheaf(**scraping(arxiv))
    job = server.wait_counts(server.scrape(category="all"))
    row = server.json("/api/webhook-deliveries/")["results"][0]
    before = server.all_papers()
    reply = server.post(f"/api/webhook-deliveries/{row['id']}/replay")
    assert reply.status_code in (200, 202)
    wait_until(lambda: server.json(
        f"/api/webhook-deliveries/{row['id']}/")["attempts"] == 2,
        what="the replay")
    delivery(server, "delivered")
    assert server.all_papers() == before
    assert server.job(job["job_id"])["papers_created"] == 4


def test_replay_of_an_unknown_one(shared_lite):
    reply = shared_lite.post("/api/webhook-deliveries/999999/replay/")
    assert reply.status_code == 404


def test_split_needs_its_settings(sheaf_bin, box):
    """A scraper without backend must be told where to deliver, and both
    secrets; the error names the key."""
    whole = {"SHEAF_BACKEND_URL": "http://127.0.0.1:1",
             "SHEAF_WEBHOOK_SECRET": "s" * 30,
             "SHEAF_WEBHOOK_SIGNING_SECRET": SIGNING_SECRET}
    for named in ("backend_url", "webhook_secret", "webhook_signing_secret"):
        env = {key: value for key, value in whole.items()
               if key != "SHEAF_" + named.upper()}
        done = run_cli("serve", "--services", "scraper", "--listen",
                       "127.0.0.1:0", "--data-dir", box / "data", home=box,
                       timeout=15, **env)
        assert done.returncode not in (0, None)
        assert named in done.stderr, done.stderr


def test_the_fake_itself(backend):
    """The receiver checks what it is there to check.  The signature is the
    example of the Standard Webhooks specification's test vectors."""
    import requests
    from support.fake_backend import sign
    assert sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                b'{"test": 2432232314}') \
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    data = b'{"papers":[]}'
    good = {"webhook-id": "m", "webhook-timestamp": "1",
            "webhook-signature": sign(backend.signing_secret, "m", "1", data),
            "Authorization": "Bearer " + backend.secret}
    bad = {**good, "webhook-id": "n", "Authorization": "Bearer x"}
    for headers in (good, bad):
        assert requests.post(backend.url + "/x", data=data, timeout=5,
                             headers=headers).status_code == 201
    assert [(d.signature_ok, d.bearer_ok) for d in backend.deliveries] \
        == [(True, True), (False, False)]


# -- a test call --------------------------------------------------------------

def send_test(server, status=200):
    reply = server.post("/api/webhook-deliveries/test/", timeout=30)
    assert reply.status_code == status, reply.text
    return reply.json()


def test_a_test_call_is_one_like_any(split_scraper, backend):
    seen = send_test(split_scraper())
    sent = backend.deliveries[0]
    assert sent.bearer_ok and sent.signature_ok
    assert sent.json == seen["body"]
    assert (sent.json["job_id"], sent.json["source"]) == ("test", "test")
    assert sent.json["papers"] == [] and sent.json["total_papers"] == 0
    assert sent.headers["webhook-id"] == seen["webhook_id"]
    assert (seen["ok"], seen["status"], seen["error"], seen["signed"]) \
        == (True, 201, None, True)
    assert seen["took_ms"] >= 0
    assert "success" in seen["response"]


@pytest.mark.parametrize("reply,status,words", [
    (answer(401, {"error": "Invalid signature"}), 401, "answered 401"),
    (answer(500), 500, "answered 500"),
    (answer(302, location="http://127.0.0.1:1/"), 302, "redirects"),
    (drop(), None, None),
])
def test_a_test_call_tells_what_is_wrong(split_scraper, backend, reply,
                                         status, words):
    backend.always = reply
    server = split_scraper()
    seen = send_test(server)
    assert not seen["ok"]
    assert seen["status"] == status
    assert seen["error"] and (words or "") in seen["error"]
    assert len(backend.deliveries) == 1, "a test is not tried again"
    assert server.json("/api/webhook-deliveries/")["count"] == 0


def test_a_test_call_to_nobody(split_scraper):
    seen = send_test(split_scraper(backend_url="http://127.0.0.1:1"))
    assert (seen["ok"], seen["status"], seen["response"]) == (False, None,
                                                              None)
    assert seen["error"]


def test_a_test_call_within_one_process(make_sheaf):
    """With one worker of each kind: who asks must not wait for itself."""
    server = make_sheaf(pool_requests=1, pool_jobs=1, pool_streams=1)
    for _ in range(2):
        seen = send_test(server)
        assert (seen["ok"], seen["status"]) == (True, 201)
    jobs = server.json("/api/scraper-jobs/")
    assert jobs["count"] == 1
    assert jobs["results"][0]["job_id"] == "test"
    assert server.json("/api/papers/")["count"] == 0
