"""/openapi.json describes every reply, and the tests' client holds replies
against it (support/contract.py)."""

import json

import jsonschema_rs
import pytest

from support.contract import WITHOUT_BODY, Broken, Contract, references
from support.documents import ALL_SERVICES
from support.papers import call, papers

SCHEMA_PLACE = "#/components/schemas/"


@pytest.fixture(scope="module")
def contract(standing, model_dir):
    """Of a server that runs everything."""
    with standing("contract", services=ALL_SERVICES,
                  model_dir=model_dir) as server:
        yield server.contract()


def success(operation):
    """Status and description of what a route answers when all is well."""
    (status, reply), = [(int(status), reply) for status, reply
                        in operation["responses"].items() if status < "400"]
    return status, reply


def test_every_reply_is_described(contract):
    for name, operation in contract.operations():
        status, reply = success(operation)
        if status in WITHOUT_BODY or 300 <= status < 400:
            assert "content" not in reply, name
        else:
            assert reply["content"], name
        for kind, content in reply.get("content", {}).items():
            assert content["schema"], (name, kind)
        assert "application/json" in operation["responses"]["default"][
            "content"], name


def test_references_resolve_and_nothing_is_left_over(contract):
    used = set(references(contract.document))
    assert used
    defined = {SCHEMA_PLACE + name
               for name in contract.document["components"]["schemas"]}
    assert used == defined


def test_schemas_are_valid(contract):
    for name, schema in contract.document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema",
             **schema})


def nodes(tree):
    """Every object of a tree of JSON."""
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes(value)


def test_schemas_are_exact(contract):
    """Each says whether an object may have other members; only what others
    are made of leaves that to them."""
    schemas = contract.document["components"]["schemas"]
    parts = {part["$ref"].removeprefix(SCHEMA_PLACE)
             for schema in schemas.values() for part in schema.get("allOf", [])}
    for name, schema in schemas.items():
        for node in nodes(schema):
            if "allOf" in node:
                assert node["unevaluatedProperties"] is False, name
            elif "object" in node.get("type", ()) and node.get("properties"):
                assert ("additionalProperties" in node) != (
                    name in parts and node is schema), (name, node)


def test_examples_are_valid(contract):
    for name, operation in contract.operations():
        _, reply = success(operation)
        content = reply.get("content", {}).get("application/json", {})
        if "example" in content:
            assert not contract.errors(content["schema"],
                                       content["example"]), name


# -- the check itself -----------------------------------------------------------

PAPER_404 = b'{"detail":"Not found."}'


@pytest.mark.parametrize("method, path, status, kind, body", [
    ("GET", "/healthz", 200, "application/json", b'{"status":"ok"}'),
    ("GET", "/healthz/", 200, "application/json", b'{"status":"ok"}'),
    ("GET", "/metrics", 200, "text/plain; version=0.0.4", b"# HELP"),
    ("GET", "/metrics", 200, "text/plain", None),
    ("GET", "/api/papers/9/", 404, "application/json", PAPER_404),
    ("DELETE", "/api/papers/9", 204, "", b""),
    ("GET", "/api/papers/export", 200, "text/csv; charset=utf-8", b"a\r\n"),
    ("PUT", "/api/papers/9/", 405, "application/json", PAPER_404),
    ("GET", "/nowhere", 404, "application/json", b'{"error":"not found"}'),
    ("GET", "/api/nothing", 404, "application/json", PAPER_404),
    ("GET", "/%00", 400, "application/json", b'{"error":"no path"}'),
    ("GET", "/app", 302, "", b""),
    ("GET", "/app/assets/a/b.woff2", 200, "font/woff2", b"wOF2"),
    ("HEAD", "/healthz", 200, "application/json", b""),
    ("GET", "/readyz", 503, "application/json",
     b'{"status":"stopping","checks":{"server":"stopping"}}'),
])
def test_check_accepts(shared_lite, method, path, status, kind, body):
    shared_lite.contract().check(method, path, status, kind, body)


@pytest.mark.parametrize("method, path, status, kind, body, why", [
    ("GET", "/healthz", 200, "application/json", b'{"status":"fine"}',
     "status"),
    ("GET", "/healthz", 200, "application/json", b'{"status":"ok","x":1}',
     "'x'"),
    ("GET", "/healthz", 200, "application/json", b"{}", '"status"'),
    ("GET", "/healthz", 200, "text/html", b"ok", "text/html"),
    ("GET", "/healthz", 200, "text/html", None, "text/html"),
    ("GET", "/healthz", 200, "", b"", "described are"),
    ("GET", "/healthz", 201, "application/json", b'{"status":"ok"}',
     "201 is not described"),
    ("GET", "/metrics", 200, "application/json", b"{}", "text/plain"),
    ("GET", "/api/papers/9/", 404, "application/json",
     b'{"error":"not found"}', "detail"),
    ("PUT", "/api/papers/9/", 405, "application/json", b'{"error":"no"}',
     "detail"),
    ("GET", "/nowhere", 404, "application/json", PAPER_404, "error"),
    ("GET", "/api/nothing", 404, "application/json", b'{"error":"no"}',
     "detail"),
    ("GET", "/app", 302, "text/html", b"elsewhere", "302 is not described"),
    ("GET", "/nowhere", 200, "application/json", b"{}",
     "200 is not described"),
])
def test_check_refuses(shared_lite, method, path, status, kind, body, why):
    with pytest.raises(Broken) as broken:
        shared_lite.contract().check(method, path, status, kind, body)
    assert why in str(broken.value)
    assert path in str(broken.value)


def test_literal_segments_win(shared_lite):
    """An export is not the paper whose number is "export"."""
    content = shared_lite.contract().content("GET", "/api/papers/export/", 200)
    assert "text/csv" in content and "application/json" not in content


def test_replies_pass_through_the_check(make_lite):
    """A client over a document that says something else fails."""
    server = make_lite()
    server.delivered(call(papers(1, 2)))
    document = json.loads(json.dumps(server.contract().document))
    fields = document["components"]["schemas"]["PaperFields"]["properties"]
    fields["title"] = {"type": "integer"}
    server.contracts = {key: Contract(document) for key in server.contracts}
    with pytest.raises(Broken, match="GET /api/papers/, 200.*title"):
        server.json("/api/papers/")
    server.json("/api/papers/", params={"page_size": 1, "search": "nothing"})
