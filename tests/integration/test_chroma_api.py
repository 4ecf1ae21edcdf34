"""Chroma's REST API v2, by hand: shapes, rules, limits.  What the official
clients make of it, and whether Chroma's own server says the same, is tested
with them."""

import threading

import pytest

from support import papers
from support.chroma_api import (COLLECTIONS, DATABASE, Collection, Refused,
                                call, packed)
from support.documents import ALL_SERVICES, add, query
from support.waiting import wait_until

OURS = ["portfolio_documents", "papers"]
PROCESSOR = {"services": "processor"}


@pytest.fixture
def server(make_sheaf, box):
    """No model: nothing but our own collections asks for one."""
    return started(make_sheaf, box, "a")


def started(factory, box, name, **kw):
    """It is never ready, for want of a model, but it answers."""
    return factory.make(name, settings={
        "model_dir": str(box / "no-model"), **PROCESSOR,
        **kw.pop("settings", {})}, **kw).start(until="/healthz")


def refused(make, status, name, *words):
    """It must be refused so; the message has the words."""
    with pytest.raises(Refused) as caught:
        make()
    assert (caught.value.status, caught.value.name) == (status, name), \
        caught.value
    for word in words:
        assert word in caught.value.message
    return caught.value


# -- the server -----------------------------------------------------------------

def test_system(server):
    now = call(server, "GET", "/api/v2/heartbeat")["nanosecond heartbeat"]
    assert call(server, "GET", "/api/v2")["nanosecond heartbeat"] >= now > 10**18
    assert call(server, "GET", "/api/v2/version") == "1.0.0"
    assert call(server, "GET", "/api/v2/healthcheck")["is_executor_ready"]
    assert call(server, "GET", "/api/v2/pre-flight-checks") == {
        "max_batch_size": 10000, "supports_base64_encoding": True}
    assert call(server, "GET", "/api/v2/auth/identity") == {
        "user_id": "", "tenant": "default_tenant",
        "databases": ["default_database"]}


def test_reset_is_behind_a_switch(make_sheaf, box):
    server = started(make_sheaf, box, "a")
    refused(lambda: call(server, "POST", "/api/v2/reset"), 403, "ChromaError",
            "Reset is disabled by config")
    open_to_it = started(make_sheaf, box, "b", settings={"chroma_reset": "on"})
    c = Collection.create(open_to_it, "notes")
    c.add(["a"], [[1, 2]])
    assert call(open_to_it, "POST", "/api/v2/reset") is True
    refused(c.count, 404, "NotFoundError")
    assert Collection.create(open_to_it, "notes").count() == 0


def test_errors_have_chromas_envelope(server):
    for method, path, status in (("GET", "/api/v2/nothing", 404),
                                 ("DELETE", "/api/v2/version", 405),
                                 ("GET", "/api/v2/tenants/none", 404)):
        reply = server.request(method, path)
        assert reply.status_code == status
        assert set(reply.json()) == {"error", "message"}
    reply = server.post(COLLECTIONS, data=b"{", headers={
        "Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["error"]) == (
        400, "InvalidArgumentError")
    reply = server.post(COLLECTIONS, data=b"x" * (3 << 20), headers={
        "Content-Type": "application/json"})
    assert reply.status_code == 413


def test_tokens(make_sheaf, box):
    server = started(make_sheaf, box, "a", settings={"private_reads": "on"})
    token = server.token()
    for headers, status in (({}, 401), ({"X-Chroma-Token": "wrong"}, 401),
                            ({"X-Chroma-Token": token}, 200),
                            ({"Authorization": f"Bearer {token}"}, 200)):
        reply = server.get(COLLECTIONS, headers=headers)
        assert reply.status_code == status, headers
        if status == 401:
            assert reply.json()["error"] == "AuthorizationError"
    # another surface does not know that header
    assert server.get("/documents/", headers={
        "X-Chroma-Token": token}).status_code == 401


# -- tenants and databases ------------------------------------------------------

def test_tenants_and_databases(server):
    tenants = "/api/v2/tenants"
    refused(lambda: call(server, "GET", f"{tenants}/lab"), 404,
            "NotFoundError", "Tenant [lab] not found")
    assert call(server, "POST", tenants, json={"name": "lab"}) == {}
    refused(lambda: call(server, "POST", tenants, json={"name": "lab"}), 409,
            "ChromaError", "Tenant [lab] already exists")
    refused(lambda: call(server, "POST", tenants, json={"name": "la"}), 400,
            "InvalidArgumentError", "name")
    refused(lambda: call(server, "POST", tenants, json={"name": 5}), 422,
            "ChromaError", "name")
    assert call(server, "GET", f"{tenants}/lab") == {
        "name": "lab", "resource_name": None}

    databases = f"{tenants}/lab/databases"
    assert call(server, "GET", databases) == []
    for name in ("one", "two", "six"):
        call(server, "POST", databases, json={"name": name})
    refused(lambda: call(server, "POST", databases, json={"name": "one"}), 409,
            "ChromaError", "Database [one] already exists")
    listed = call(server, "GET", databases)
    assert [d["name"] for d in listed] == ["one", "six", "two"]
    assert call(server, "GET", f"{databases}?limit=1&offset=1") == listed[1:2]
    assert call(server, "GET", f"{databases}/one") == listed[0]

    collections = f"{databases}/one/collections"
    row = call(server, "POST", collections, json={"name": "notes"})
    assert (row["tenant"], row["database"]) == ("lab", "one")
    assert call(server, "DELETE", f"{databases}/one") == {}
    refused(Collection(server, row).count, 404, "NotFoundError")
    refused(lambda: call(server, "DELETE", f"{databases}/one"), 404,
            "NotFoundError", "Database [one] not found")
    refused(lambda: call(server, "POST", collections, json={"name": "notes"}),
            400, "InvalidArgumentError", "Database [one] does not exist")
    refused(lambda: call(server, "DELETE", DATABASE), 403, "ChromaError",
            "default_database")


# -- collections ----------------------------------------------------------------

def test_collections(server):
    c = Collection.create(server, "notes", metadata={"a": 1})
    assert c.row["configuration_json"] == {
        "hnsw": {"space": "l2", "ef_construction": 100, "ef_search": 100,
                 "max_neighbors": 16, "resize_factor": 1.2,
                 "sync_threshold": 1000},
        "spann": None, "embedding_function": None}
    assert c.row["dimension"] is None and c.row["metadata"] == {"a": 1}
    refused(lambda: Collection.create(server, "notes"), 409, "ChromaError",
            "Collection [notes] already exists")
    again = Collection.create(server, "notes", get_or_create=True,
                              metadata={"b": 2})
    assert again.row == c.row == Collection.named(server, "notes").row

    for name in ("n3n", "n4n"):
        Collection.create(server, name)
    names = [row["name"] for row in call(server, "GET", COLLECTIONS)]
    assert names == OURS + ["notes", "n3n", "n4n"]
    assert call(server, "GET", DATABASE + "/collections_count") == len(names)
    for limit, offset in ((2, 0), (2, 1), (2, 3), (0, 0), (9, 4)):
        page = call(server, "GET",
                    f"{COLLECTIONS}?limit={limit}&offset={offset}")
        assert [row["name"] for row in page] == names[offset:offset + limit]

    c.change(new_name="thoughts", new_metadata={"c": [1, 2]})
    assert c.show()["name"] == "thoughts"
    assert c.show()["metadata"] == {"c": [1, 2]}
    refused(lambda: c.change(new_name="n3n"), 409, "ChromaError")
    refused(lambda: c.change(new_name="papers"), 409, "ChromaError")
    refused(lambda: c.change(new_metadata={}), 400, "InvalidArgumentError")
    c.change(new_configuration={"hnsw": {"ef_search": 7}, "embedding_function":
                                {"type": "known", "name": "x", "config": {}}})
    configuration = c.show()["configuration_json"]
    assert configuration["hnsw"]["ef_search"] == 7
    assert configuration["embedding_function"]["name"] == "x"
    refused(lambda: c.change(new_configuration={"hnsw": {"space": "ip"}}), 422,
            "ChromaError", "space")

    assert Collection.named(server, "n3n").drop() == {}
    refused(lambda: Collection.named(server, "n3n"), 404, "NotFoundError",
            "Collection [n3n] does not exist")
    refused(lambda: call(server, "GET", f"{COLLECTIONS}/by-id/xyz"), 400,
            "InvalidArgumentError", "UUID")


@pytest.mark.parametrize("name, body, space", [
    ("default", {}, "l2"),
    ("hnsw", {"configuration": {"hnsw": {"space": "cosine"}}}, "cosine"),
    ("spann", {"configuration": {"spann": {"space": "ip"}}}, "ip"),
    ("metadata", {"metadata": {"hnsw:space": "ip"}}, "ip"),
    ("both", {"metadata": {"hnsw:space": "ip"},
      "configuration": {"hnsw": {"space": "cosine"}}}, "cosine"),
    ("empty", {"metadata": {"hnsw:space": "ip"}, "configuration": {"hnsw": {}}}, "ip"),
    ("schema", {"schema": {"defaults": {}, "keys": {"#embedding": {"float_list": {
        "vector_index": {"enabled": True, "config": {"space": "cosine"}}}}}}},
     "cosine")])
def test_space(shared, name, body, space):
    c = Collection.create(shared, f"space-{name}", **body)
    assert c.row["configuration_json"]["hnsw"]["space"] == space
    config = c.row["schema"]["keys"]["#embedding"]["float_list"]["vector_index"]
    assert config["config"]["space"] == space
    c.add(["a", "b", "c"], [[1, 2], [3, 1], [-1, -1]])
    found = c.query([1, 1], include=["distances"])
    expected = {"l2": (["a", "b", "c"], [1, 4, 8]),
                "ip": (["b", "a", "c"], [-3, -2, 3]),
                "cosine": (["a", "b", "c"], [0.051316738, 0.10557282, 2])}
    ids, distances = expected[space]
    assert found["ids"] == [ids]
    assert found["distances"][0] == pytest.approx(distances, rel=1e-6)


@pytest.fixture(scope="module")
def shared(work_dir, layout, lite_database):
    url = lite_database.create()
    server = layout.sheaf(work_dir / "chroma-api" / "data", url, settings={
        "model_dir": str(work_dir / "no-model"), **PROCESSOR})
    yield server.start(until="/healthz")
    server.stop()
    if url:
        lite_database.drop(url)


@pytest.mark.parametrize("body, status, word", [
    ({"configuration": {"hnsw": {"space": "bogus"}}}, 422, "space"),
    ({"configuration": {"hnsw": {"bogus": 1}}}, 422, "bogus"),
    ({"configuration": {"hnsw": {"ef_search": -1}}}, 422, "ef_search"),
    ({"configuration": {"hnsw": {}, "spann": {}}}, 400, "Multiple"),
    ({"configuration": 5}, 422, "configuration"),
    ({"configuration": {"embedding_function": {"type": "known"}}}, 422, "name"),
    ({"configuration": {"embedding_function": {"type": "odd"}}}, 422, "type"),
    ({"metadata": {"hnsw:space": "bogus"}}, 400, "hnsw:space"),
    ({"metadata": {"hnsw:bogus": 1}}, 400, "hnsw:bogus"),
    ({"metadata": {}}, 400, "empty"),
    ({"metadata": {"#a": 1}}, 400, "#a"),
    ({"metadata": {"": 1}}, 400, "empty"),
    ({"metadata": {"a": None}}, 422, "a"),
    ({"metadata": {"a": {"b": 1}}}, 422, "a"),
    ({"metadata": {"a": [1, "x"]}}, 422, "a"),
    ({"metadata": []}, 422, "metadata"),
    ({"get_or_create": 5}, 422, "get_or_create")])
def test_bad_collections(shared, body, status, word):
    refused(lambda: Collection.create(shared, "never-made", **body), status,
            {400: "InvalidArgumentError", 422: "ChromaError"}[status], word)
    refused(lambda: Collection.named(shared, "never-made"), 404,
            "NotFoundError")


@pytest.mark.parametrize("name", ["", "ab", "-abc", "abc-", "a..b", "a b",
                                  "192.168.1.1", "\u00dcber", "x" * 513])
def test_bad_names(shared, name):
    refused(lambda: Collection.create(shared, name), 400,
            "InvalidArgumentError", "Expected a name")


# -- records --------------------------------------------------------------------

def test_records(server):
    c = Collection.create(server, "notes")
    assert c.get() == {"ids": [], "embeddings": None, "documents": [],
                       "uris": None, "metadatas": [],
                       "include": ["documents", "metadatas"]}
    assert c.query([1, 2])["ids"] == [[]]
    assert c.add(["a", "b"], [[1, 2], packed([3, 4.5])],
                 documents=["first", None],
                 metadatas=[{"k": 1, "f": 2.0, "l": [1, 2]}, None],
                 uris=["u", None]) == {}
    assert c.count() == 2 and c.show()["dimension"] == 2
    everything = ["embeddings", "documents", "metadatas", "uris"]
    assert c.get(include=everything) == {
        "ids": ["a", "b"], "embeddings": [[1.0, 2.0], [3.0, 4.5]],
        "documents": ["first", None], "uris": ["u", None],
        "metadatas": [{"k": 1, "f": 2.0, "l": [1, 2]}, None],
        "include": everything}
    assert c.get(ids=["b", "a", "zz", "b"])["ids"] == ["a", "b"]
    assert c.get(limit=1)["ids"] == ["a"]
    assert c.get(limit=1, offset=1)["ids"] == ["b"]
    assert c.get(limit=0)["ids"] == c.get(ids=[])["ids"] == []

    c.add(["a", "c", "c"], [[9, 9], [5, 5], [6, 6]],
          documents=["other", "third", "fourth"])
    assert c.get()["documents"] == ["first", None, "third"]
    c.upsert(["a", "d"], [[7, 7], [8, 8]], metadatas=[{"k": 2, "f": None}, {}])
    assert c.get(ids=["a"], include=everything) == {
        "ids": ["a"], "embeddings": [[7.0, 7.0]], "documents": ["first"],
        "uris": ["u"], "metadatas": [{"k": 2, "l": [1, 2]}],
        "include": everything}
    c.update(["a", "nobody"], metadatas=[{"k": None, "l": None}, {"x": 1}],
             documents=["", "y"], embeddings=[None, [1, 1]])
    # as on theirs: {} where there is a uri, else null
    assert c.get(ids=["a"], include=everything)["metadatas"] == [{}]
    assert c.get(ids=["a", "nobody"])["documents"] == [""]
    # Chroma has uris among the metadata, so what has none but a uri has {}.
    c.update(["c"], metadatas=[{"k": 1}])
    c.update(["c"], metadatas=[{"k": None}])
    assert c.get(ids=["a", "c"])["metadatas"] == [{}, None]

    assert c.remove(ids=["a", "nobody"]) == 1
    assert c.remove() == 0
    assert c.get()["ids"] == ["b", "c", "d"] and c.count() == 3
    c.add(["a"], [[1, 1]])
    assert c.get()["ids"] == ["b", "c", "d", "a"]


def test_query(server):
    c = Collection.create(server, "notes")
    c.add(["a", "b", "c"], [[1, 0], [2, 0], [4, 0]],
          documents=["one", "two", "four"], metadatas=[{"n": i} for i in (1, 2, 4)],
          uris=["x", "y", None])
    assert c.query([0, 0], [4, 0], n_results=2, include=[
        "distances", "documents", "embeddings", "metadatas", "uris"]) == {
        "ids": [["a", "b"], ["c", "b"]],
        "embeddings": [[[1.0, 0.0], [2.0, 0.0]], [[4.0, 0.0], [2.0, 0.0]]],
        "documents": [["one", "two"], ["four", "two"]],
        "uris": [["x", "y"], [None, "y"]],
        "metadatas": [[{"n": 1}, {"n": 2}], [{"n": 4}, {"n": 2}]],
        "distances": [[1.0, 4.0], [0.0, 4.0]],
        "include": ["distances", "documents", "embeddings", "metadatas",
                    "uris"]}
    assert c.query([0, 0], n_results=1000)["ids"] == [["a", "b", "c"]]
    assert c.query([0, 0], n_results=0)["ids"] == [[]]
    assert c.query()["ids"] == []
    assert c.query([0, 0], ids=["c", "b", "zz"])["ids"] == [["b", "c"]]
    assert c.query([0, 0], ids=[])["ids"] == [[]]
    assert c.query([0, 0], where={"n": {"$gt": 1}})["ids"] == [["b", "c"]]
    assert c.query([0, 0], [9, 0], where={"n": 9})["ids"] == [[], []]
    assert c.query([0, 0], ids=["a", "b"], where={"n": {"$gt": 1}},
                   where_document={"$contains": "w"})["ids"] == [["b"]]
    refused(lambda: c.query([1]), 400, "InvalidArgumentError",
            "Collection expecting embedding with dimension of 2, got 1")
    refused(lambda: c.query(["x", 1]), 422, "ChromaError",
            "query_embeddings[0][0]")
    refused(lambda: c.query([1, 1], include=["data"]), 422, "ChromaError",
            "include[0]")
    refused(lambda: c.query([1e30, 1]), 400, "InvalidArgumentError", "length")


def test_vectors_are_not_packed(shared):
    """Digits of vectors hardly get smaller, and gzip takes longer than all the
    rest; clients ask for it without being told to."""
    c = Collection.create(shared, "unpacked")
    c.add(["a", "b"], [[0.1234567 * i for i in range(500)]] * 2)
    for verb, body in (("get", {"include": ["embeddings"]}),
                       ("query", {"query_embeddings": [[1] * 500],
                                  "include": ["embeddings"]})):
        reply = shared.post(f"{c.path}/{verb}", json=body,
                            headers={"Accept-Encoding": "gzip"})
        assert len(reply.content) > 5000
        assert "Content-Encoding" not in reply.headers


@pytest.mark.parametrize("body, status, words", [
    ({"ids": ["x"]}, 422, "embeddings"),
    ({"embeddings": [[1, 2]]}, 422, "ids"),
    ({"ids": ["x"], "embeddings": None}, 422, "embeddings"),
    ({"ids": ["x"], "embeddings": [None]}, 422, "embeddings[0]"),
    ({"ids": ["x"], "embeddings": [[True, 2]]}, 422, "embeddings[0]"),
    ({"ids": ["x"], "embeddings": [[]]}, 400, "at least 1 dimension"),
    ({"ids": ["x"], "embeddings": [[1, 2, 3]]}, 400,
     "Collection expecting embedding with dimension of 2, got 3"),
    ({"ids": ["x", "y"], "embeddings": [[1, 2], [1]]}, 400,
     "Inconsistent dimensions in provided embeddings"),
    ({"ids": ["x", "y"], "embeddings": [[1, 2]]}, 400, "Inconsistent number"),
    ({"ids": ["x"], "embeddings": [[1, 2]], "documents": []}, 400,
     "Inconsistent number"),
    ({"ids": [""], "embeddings": [[1, 2]]}, 400, "Empty ID"),
    ({"ids": [None], "embeddings": [[1, 2]]}, 422, "ids[0]"),
    ({"ids": ["x" * 1025], "embeddings": [[1, 2]]}, 400, "ids[0]"),
    ({"ids": ["x\0"], "embeddings": [[1, 2]]}, 400, "NUL"),
    ({"ids": ["x"], "embeddings": [[1e300, 2]]}, 400, "NaN or Infinity"),
    ({"ids": ["x"], "embeddings": [[1e30, 2]]}, 400, "embedding 0"),
    ({"ids": ["x"], "embeddings": ["!!"]}, 400, "Invalid base64"),
    ({"ids": ["x"], "embeddings": ["AAAA"]}, 400, "divisible by 4"),
    ({"ids": ["x"], "embeddings": ["AADAfwAAwH8="]}, 400, "NaN"),
    ({"ids": ["x"], "embeddings": [[1, 2]], "documents": [5]}, 422,
     "documents[0]"),
    ({"ids": ["x"], "embeddings": [[1, 2]], "metadatas": [5]}, 422,
     "metadatas[0]"),
    ({"ids": ["x"], "embeddings": [[1, 2]], "metadatas": [{"a": None}]}, 422,
     "metadatas[0].a"),
    ({"ids": ["x"], "embeddings": [[1, 2]], "metadatas": [{"a": [1, "b"]}]},
     422, "metadatas[0].a"),
    ({"ids": ["x"], "embeddings": [[1, 2]], "metadatas": [{"$a": 1}]}, 400,
     "$a"),
    ({"ids": ["x"], "embeddings": [[1, 2]], "metadatas": [
        {"s": {"indices": [1], "values": [1]}}]}, 422, "sparse"),
    ({"ids": [str(i) for i in range(10001)],
      "embeddings": [[1, 2]] * 10001}, 413, "max batch size of 10000"),
    ([], 422, "object")])
def test_bad_records(shared, body, status, words):
    """Nothing of it is kept."""
    c = Collection.create(shared, "bad-records", get_or_create=True)
    c.upsert(["there"], [[1, 2]])
    refused(lambda: call(shared, "POST", c.path + "/add", json=body), status,
            {400: "InvalidArgumentError", 413: "BatchSizeExceededError",
             422: "ChromaError"}[status], words)
    assert c.get()["ids"] == ["there"]


@pytest.mark.parametrize("data", [
    b"", b"{", b'{"ids":["a"],"embeddings":[[1,2]]}x', b'{"ids":["a\xff"]}',
    b'{"ids":["a"],"embeddings":[[NaN,1]]}',
    b'{"ids":["a"],"embeddings":[[1,2]],"metadatas":' + b"[" * 70])
def test_no_json(shared, data):
    c = Collection.create(shared, "no-json", get_or_create=True)
    reply = shared.post(c.path + "/add", data=data)
    assert (reply.status_code, reply.json()["error"]) == (
        400, "InvalidArgumentError"), reply.text
    assert c.count() == 0


@pytest.mark.parametrize("where, document, words", [
    ({}, None, "Invalid where clause: where: "),
    ({"a": {"$bogus": 1}}, None, "Invalid where clause: where.a.$bogus"),
    ({"a": {"$gt": "x"}}, None, "Invalid where clause: where.a.$gt"),
    ({"$and": 5}, None, "Invalid where clause: where.$and"),
    (None, {}, "Invalid where document clause: where_document: "),
    (None, {"$contains": 5}, "where_document.$contains"),
    (None, {"$regex": "("}, "where_document.$regex"),
    (None, {"$regex": "(a)\\1"}, "references back"),
    (None, {"$eq": "x"}, "where_document.$eq")])
def test_bad_filters(shared, where, document, words):
    c = Collection.create(shared, "bad-filters", get_or_create=True)
    c.upsert(["a"], [[1, 2]], documents=["x"])
    filters = {"where": where, "where_document": document}
    for ask in (lambda: c.get(**filters), lambda: c.remove(**filters),
                lambda: c.query([1, 2], **filters)):
        refused(ask, 400, "InvalidArgumentError", words)
    assert c.count() == 1


def test_a_regex_that_would_never_end(shared):
    c = Collection.create(shared, "regex")
    c.add(["a"], [[1, 2]], documents=["x" * 3000])
    refused(lambda: c.get(where_document={"$regex": "(x+x+)+[yz]"}), 422,
            "ChromaError", "too many steps")


def test_filters_see_every_change(server):
    """Metadata and documents in memory follow add, update and delete."""
    c = Collection.create(server, "notes")
    c.add(["a", "b", "c"], [[1, 1], [2, 2], [3, 3]],
          documents=["red fox", "Red Fox", None],
          metadatas=[{"n": 1}, {"n": 2.5}, None])

    def found(**filters):
        got = c.get(include=[], **filters)["ids"]
        assert sorted(c.query([0, 0], **filters)["ids"][0]) == sorted(got)
        return got
    assert found(where={"n": {"$lt": 3}}) == ["a", "b"]
    assert found(where={"n": {"$ne": 1}}) == ["b", "c"]
    assert found(where_document={"$contains": "fox"}) == ["a"]
    assert found(where_document={"$regex": "(?i)FOX$"}) == ["a", "b"]
    assert found(where_document={"$not_contains": "fox"}) == ["b", "c"]
    assert found(where={"$or": [{"n": 2.5}, {"#document": {
        "$contains": "red"}}]}) == ["a", "b"]
    c.update(["a"], metadatas=[{"n": 7}], documents=["blue"])
    c.add(["d"], [[4, 4]], metadatas=[{"n": 0}], documents=["fox"])
    assert found(where={"n": {"$lt": 3}}) == ["b", "d"]
    assert found(where_document={"$contains": "fox"}) == ["d"]
    assert c.remove(where={"n": {"$lt": 3}}, limit=1) == 1
    assert found(where={"n": {"$lt": 3}}) == ["d"]
    assert c.remove(where_document={"$contains": "fox"}) == 1
    assert found(where={"n": {"$gte": 0}}) == ["a"]
    refused(lambda: c.remove(limit=1), 400, "InvalidArgumentError", "limit")
    refused(lambda: c.remove(ids=[]), 400, "InvalidArgumentError", "ids")
    assert c.get()["ids"] == ["a", "c"]


def test_many_records(server):
    """More than fit into one batch, one page, one piece of a reply."""
    c = Collection.create(server, "many")
    n = 21000
    for first in range(0, n, 7000):
        ids = [f"id-{i}" for i in range(first, first + 7000)]
        c.add(ids, [packed([i, 1, 2, 3]) for i in range(first, first + 7000)],
              documents=[f"text {i} " + "x" * 50
                         for i in range(first, first + 7000)],
              metadatas=[{"n": i} for i in range(first, first + 7000)])
    assert c.count() == n
    got = c.get(include=["embeddings", "documents", "metadatas"])
    assert got["ids"] == [f"id-{i}" for i in range(n)]
    assert [v[0] for v in got["embeddings"]] == list(range(n))
    assert got["metadatas"] == [{"n": i} for i in range(n)]
    assert all(d.startswith(f"text {i} ")
               for i, d in enumerate(got["documents"]))
    page = c.get(limit=3000, offset=9500, include=["metadatas"])
    assert page["metadatas"] == [{"n": i} for i in range(9500, 12500)]
    assert c.get(where={"n": {"$gte": n - 3}}, offset=1)["ids"] == [
        f"id-{n - 2}", f"id-{n - 1}"]
    assert c.query([12345, 1, 2, 3], n_results=3)["ids"][0][0] == "id-12345"
    assert len(c.query([0, 1, 2, 3], n_results=700)["ids"][0]) == 700
    assert c.remove(where={"n": {"$lt": 15000}}) == 15000
    assert c.count() == n - 15000
    assert c.query([0, 1, 2, 3], n_results=1)["ids"] == [["id-15000"]]
    c.drop()
    refused(c.get, 404, "NotFoundError")


def test_large_documents(make_lite, box):
    """More than is read at once, more than a reply has room for."""
    server = started(make_lite, box, "a")
    c = Collection.create(server, "large")
    big = 4 << 20
    for first in range(0, 40, 10):
        c.add([str(i) for i in range(first, first + 10)], [[1, 2]] * 10,
              documents=[f"{i:04}" + "x" * (big - 4)
                         for i in range(first, first + 10)])
    assert c.get(where_document={"$contains": "0033x"}, include=[])[
        "ids"] == ["33"]
    for limit in (40, 25):  # by columns, and all at once
        documents = c.get(limit=limit, include=["documents"])["documents"]
        assert [d[:5] for d in documents] == [
            f"{i:04}x" for i in range(limit)]
        assert {len(d) for d in documents} == {big}
    refused(lambda: c.query([1, 2], n_results=20), 413,
            "BatchSizeExceededError", "ask for fewer")
    assert len(c.query([1, 2], n_results=5)["documents"][0]) == 5


# -- processes ------------------------------------------------------------------

def test_two_processes_see_each_other_at_once(make_postgresql, box):
    url = make_postgresql.database.create()
    make_postgresql.urls.append(url)
    a = started(make_postgresql, box, "a", database_url=url)
    b = started(make_postgresql, box, "b", database_url=url)
    here = Collection.create(a, "notes")
    there = Collection.named(b, "notes")
    for i in range(12):
        here.add([f"a{i}"], [[i, 1]], metadatas=[{"n": i}])
        assert there.query([i, 1], n_results=1, where={"n": i})["ids"] == [
            [f"a{i}"]]
        there.upsert([f"b{i}"], [[i, 2]], metadatas=[{"n": i}])
        assert here.query([i, 2], n_results=1)["ids"] == [[f"b{i}"]]
        assert here.get(where={"n": i})["ids"] == [f"a{i}", f"b{i}"]
        assert there.remove(ids=[f"a{i}"]) == 1
        assert here.query([i, 1], n_results=1)["ids"] == [[f"b{i}"]]
    made = []

    def create(server):
        made.append(Collection.create(server, "raced",
                                      get_or_create=True).row["id"])
    threads = [threading.Thread(target=create, args=(s,))
               for s in (a, b) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8 and len(set(made)) == 1
    here.drop()
    refused(there.count, 404, "NotFoundError")


def test_kill_9_loses_nothing_that_was_acknowledged(make_sheaf, box):
    """A writer is cut off in the middle of its adds; each batch is there
    whole or not at all, and all that were answered are."""
    server = started(make_sheaf, box, "a")
    c = Collection.create(server, "notes")
    acknowledged = []
    enough = threading.Event()

    def write():
        try:
            for batch in range(1000):
                c.add([f"{batch}-{i}" for i in range(50)],
                      [[batch, i] for i in range(50)])
                acknowledged.append(batch)
                if batch == 15:
                    enough.set()
        except (OSError, Refused):  # the latter from a proxy
            pass
        finally:
            enough.set()
    thread = threading.Thread(target=write)
    thread.start()
    enough.wait()
    server.kill()
    thread.join()
    assert len(acknowledged) > 15
    server.start(until="/healthz")
    ids = c.get(include=[])["ids"]
    batches = [name.split("-")[0] for name in ids[::50]]
    assert ids == [f"{b}-{i}" for b in batches for i in range(50)]
    assert [str(b) for b in acknowledged] == batches[:len(acknowledged)]
    assert len(batches) <= len(acknowledged) + 1
    assert c.count() == len(ids)
    assert c.query([3, 7], n_results=1)["ids"] == [["3-7"]]


# -- our own collections --------------------------------------------------------

def test_our_own_collections_can_be_read(desk):
    things = "leeks water salt butter cream bread onions carrots".split()
    text = " ".join(f"In step {i} boil the leeks with {things[i // 14]}."
                    for i in range(len(things) * 14))
    add(desk, {"title": "Soup", "text": text,
               "metadata": {"source": "soup.txt", "course": 1}})
    desk.delivered(papers.call(papers.papers(1, 5)))
    chunks = Collection.named(desk, "portfolio_documents")
    stored = Collection.named(desk, "papers")
    assert chunks.row["id"] == chunks.show()["id"] != stored.row["id"]
    assert chunks.row["dimension"] == 384
    assert chunks.row["configuration_json"]["hnsw"]["space"] == "cosine"
    wait_until(lambda: stored.count() == 5, 30, 0.05, "vectors of papers")

    shown = query(desk, "leeks", k=100)["results"]
    got = chunks.get(include=["embeddings", "documents", "metadatas"])
    assert chunks.count() == len(got["ids"]) == len(shown) > 1
    by_id = {result["id"]: result for result in shown}
    for i, chunk in enumerate(got["ids"]):
        assert got["documents"][i] == by_id[chunk]["text"]
        assert got["metadatas"][i] == by_id[chunk]["metadata"]
        assert len(got["embeddings"][i]) == 384
    nearest = chunks.query(got["embeddings"][1], n_results=2)
    assert nearest["ids"][0][0] == got["ids"][1]
    assert nearest["distances"][0][0] == pytest.approx(0, abs=1e-5)
    assert chunks.get(ids=[got["ids"][1], "doc-x_chunk_1", "x"])["ids"] == [
        got["ids"][1]]
    assert chunks.get(where={"chunk_index": 1})["ids"] == [got["ids"][1]]
    assert chunks.get(where_document={"$contains": "leeks"},
                      limit=1)["ids"] == got["ids"][:1]
    assert chunks.get(where={"course": 2})["ids"] == []

    one = stored.get(ids=["paper_3", "paper_999", "paper_03"])
    assert one["ids"] == ["paper_3"]
    assert one["metadatas"][0]["paper_id"] == 3
    assert stored.get(limit=2, offset=1)["ids"] == ["paper_2", "paper_3"]

    for c in (chunks, stored):
        for write in (lambda: c.add(["x"], [[0.0] * 384]),
                      lambda: c.upsert(["x"], [[0.0] * 384]),
                      lambda: c.update(["x"], documents=["y"]),
                      lambda: c.remove(ids=["x"]), lambda: c.drop(),
                      lambda: c.change(new_name="mine")):
            refused(write, 403, "ChromaError", "written by sheaf")
        refused(lambda: Collection.create(desk, c.row["name"]), 409,
                "ChromaError", "already exists")
        assert Collection.create(desk, c.row["name"],
                                 get_or_create=True).row == c.row
    assert len(chunks.get()["ids"]) == len(shown)
