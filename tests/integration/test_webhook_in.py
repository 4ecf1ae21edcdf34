"""POST /api/webhooks/scraper-complete/: who may call, what is taken, what is
counted, and that a call is one transaction."""

import base64
import concurrent.futures
import json
import time

import pytest

from support import papers
from support.fake_backend import sign
from support.papers import call, paper
from support.sheaf import SIGNING_SECRET


def signed(body, webhook_id="msg_1", at=None, secret=SIGNING_SECRET):
    """Body bytes, and Standard Webhooks headers for them."""
    data = json.dumps(body).encode()
    stamp = str(int(time.time() if at is None else at))
    return data, {"webhook-id": webhook_id, "webhook-timestamp": stamp,
                  "webhook-signature": sign(secret, webhook_id, stamp, data)}


# -- who may call -------------------------------------------------------------

@pytest.mark.parametrize("value", [
    None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic dXNlcjpwdw==",
    "Bearer integration-bearer-secre", "Bearer integration-bearer-secret2",
    "Bearer  integration-bearer-secret x", "integration-bearer-secret",
    "Bearer Integration-bearer-secret", "Bearer " + "x" * 5000])
def test_wrong_or_missing_token(library, value):
    reply = library.deliver(call([paper(1, title="Forged", version=9)]),
                            headers={"Authorization": value})
    assert reply.status_code == 401
    assert reply.content == b'{"error":"Invalid signature"}'
    assert library.json("/api/papers/", params={"search": "Forged"})[
        "count"] == 0


def test_scheme_is_case_insensitive(lite):
    reply = lite.deliver(call([paper(1)]), headers={
        "Authorization": "bearer integration-bearer-secret"})
    assert reply.status_code == 201


def test_token_is_checked_before_the_body(shared_lite):
    reply = shared_lite.deliver(b"{not json", secret="wrong")
    assert reply.status_code == 401


def test_admin_token_is_not_the_webhook_secret(shared_lite):
    reply = shared_lite.deliver(call([]), secret=shared_lite.token())
    assert reply.status_code == 401


@pytest.mark.parametrize("path", [
    "/api/webhooks/scraper-complete/", "/api/webhooks/scraper-complete",
    "/webhooks/scraper-complete/", "/webhooks/scraper-complete"])
def test_all_spellings(shared_lite, path):
    reply = shared_lite.post(path, json=call([paper(1)]), headers={
        "Authorization": "Bearer integration-bearer-secret"})
    assert reply.status_code == 201
    counts = reply.json()
    assert counts["status"] == "success"
    assert counts["papers_created"] + counts["papers_updated"] == 1


# -- signatures ---------------------------------------------------------------

def test_good_signature(sheaf):
    data, headers = signed(call([paper(1)]))
    assert sheaf.delivered(data, headers=headers)["papers_created"] == 1


def test_one_good_signature_among_several(lite):
    data, headers = signed(call([paper(1)]))
    wrong = "v1," + base64.b64encode(b"x" * 32).decode()
    headers["webhook-signature"] = \
        f"v2,abc {wrong} {headers['webhook-signature']} {wrong}"
    assert lite.delivered(data, headers=headers)["papers_created"] == 1


def flipped(headers):
    value = headers["webhook-signature"]
    return {**headers, "webhook-signature":
            value[:-3] + ("A" if value[-3] != "A" else "B") + value[-2:]}


@pytest.mark.parametrize("spoil", [
    flipped,
    lambda h: {**h, "webhook-id": "msg_2"},
    lambda h: {**h, "webhook-timestamp": str(int(h["webhook-timestamp"]) - 1)},
    lambda h: {**h, "webhook-signature": ""},
    lambda h: {**h, "webhook-signature": "v1,"},
    lambda h: {**h, "webhook-signature": "v1,!!!not-base64!!!"},
    lambda h: {**h, "webhook-signature": "v1a," + h["webhook-signature"][3:]},
    lambda h: {k: v for k, v in h.items() if k != "webhook-id"},
    lambda h: {k: v for k, v in h.items() if k != "webhook-timestamp"},
    lambda h: {k: v for k, v in h.items() if k != "webhook-signature"},
    lambda h: {**h, "webhook-timestamp": "soon"},
], ids=["flipped", "other-id", "other-time", "empty", "no-bytes",
        "not-base64", "other-scheme", "no-id", "no-time", "no-signature",
        "bad-time"])
def test_bad_signature(shared_lite, spoil):
    """Right Bearer, wrong signature: present headers are always checked."""
    data, headers = signed(call([paper(7, title="Unsigned", version=9)]))
    reply = shared_lite.deliver(data, headers=spoil(headers))
    assert reply.status_code == 401
    assert reply.content == b'{"error":"Invalid signature"}'


@pytest.mark.parametrize("age", [-600, 600, -10 ** 9])
def test_signature_of_another_time(shared_lite, age):
    data, headers = signed(call([paper(1)]), at=time.time() + age)
    assert shared_lite.deliver(data, headers=headers).status_code == 401


def test_signature_with_another_secret(shared_lite):
    other = "whsec_" + base64.b64encode(b"y" * 32).decode()
    data, headers = signed(call([paper(1)]), secret=other)
    assert shared_lite.deliver(data, headers=headers).status_code == 401


def test_same_webhook_id_twice(sheaf):
    """A delivery that is repeated answers as the first time and changes
    nothing."""
    data, headers = signed(call([paper(1), paper(2)]), "msg_same")
    first = sheaf.delivered(data, headers=headers)
    again = sheaf.delivered(data, headers=headers)
    assert first["papers_created"] == 2
    assert again["papers_created"] == 2 and again["papers_updated"] == 0
    assert sheaf.json("/api/papers/")["count"] == 2
    assert sheaf.json("/api/scraper-jobs/")["count"] == 1


def test_same_webhook_id_with_another_body(sheaf):
    data, headers = signed(call([paper(1)]), "msg_same")
    sheaf.delivered(data, headers=headers)
    data, headers = signed(call([paper(2)]), "msg_same")
    assert sheaf.deliver(data, headers=headers).status_code == 409
    assert sheaf.json("/api/papers/")["count"] == 1


def test_same_webhook_id_at_once(sheaf):
    data, headers = signed(call(papers.papers(1, 40)), "msg_race")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(
            lambda _: sheaf.deliver(data, headers=headers), range(12)))
    assert {r.status_code for r in replies} == {201}
    assert {r.json()["papers_created"] for r in replies} == {40}
    assert sheaf.json("/api/papers/")["count"] == 40


# -- counting -----------------------------------------------------------------

def test_counts_as_drawn(sheaf):
    sheaf.delivered(call(papers.papers(1, 15)))
    counts = sheaf.delivered(call(papers.papers(1, 50)))
    assert counts["status"] == "success"
    assert (counts["papers_created"], counts["papers_updated"]) == (35, 15)
    assert counts["papers_unchanged"] == 15
    assert sheaf.json("/api/papers/")["count"] == 50


def test_drawn_fields_are_enough(sheaf):
    counts = sheaf.delivered(call([papers.drawn_paper(1)]))
    assert counts["papers_created"] == 1
    stored = sheaf.json("/api/papers/")["results"][0]
    assert stored["source_id"] == "2501.00001", "taken from the URL"
    assert stored["authors"] == "Ann Author1, Bob Common"


def test_changes_are_updates(sheaf):
    sheaf.delivered(call(papers.papers(1, 4)))
    counts = sheaf.delivered(call([
        paper(1),                                      # identical
        paper(2, relevance_score=0.99),                # score alone
        paper(3, title="Paper 3, corrected"),          # same version
        paper(4, version=2, title="Paper 4, second")]))
    assert (counts["papers_created"], counts["papers_updated"]) == (0, 4)
    assert counts["papers_unchanged"] == 2
    titles = {p["source_id"]: p["title"] for p in sheaf.all_papers()}
    assert titles["2501.00003"] == "Paper 3, corrected"
    assert titles["2501.00004"] == "Paper 4, second"


def test_score_alone_is_no_change(sheaf):
    sheaf.delivered(call([paper(1)]))
    before = sheaf.json("/api/papers/")["results"][0]
    sheaf.delivered(call([paper(1, relevance_score=0.99,
                                relevance={"base": 0.5})]))
    assert sheaf.json("/api/papers/")["results"][0] == before


def test_older_version_never_updates(sheaf):
    sheaf.delivered(call([paper(1, version=3, title="Third")]))
    before = sheaf.json("/api/papers/")["results"][0]
    counts = sheaf.delivered(call([paper(1, version=2, title="Second")]))
    assert (counts["papers_created"], counts["papers_updated"],
            counts["papers_unchanged"]) == (0, 1, 1)
    assert sheaf.json("/api/papers/")["results"][0] == before


def test_update_keeps_identity(sheaf):
    sheaf.delivered(call([paper(1)]))
    before = sheaf.json("/api/papers/")["results"][0]
    sheaf.delivered(call([paper(1, version=2, title="Better",
                                abstract="Nothing about quokkas.")]))
    after = sheaf.json("/api/papers/")["results"][0]
    assert after["id"] == before["id"]
    assert after["created_at"] == before["created_at"]
    assert after["updated_at"] >= before["updated_at"]
    # The full text follows the update, both ways.
    assert sheaf.json("/api/papers/",
                      params={"search": "quokkas"})["count"] == 1
    assert sheaf.json("/api/papers/",
                      params={"search": '"large language"'})["count"] == 0


@pytest.mark.parametrize("url", [
    "https://arxiv.org/abs/2501.00001v7", "http://arxiv.org/abs/2501.00001",
    "https://arxiv.org/abs/2501.00001/", "https://www.arxiv.org/abs/2501.00001",
    "https://export.arxiv.org/abs/2501.00001",
    "https://arxiv.org/pdf/2501.00001v1"])
def test_spellings_of_one_url(shared_lite, url):
    reply = shared_lite.delivered(call([paper(1, url=url)]))
    assert reply["papers_created"] == 0
    found = shared_lite.json("/api/papers/", params={
        "search": '"Paper 00001"'})["results"]
    assert [p["url"] for p in found] == ["https://arxiv.org/abs/2501.00001"]


def test_duplicates_within_a_call(sheaf):
    counts = sheaf.delivered(call([paper(1), paper(1), paper(2), paper(1)]))
    assert (counts["papers_created"], counts["papers_updated"]) == (2, 2)
    assert sheaf.json("/api/papers/")["count"] == 2


def test_calls_at_once_create_each_paper_once(sheaf):
    def send(number):
        return sheaf.delivered(call(papers.papers(1 + number % 3, 30),
                                    f"arxiv-{number}"))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(send, range(16)))
    assert sum(c["papers_created"] for c in counts) == 32
    assert sheaf.json("/api/papers/")["count"] == 32
    assert sheaf.json("/api/scraper-jobs/")["count"] == 16


def test_failed_scrape_is_kept(sheaf):
    reply = sheaf.deliver(call([], "arxiv-99", status="failed",
                               error="arXiv said no"))
    assert reply.status_code == 201
    row = sheaf.json("/api/scraper-jobs/")["results"][0]
    assert (row["job_id"], row["status"], row["papers_found"]) \
        == ("arxiv-99", "failed", 0)
    assert row["error"] == "arXiv said no"


def test_scraper_job_is_kept_by_job_id(sheaf):
    sheaf.delivered(call(papers.papers(1, 3), "arxiv-1"))
    sheaf.delivered(call(papers.papers(4, 2), "arxiv-1"))
    sheaf.delivered(call(papers.papers(4, 2), "arxiv-2"))
    listed = sheaf.json("/api/scraper-jobs/")
    assert listed["count"] == 2
    assert [r["job_id"] for r in listed["results"]] == ["arxiv-2", "arxiv-1"]


# -- malformed ----------------------------------------------------------------

def without(field, inner=True):
    if inner:
        made = paper(999)
        del made[field]
        return call([paper(998), made])
    body = call([paper(998)])
    del body[field]
    return body


MALFORMED = {
    "not-json": (b"{", ""), "array": ([], ""), "text": ("x", ""),
    "empty": (b"", ""), "no-papers": (without("papers", False), "papers"),
    "papers-object": (call({}), "papers"),
    "papers-null": (call([], papers=None), "papers"),
    "no-job-id": (without("job_id", False), "job_id"),
    "job-id-number": (call([], job_id=5), "job_id"),
    "job-id-empty": (call([], job_id=""), "job_id"),
    "job-id-long": (call([], job_id="x" * 5000), "job_id"),
    "source-number": (call([], source=1), "source"),
    "total-text": (call([], total_papers="many"), "total_papers"),
    "timestamp": (call([], timestamp="yesterday"), "timestamp"),
    "status": (call([], status="maybe"), "status"),
    "paper-text": (call([paper(998), "x"]), "papers[1]"),
    "no-title": (without("title"), "title"),
    "title-empty": (call([paper(999, title="  ")]), "title"),
    "title-number": (call([paper(999, title=7)]), "title"),
    "title-nul": (call([paper(999, title="a\0b")]), "title"),
    "no-url": (without("url"), "url"),
    "url-word": (call([paper(999, url="not a url")]), "url"),
    "url-script": (call([paper(999, url="javascript:alert(1)")]), "url"),
    "authors-text-list": (call([paper(999, authors=[1])]), "authors"),
    "authors-object": (call([paper(999, authors={})]), "authors"),
    "score-text": (call([paper(999, relevance_score="high")]),
                   "relevance_score"),
    "score-high": (call([paper(999, relevance_score=1.5)]),
                   "relevance_score"),
    "score-low": (call([paper(999, relevance_score=-0.1)]),
                  "relevance_score"),
    "published": (call([paper(999, published_at="soon")]), "published_at"),
    "published-day": (call([paper(999, published_at="2025-13-40T00:00:00Z")]),
                      "published_at"),
    "version-text": (call([paper(999, version="two")]), "version"),
    "version-negative": (call([paper(999, version=-2)]), "version"),
    "tags-text": (call([paper(999, tags="a,b")]), "tags"),
    "deep": (b'{"papers":' + b"[" * 10000 + b"]" * 10000 + b"}", ""),
    "not-utf8": (json.dumps(call([paper(999, title="QQQ")])).encode()
                 .replace(b"QQQ", b"\xff\xfe"), ""),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_stores_nothing(library, name):
    body, field = MALFORMED[name]
    before = library.json("/api/papers/")["count"]
    jobs = library.json("/api/scraper-jobs/")["count"]
    reply = library.deliver(body)
    assert reply.status_code == 400, reply.text
    assert field in json.dumps(reply.json())
    assert library.json("/api/papers/")["count"] == before
    assert library.json("/api/scraper-jobs/")["count"] == jobs


def test_oversize_is_413(shared_lite):
    body = json.dumps(call([paper(1, abstract="x" * (16 << 20))])).encode()
    assert len(body) > 16 << 20
    reply = shared_lite.deliver(body)
    assert reply.status_code == 413
    assert reply.json()["error"]


def test_nearly_16_mib_is_taken(sheaf):
    made = papers.papers(1, 1500)
    body = json.dumps(call(made)).encode()
    body = body[:-1] + b" " * ((16 << 20) - len(body)) + b"}"
    assert len(body) == 16 << 20
    assert sheaf.delivered(body)["papers_created"] == 1500


@pytest.mark.parametrize("ctype,status", [
    ("application/json; charset=utf-8", 201), ("Application/JSON", 201),
    ("text/plain", 415), (None, 415), ("application/jsonp", 415)])
def test_content_type(shared_lite, ctype, status):
    reply = shared_lite.deliver(call([paper(1)]),
                                headers={"Content-Type": ctype})
    assert reply.status_code == status


def test_get_is_405(shared_lite):
    for path in ("/api/webhooks/scraper-complete/",
                 "/webhooks/scraper-complete"):
        reply = shared_lite.get(path)
        assert reply.status_code == 405
        assert "POST" in reply.headers["Allow"]


@pytest.mark.one_process("secrets that a process finds or makes")
def test_secret_of_the_drawing(make_lite):
    """WEBHOOK_SECRET, the drawing's own name, sets the Bearer secret."""
    import os
    server = make_lite.make(secrets=False)
    usual = server.env
    server.env = lambda: {**usual(), "WEBHOOK_SECRET": "drawn-secret"}
    server.start()
    assert "WEBHOOK_SECRET" not in os.environ
    assert server.deliver(call([paper(1)]),
                          secret="drawn-secret").status_code == 201


@pytest.mark.one_process("secrets that a process finds or makes")
def test_generated_secret(make_lite):
    """Without any, a secret is made, kept 0600, and used by our own sender."""
    server = make_lite.make(secrets=False)
    server.start()
    path = server.data_dir / "webhook_secret"
    assert path.stat().st_mode & 0o777 == 0o600
    secret = path.read_text().split()[0]
    assert len(secret) >= 24
    assert server.deliver(call([paper(1)]), secret=secret).status_code == 201
