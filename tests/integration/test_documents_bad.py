"""Texts and queries that are wrong: each gets a clear error, and nothing is
lost or half done."""

import json
import threading

import pytest

from support.documents import (ALL_SERVICES, GUIDE, SOUP, add, chunks,
                               documents, ended, query)

OWN_KEYS = ("title", "document_id", "job_id", "chunk_index", "start_char",
            "end_char", "page", "embedded_in_parts")


@pytest.fixture(scope="module")
def shared_desk(standing, model_dir):
    """One server for what changes nothing."""
    with standing("shared-desk", model_dir=model_dir,
                  services=ALL_SERVICES) as server:
        yield server


# -- texts -----------------------------------------------------------------------

@pytest.mark.parametrize("body,says", [
    (b"", "required"), (b"{", "line 1"), (b"[]", "object"), (b"null", "object"),
    (b'{"title":"a","text":"b"}x', "line 1"),
    (b'{"title":"a","title":"b","text":"c"}', "duplicate key"),
    (b'{"title":"a","text":"b\\u0000c"}', "NUL"),
    (b'{"title":"a","text":"\\ud800"}', "line 1"),
    (b'{"title":"a","text":"\xff"}', "UTF-8"),
    (b'{"title":"a","text":{}}', "text"), (b'{"title":"a","text":[]}', "text"),
    (b'{"title":"a","text":true}', "text"), (b'{"text":"b"}', "title"),
    (b'{"title":5,"text":"b"}', "title"), (b'{"title":"a"}', "text"),
    (b'{"title":"a","text":"b","metadata":{"a":NaN}}', "line 1"),
    (b'{"title":"a","text":"b","metadata":{"a":1e999}}', "line 1"),
    (b'{"title":"a","text":"b","metadata":{"a":[1]}}', "metadata.a"),
    (b'{"title":"a","text":"b","metadata":{"a":{}}}', "metadata.a"),
    (b'{"title":"a","text":"b","chunk_size":"1000"}', "chunk_size"),
    (b'{"title":"a","text":"b","chunk_size":1e9}', "chunk_size"),
    (b'{"title":"a","text":"b","chunk_overlap":900}', "chunk_overlap"),
    (b'{"title":"a","text":"b","metadata":' + b'{"a":' * 70 + b"1"
     + b"}" * 70 + b"}", "deep"),
])
def test_bodies(shared_desk, body, says):
    reply = shared_desk.post("/process/text", data=body,
                           headers={"Content-Type": "application/json"})
    assert reply.status_code == 400, (reply.status_code, reply.text)
    assert says in reply.json()["error"]
    assert shared_desk.json("/jobs/", params={"kind": "process"})["count"] == 0


@pytest.mark.parametrize("metadata,says", [
    ({str(i): i for i in range(10000)}, "1000 keys"),
    ({"a": "x" * 70000}, "65536 bytes"),
    ({"a": {"b": {"c": 1}}}, "metadata.a"),
])
def test_metadata(shared_desk, metadata, says):
    reply = shared_desk.post("/process/text",
                             json={**GUIDE, "metadata": metadata})
    assert reply.status_code == 400 and says in reply.text


def test_most_metadata(desk):
    """At the limits, and of every scalar type: kept and filtered by."""
    metadata = {f"key {i}": i for i in range(995)}
    metadata |= {"": "empty", "ünï": "cödé", "flag": True, "none": None,
                 "real": 1.5}
    job = add(desk, {**GUIDE, "metadata": metadata})
    assert job["status"] == "completed", job
    found = query(desk, "pods", where='{"ünï":"cödé"}')["results"][0]
    assert {k: found["metadata"][k] for k in metadata} == metadata


def test_own_keys_cannot_be_forged(desk):
    forged = {key: "forged" for key in OWN_KEYS}
    job = add(desk, {**GUIDE, "metadata": {**forged, "section": "mine"}})
    m = chunks(desk, job["document_id"])[0]["metadata"]
    assert m["title"] == GUIDE["title"] and m["chunk_index"] == 0
    assert m["document_id"] == job["document_id"]
    assert (m["start_char"], m["end_char"]) == (0, len(GUIDE["text"]))
    assert "page" not in m
    for key in ("document_id", "job_id", "chunk_index", "start_char"):
        where = json.dumps({key: "forged"})
        assert query(desk, "pods", where=where)["count"] == 0


def test_fifty_megabytes(lite_desk):
    """Refused by its length, before it is read."""
    text = "a" * (50 << 20)
    reply = lite_desk.post("/process/text", json={"title": "x", "text": text})
    assert reply.status_code == 413
    assert str(15 << 20) in reply.json()["error"]
    assert lite_desk.get("/healthz").status_code == 200


# -- queries -----------------------------------------------------------------------

@pytest.mark.parametrize("k", ["0", "-1", "101", "text", "1.5", "", "1e1", "١",
                               "99999999999999999999"])
def test_k(shared_desk, k):
    reply = shared_desk.get("/query", params={"q": "a", "k": k})
    assert reply.status_code == 400 and "k" in reply.json()["detail"]["field"]


@pytest.mark.parametrize("where", [
    "", " ", "x", "{", "}", "null", "1", '"a"', "[]", "[{}]", "{}",
    '{"a":1,"b":2}', '{"a":{}}', '{"a":null}', '{"a":[]}', '{"a":[1]}',
    '{"a":{"$eq":1,"$ne":2}}', '{"a":{"$near":1}}', '{"a":{"eq":1}}',
    '{"a":{"$eq":null}}', '{"a":{"$eq":[1]}}', '{"a":{"$eq":{}}}',
    '{"a":{"$gt":"x"}}', '{"a":{"$gt":true}}', '{"a":{"$gte":null}}',
    '{"a":{"$in":1}}', '{"a":{"$in":[]}}', '{"a":{"$in":[1,"x"]}}',
    '{"a":{"$in":[null]}}', '{"a":{"$in":[[1]]}}', '{"a":{"$nin":{}}}',
    '{"$and":{}}', '{"$and":[]}', '{"$and":[1]}', '{"$and":[{}]}',
    '{"$or":"x"}', '{"$or":[{"a":1},{}]}', '{"$not":[{"a":1}]}',
    '{"$and":[{"a":1}],"b":2}', '{"a":1}{"b":2}', '{"a":1,"a":2}',
    '{"a":01}', "{'a':1}", '{"a":1,}', '{"a":NaN}', '{"":{"$x":1}}',
    '{"$eq":1}', '{"' + "k" * 1025 + '":1}',
    '{"a":{"$in":[' + ",".join(["1"] * 1001) + "]}}",
    '{"$and":[' * 17 + '{"a":1}' + "]}" * 17,
    '{"$and":[' + ",".join(['{"a":1}'] * 256) + "]}",
])
def test_malformed_where(shared_desk, where):
    """The same over GET /query and POST /ask, and never a crash."""
    reply = shared_desk.get("/query", params={"q": "a", "where": where})
    assert reply.status_code == 400, (reply.status_code, reply.text)
    assert "where" in reply.json()["error"]
    if where in ("null", " "):
        return  # no filter at all, and no JSON
    reply = shared_desk.post(
        "/ask", data='{"question":"a","where":%s}' % where,
        headers={"Content-Type": "application/json"})
    assert reply.status_code == 400, (reply.status_code, reply.text)
    assert "where" in reply.text or "JSON" in reply.text


@pytest.mark.parametrize("params,status,says", [
    ({"collection": "nothing"}, 404, "nothing"),
    ({"collection": ""}, 400, "collection"),
    ({"collection": "a" * 101}, 400, "collection"),
    ({"mode": ""}, 400, "mode"), ({"mode": "SEMANTIC"}, 400, "mode"),
    ({"kk": "3"}, 400, "did you mean"),
    ({"q": "x" * 10001}, 414, "too long"), ({"q": "\0"}, 400, "NUL"),
    ({"q": "\n\t "}, 400, "q"),
])
def test_queries(shared_desk, params, status, says):
    reply = shared_desk.get("/query", params={"q": "a", **params})
    assert reply.status_code == status, reply.text
    assert says in reply.text


@pytest.mark.parametrize("path", [
    "/documents/nothing", "/documents/nothing/chunks", "/documents/a%20b",
    "/documents/" + "a" * 101, "/documents/%27%3B--"])
def test_no_such_document(shared_desk, path):
    assert shared_desk.get(path).status_code == 404
    if not path.endswith("chunks"):
        assert shared_desk.delete(path).status_code == 404


# -- at the same time ---------------------------------------------------------------

def test_deleting_while_querying(desk):
    """Whatever the moment: a result is whole, or it is not there."""
    texts = {f"note {i}": f"{GUIDE['text']} Number {i}. {SOUP['text']}"
             for i in range(12)}
    names = [add(desk, {"title": t, "text": x}, wait=False)
             for t, x in texts.items()]
    for name in names:
        assert ended(desk, name)["status"] == "completed"
    stop, faults, seen = threading.Event(), [], []

    def ask(mode):
        while not stop.is_set():
            reply = desk.get("/query", params={"q": "kubernetes soup", "k": 50,
                                               "mode": mode})
            if reply.status_code != 200:
                faults.append(reply.text)
                return
            for r in reply.json()["results"]:
                m = r["metadata"]
                if texts[m["title"]][m["start_char"]:m["end_char"]] != r["text"]:
                    faults.append(r)
            seen.append(reply.json()["count"])

    threads = [threading.Thread(target=ask, args=(mode,))
               for mode in ("semantic", "keyword", "hybrid")]
    for thread in threads:
        thread.start()
    try:
        for document in documents(desk):
            assert desk.delete(
                f"/documents/{document['id']}").status_code == 204
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert seen
    assert query(desk, "kubernetes soup", mode="hybrid")["count"] == 0
