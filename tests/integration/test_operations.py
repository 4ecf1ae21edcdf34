"""healthz, readyz, metrics, openapi.json, docs, and the paths' common rules:
trailing slashes, HEAD, 404, 405 with Allow, unknown parameters."""

import json
import re
import time

import pytest

from support.papers import call, paper
from support.raw import exchange
from support.sheaf import now_utc

# Every path that a GET without parameters answers with 200.
GETS = ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs",
        "/jobs", "/papers", "/schedules", "/api/coverage", "/api/papers",
        "/api/papers/feed", "/api/scraper-jobs", "/api/stats/papers",
        "/api/webhook-deliveries", "/status", "/settings",
        "/api/searches"]
# Path, methods that it has.
METHODS = {
    "/scrape": {"POST"}, "/jobs/": {"GET", "HEAD"},
    "/jobs/arxiv-1": {"GET", "HEAD", "DELETE"}, "/papers": {"GET", "HEAD"},
    "/schedules": {"GET", "HEAD", "POST"},
    "/schedules/1": {"GET", "HEAD", "PATCH", "DELETE"},
    "/api/coverage/": {"GET", "HEAD"}, "/api/papers/": {"GET", "HEAD"},
    "/api/papers/1/": {"GET", "HEAD", "DELETE"},
    "/api/papers/1/restore/": {"POST"},
    "/api/papers/1/marks/": {"PATCH"},
    "/api/papers/marks/": {"POST"},
    "/api/searches/": {"GET", "HEAD", "POST"},
    "/api/searches/1/": {"GET", "HEAD", "PATCH", "DELETE"},
    "/api/searches/1/seen/": {"POST"},
    "/api/papers/1/similar/": {"GET", "HEAD"},
    "/api/papers/export/": {"GET", "HEAD"},
    "/api/papers/feed/": {"GET", "HEAD"},
    "/api/scraper-jobs/": {"GET", "HEAD"},
    "/api/scraper-jobs/1/": {"GET", "HEAD"},
    "/api/stats/papers/": {"GET", "HEAD"},
    "/api/webhook-deliveries/": {"GET", "HEAD"},
    "/api/webhook-deliveries/1/": {"GET", "HEAD"},
    "/api/webhook-deliveries/1/replay/": {"POST"},
    "/api/webhook-deliveries/test/": {"POST"},
    "/status/": {"GET", "HEAD"}, "/settings/": {"GET", "HEAD"},
    "/api/webhooks/scraper-complete/": {"POST"},
    "/webhooks/scraper-complete/": {"POST"},
    "/healthz": {"GET", "HEAD"}, "/readyz": {"GET", "HEAD"},
    "/metrics": {"GET", "HEAD"}, "/openapi.json": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", GETS)
def test_with_and_without_slash_and_head(library, path):
    plain = library.get(path)
    slash = library.get(path + "/")
    assert plain.status_code == slash.status_code == 200
    for spelling in (path, path + "/"):
        head = library.request("HEAD", spelling)
        assert head.status_code == 200 and head.content == b""
        assert head.headers["Content-Type"] == plain.headers["Content-Type"]


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE",
                                    "TRACE", "BREW"])
def test_wrong_method(shared_lite, layout, path, method):
    if method in METHODS[path]:
        pytest.skip("is one of its methods")
    if method == "TRACE" and not layout.one_process:
        pytest.skip("one process: nginx refuses TRACE by itself")
    for spelling in (path.rstrip("/"), path.rstrip("/") + "/"):
        reply = shared_lite.request(method, spelling)
        # RFC 9110: 501 where no resource knows the method.
        if method == "BREW" and reply.status_code == 501:
            continue
        assert reply.status_code == 405
        allow = {m.strip() for m in reply.headers["Allow"].split(",")}
        assert allow - {"OPTIONS"} == METHODS[path]
        assert reply.json()


REFUSED_BY_NGINX = ["/%2e%2e/etc/passwd", "/..%2fetc/passwd", "/healthz%00"]


@pytest.mark.parametrize("path", [
    "/nope", "/api", "/api/", "/api/nope/", "/api/papers/1/nope", "/jobs//",
    "/scrape/x", "/api/papers/1/similar/1", "/HEALTHZ",
    "/api/../healthz", "/healthz/./", *REFUSED_BY_NGINX])
def test_unknown_path(shared_lite, layout, path):
    if path in REFUSED_BY_NGINX and not layout.one_process:
        pytest.skip("one process: nginx refuses it by itself")
    reply = exchange(shared_lite, f"GET {path} HTTP/1.1\r\n"
                     f"Host: {shared_lite.host}\r\n\r\n".encode())
    assert reply.status in (400, 404), (path, reply)
    assert reply.headers["content-type"].startswith("application/json")
    assert json.loads(reply.body)


def test_no_open_redirect(shared_lite):
    """A path of two slashes is no way to another host."""
    for path in ("//", "//evil.example", "//evil.example/", "/\\evil.example"):
        reply = exchange(shared_lite, f"GET {path} HTTP/1.1\r\n"
                         f"Host: {shared_lite.host}\r\n\r\n".encode())
        assert reply.status in (302, 400, 404), (path, reply)
        assert reply.headers.get("location", "/app/") == "/app/"


@pytest.mark.parametrize("path", [p for p in GETS if p != "/docs"])
def test_unknown_parameter(library, path):
    reply = library.get(path + "?zzz=1")
    assert reply.status_code == 400
    assert "zzz" in reply.text


def test_errors_have_their_shape(shared_lite):
    own = shared_lite.get("/jobs/?sttus=x").json()
    assert isinstance(own["error"], str) and own["error"]
    assert set(own) <= {"error", "detail"}
    for reply in (shared_lite.get("/nope"), shared_lite.get("/scrape"),
                  shared_lite.post("/scrape", json={"days": 0})):
        assert isinstance(reply.json()["error"], str)
        assert reply.headers["Content-Type"].startswith("application/json")


def test_healthz_and_readyz(library):
    assert library.get("/healthz").status_code == 200
    ready = library.get("/readyz")
    assert ready.status_code == 200
    assert ready.headers["Content-Type"].startswith("application/json")


def test_metrics(library):
    reply = library.get("/metrics")
    assert reply.headers["Content-Type"].startswith("text/plain")
    samples = {}
    for line in reply.text.splitlines():
        if line.startswith("#"):
            assert re.match(r"# (HELP|TYPE) [a-zA-Z_:][\w:]* ", line)
            continue
        match = re.fullmatch(
            r'([a-zA-Z_:][\w:]*)(\{[^}]*\})? (-?[\d.e+-]+|NaN|[+-]Inf)', line)
        assert match, line
        samples[match[1] + (match[2] or "")] = float(match[3])
    assert all(name.startswith(("sheaf_", "process_")) for name in samples)
    assert any("request" in name for name in samples)
    assert any("job" in name for name in samples)


@pytest.mark.one_process("what a process says of itself")
def test_metrics_count(lite):
    def total():
        return sum(float(line.rsplit(" ", 1)[1])
                   for line in lite.get("/metrics").text.splitlines()
                   if re.match(r"sheaf_\w*requests\w*total", line))
    before = total()
    for _ in range(5):
        lite.get("/healthz")
    assert total() - before >= 5


def resolve(document, node):
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


@pytest.mark.one_process("what a process says of itself")
def test_openapi(shared_lite):
    document = shared_lite.json("/openapi.json")
    assert document["openapi"].startswith("3.")
    assert document["info"]["title"] and document["info"]["version"]
    known = {re.sub(r"\{\w+\}", "1", path).rstrip("/")
             for path in document["paths"]}
    for path in METHODS:
        assert path.replace("arxiv-1", "1").rstrip("/") in known, path
    for path, item in document["paths"].items():
        named = set(re.findall(r"\{(\w+)\}", path))
        for method, operation in item.items():
            assert method in ("get", "post", "put", "patch", "delete",
                              "parameters"), method
            if method == "parameters":
                continue
            assert operation["responses"]
            # Styles and scripts of the pages need no words.
            if not path.endswith((".css", ".js", ".svg")):
                assert operation["summary"], path
            inside = {resolve(document, p)["name"]
                      for p in operation.get("parameters", [])
                      + item.get("parameters", [])
                      if resolve(document, p)["in"] == "path"}
            assert inside == named, path
    ids = [op["operationId"] for item in document["paths"].values()
           for op in item.values() if isinstance(op, dict)
           and "operationId" in op]
    assert len(ids) == len(set(ids))


@pytest.mark.one_process("what a process says of itself")
def test_openapi_names_every_parameter(shared_lite):
    document = shared_lite.json("/openapi.json")
    listing = next(item for path, item in document["paths"].items()
                   if path.rstrip("/") == "/api/papers")["get"]
    names = {resolve(document, p)["name"] for p in listing["parameters"]}
    assert names == {"page", "page_size", "cursor", "category", "source",
                     "tag", "author", "min_relevance", "published_after",
                     "published_before", "created_after", "created_before",
                     "read", "starred", "noted", "ids", "search", "prefix",
                     "ordering"}


def test_docs_are_offline(shared_lite):
    page = shared_lite.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"',
                         page.text)
    assert fetched
    for url in fetched:
        if url == "data:,":  # no icon: nothing is asked for
            continue
        assert url.startswith("/") and not url.startswith("//"), url
        part = shared_lite.get(url)
        assert part.status_code == 200, url
        assert not re.search(r"https?://(?!www\.w3\.org/)", part.text), url


def test_every_reply_is_guarded(shared_lite):
    for path in ("/docs", "/api/papers/", "/nope"):
        headers = shared_lite.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_services_without_their_routes(make_lite, backend):
    """Routes of a service exist only where it runs; the common ones always."""
    scraper = make_lite(args=["--services", "scraper"],
                        backend_url=backend.url)
    assert scraper.get("/api/papers/").status_code == 404
    assert scraper.get("/jobs/").status_code == 200
    only = make_lite("b", args=["--services", "backend"])
    assert only.post("/scrape", json={}).status_code == 404
    assert only.delivered(call([paper(1)]))["papers_created"] == 1
    for server in (scraper, only):
        for path in ("/jobs/", "/healthz", "/readyz", "/metrics"):
            assert server.get(path).status_code == 200


# -- status and settings ------------------------------------------------------

@pytest.mark.one_process("what a process says of itself")
def test_status(lite):
    before = time.time()
    lite.delivered(call([paper(1)]))
    seen = lite.json("/status/")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", seen["version"])
    assert seen["started_at"] < now_utc(1)
    assert 0 <= seen["uptime_s"] <= time.time() - before + 60
    assert 1 << 20 < seen["memory_bytes"] < 1 << 32
    assert seen["connections"] >= 1 and seen["requests_total"] >= 1
    assert seen["services"] == ["scraper", "backend", "analytics", "web"]
    assert seen["data_dir"] == str(lite.data_dir)
    assert 0 < seen["disk"]["free_bytes"] <= seen["disk"]["total_bytes"]
    assert seen["database"].startswith("SQLite")
    assert set(seen["jobs"]) == {"queued", "running", "completed", "failed",
                                 "cancelled"}
    assert sum(seen["jobs"].values()) == 1  # the paper wants a vector
    assert seen["live_clients"] == 0
    assert lite.get("/status/").headers["Cache-Control"] == "no-store"


def test_status_of_each_database(sheaf):
    seen = sheaf.json("/status/")
    assert seen["database"] and "password" not in seen["database"]


def test_settings(make_lite):
    server = make_lite(llm_key="very-secret-word", llm_context=4096,
                       redis_url="redis://user:secret-word@127.0.0.1/0")
    reply = server.get("/settings/")
    rows = {row["key"]: row for row in reply.json()["settings"]}
    assert "secret-word" not in reply.text
    assert server.token() not in reply.text
    key = rows["llm_key"]
    assert (key["value"], key["set"], key["secret"]) == (None, True, True)
    assert rows["webhook_signing_secret"]["value"] is None
    number = rows["llm_context"]
    assert (number["value"], number["default"], number["type"]) \
        == ("4096", "0", "number")
    assert number["origin"] in ("environment", "file", "flag")
    assert number["meaning"]
    assert rows["contact"] == {
        "key": "contact", "value": None, "set": False, "secret": False,
        "origin": "default", "default": None, "type": "text", "choices": None,
        "meaning": rows["contact"]["meaning"]}
    assert rows["precision"]["choices"] == ["auto", "f32", "bf16", "int8"]
    assert rows["private_reads"]["type"] == "switch"


@pytest.mark.parametrize("path", ["/status/", "/settings/"])
def test_status_and_settings_need_the_token(make_lite, path):
    public = make_lite(public_url="https://desk.example")
    assert public.get(path).status_code == 401
    assert public.json(path, headers=public.bearer())
