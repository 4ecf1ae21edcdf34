"""POST /scrape: what is accepted, what is refused and how it says so, and
Idempotency-Key."""

import concurrent.futures

import pytest

from support.fake_arxiv import Entry
from support.sheaf import scraping

# Body, and the field that the error must name.
BAD_FIELDS = [
    ({"source": "pubmed"}, "source"), ({"source": 1}, "source"),
    ({"days": 0}, "days"), ({"days": 366}, "days"), ({"days": -1}, "days"),
    ({"days": "7"}, "days"), ({"days": 1.5}, "days"), ({"days": True}, "days"),
    ({"days": 10 ** 18}, "days"), ({"days": [7]}, "days"),
    ({"max_results": 0}, "max_results"), ({"max_results": 2001},
                                          "max_results"),
    ({"max_results": "50"}, "max_results"),
    ({"category": "llms"}, "category"), ({"category": ""}, "category"),
    ({"category": {}}, "category"),
    ({"query": 5}, "query"), ({"query": "x" * 20000}, "query"),
    ({"arxiv_categories": "cs.AI"}, "arxiv_categories"),
    ({"arxiv_categories": [1]}, "arxiv_categories"),
    ({"arxiv_categories": ["cs.AI OR all:x"]}, "arxiv_categories"),
    ({"arxiv_categories": ["cs.AI"] * 500}, "arxiv_categories"),
]


@pytest.mark.parametrize("body,field", BAD_FIELDS, ids=[
    repr(body)[:40] for body, _ in BAD_FIELDS])
def test_bad_field_is_named(shared_lite, body, field):
    reply = shared_lite.post("/scrape", json=body)
    assert reply.status_code == 400, reply.text
    assert field in reply.json()["error"]


def test_unknown_field_is_named_with_the_nearest(shared_lite):
    reply = shared_lite.post("/scrape", json={"max_result": 5})
    assert reply.status_code == 400
    text = reply.text
    assert "max_result" in text and "max_results" in text


def test_refused_request_makes_no_job(lite):
    lite.post("/scrape", json={"days": 0})
    assert lite.json("/jobs/")["count"] == 0


@pytest.mark.parametrize("path", ["/scrape", "/scrape/"])
def test_all_defaults(make_lite, arxiv, path):
    arxiv.corpus = [Entry("2511.00001", age_days=6.9),
                    Entry("2511.00002", age_days=7.5),
                    Entry("2511.00003", age_days=1, categories=("cs.CV",))]
    server = make_lite(**scraping(arxiv))
    reply = server.post(path, json={})
    assert reply.status_code == 202
    assert set(reply.json()) >= {"job_id", "status"}
    job = server.wait_counts(reply.json()["job_id"])
    assert job["papers_found"] == 1


@pytest.mark.parametrize("body,status", [
    (b"{", 400), (b"[]", 400), (b'"x"', 400), (b"null", 400),
    (b"{}{}", 400), (b'{"days":7,}', 400), (b'{"days":NaN}', 400),
    (b'{"query":"\xff"}', 400), (b'{"query":"\xed\xa0\x80"}', 400),
    (b'{"query":"a\\u0000b"}', 400), (b'{"query":"\\ud800"}', 400),
    (b'\xef\xbb\xbf{"days":[]}', 400), (b'{"days":7,"days":0}', 400),
    (b"[" * 10000 + b"]" * 10000, 400),
    (b'{"days":' + b"[" * 10000 + b"]" * 10000 + b"}", 400),
    (b'{"query":"' + b"x" * (17 << 20) + b'"}', 413),
], ids=lambda v: repr(v)[:24])
def test_bad_json(shared_lite, body, status):
    reply = shared_lite.post("/scrape", data=body,
                             headers={"Content-Type": "application/json"})
    assert reply.status_code == status, reply.text
    assert reply.json()["error"]
    assert shared_lite.json("/readyz")


@pytest.mark.parametrize("ctype", ["text/plain", "application/xml",
                                   "application/x-www-form-urlencoded"])
def test_content_type_must_be_json(shared_lite, ctype):
    reply = shared_lite.post("/scrape", data=b"{}",
                             headers={"Content-Type": ctype})
    assert reply.status_code == 415
    assert reply.json()["error"]


# -- Idempotency-Key ----------------------------------------------------------

def keyed(server, key, **body):
    return server.post("/scrape", json=body,
                       headers={"Idempotency-Key": key})


def test_same_key_same_body_is_one_job(make_sheaf, arxiv):
    server = make_sheaf(**scraping(arxiv))
    first = keyed(server, "k1", days=3)
    again = keyed(server, "k1", days=3)
    assert first.status_code == again.status_code == 202
    assert first.json()["job_id"] == again.json()["job_id"]
    assert server.json("/jobs/", params={"kind": "scrape"})["count"] == 1
    server.wait_job(first.json()["job_id"])
    server.restart()
    assert keyed(server, "k1", days=3).json()["job_id"] \
        == first.json()["job_id"]
    assert server.json("/jobs/", params={"kind": "scrape"})["count"] == 1


def test_same_key_other_body_is_422(make_sheaf, arxiv):
    server = make_sheaf(**scraping(arxiv))
    assert keyed(server, "k1", days=3).status_code == 202
    reply = keyed(server, "k1", days=4)
    assert reply.status_code == 422
    assert "Idempotency-Key" in reply.text
    assert keyed(server, "k2", days=4).status_code == 202


def test_same_key_at_once_is_one_job(make_sheaf, arxiv):
    server = make_sheaf(**scraping(arxiv))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: keyed(server, "race", days=3),
                                range(24)))
    assert {r.status_code for r in replies} == {202}
    assert len({r.json()["job_id"] for r in replies}) == 1
    assert server.json("/jobs/", params={"kind": "scrape"})["count"] == 1


def test_overlong_key_is_refused(shared_lite):
    reply = keyed(shared_lite, "k" * 4000)
    assert reply.status_code in (400, 431)
    assert reply.json()["error"]
