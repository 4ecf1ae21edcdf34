"""The desk as the program serves it: its files and their types, what may be
kept and for how long, packed and plain, pages with paths of their own, and the
policy that lets nothing in from elsewhere."""

import gzip
import re

import pytest

from support.raw import exchange

POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; "
          "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
          "manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
          "form-action 'self'; frame-ancestors 'none'")
FOR_EVER = "public, max-age=31536000, immutable"
TYPES = {"js": "text/javascript; charset=utf-8",
         "css": "text/css; charset=utf-8", "svg": "image/svg+xml",
         "woff2": "font/woff2", "webmanifest": "application/manifest+json",
         "html": "text/html; charset=utf-8", "json": "application/json",
         "png": "image/png"}
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture(scope="module")
def page(shared_lite):
    """index.html, as text."""
    reply = shared_lite.get("/app/")
    assert reply.status_code == 200
    if "WEB=0" in reply.text:
        pytest.skip("the program was built without the desk")
    return reply.text


def named_in(path, text):
    """The files that a file names.  Scripts hold texts too, so there only what
    looks like a name that the build made."""
    hashed = r"([\w.-]+-[\w-]{8}\.[a-z]\w*)"
    if path.endswith((".html", ".css", ".webmanifest")):
        yield from re.findall(r"/app/[\w./-]+\.[a-z]\w*", text)
    if path.endswith(".js"):
        for name in re.findall(rf"[\"'`](?:assets/|\./){hashed}[\"'`]", text):
            yield "/app/assets/" + name


@pytest.fixture(scope="module")
def files(shared_lite, page):
    """Every file that index.html, and what it names, names in turn."""
    found, waiting = {}, ["/app/index.html"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = shared_lite.get(path)
            waiting += named_in(path, found[path].text)
    return found


def test_every_file_named_is_there(files):
    assert {path: reply.status_code for path, reply in files.items()
            if reply.status_code != 200} == {}
    assert len(files) > 5
    kinds = {path.rsplit(".", 1)[1] for path in files}
    assert {"html", "js", "css", "svg", "webmanifest"} <= kinds <= set(TYPES)


def test_headers(files):
    for path, reply in files.items():
        head = reply.headers
        assert head["Content-Type"] == TYPES[path.rsplit(".", 1)[1]], path
        assert head["Cache-Control"] == (
            FOR_EVER if path.startswith("/app/assets/") else "no-cache"), path
        assert head["Content-Security-Policy"] == POLICY, path
        assert head["X-Content-Type-Options"] == "nosniff", path
        assert re.fullmatch(r'"[0-9a-f]{32}(-gz)?"', head["ETag"]), path


def test_names_carry_a_hash(files):
    for path in files:
        if path.startswith("/app/assets/"):
            assert re.search(r"-[\w-]{8}\.\w+$", path), path


def test_packed_and_plain(shared_lite, files):
    """What a client gets is the same, whether it takes gzip or not."""
    for path in files:
        plain = shared_lite.get(path, headers=PLAIN)
        packed = shared_lite.get(path, headers={"Accept-Encoding": "gzip"},
                                 stream=True)
        wire = packed.raw.read(decode_content=False)
        assert "Content-Encoding" not in plain.headers
        assert int(packed.headers["Content-Length"]) == len(wire)
        if path.endswith((".woff2", ".png")):
            assert "Content-Encoding" not in packed.headers, path
            assert "Vary" not in packed.headers, path
            assert wire == plain.content
            continue
        assert packed.headers["Content-Encoding"] == "gzip", path
        assert gzip.decompress(wire) == plain.content, path
        assert wire[4:8] == b"\0\0\0\0", "no time of packing"
        for reply in (plain, packed):
            assert reply.headers["Vary"] == "Accept-Encoding"
        assert (packed.headers["ETag"].replace("-gz", "")
                == plain.headers["ETag"]), path


def test_not_modified(shared_lite, files):
    for path, first in files.items():
        for encoding in ("gzip", "identity"):
            reply = shared_lite.get(path, headers={
                "If-None-Match": first.headers["ETag"],
                "Accept-Encoding": encoding})
            assert reply.status_code == 304 and reply.content == b"", path
            assert (reply.headers["Cache-Control"]
                    == first.headers["Cache-Control"])
        changed = shared_lite.get(path, headers={"If-None-Match": '"0"'})
        assert changed.status_code == 200


def test_head(shared_lite, files):
    for path in files:
        for encoding in ("gzip", "identity"):
            want = {"Accept-Encoding": encoding}
            got = shared_lite.get(path, headers=want, stream=True)
            head = shared_lite.request("HEAD", path, headers=want)
            assert head.status_code == 200 and head.content == b""
            for name in ("Content-Length", "Content-Type", "ETag",
                         "Cache-Control", "Content-Security-Policy"):
                assert head.headers[name] == got.headers[name], (path, name)
            got.close()


@pytest.mark.parametrize("path", [
    "/app", "/app/papers", "/app/papers/", "/app/papers/17", "/app/ask?q=a.b",
    "/app/documents/4/chunks/12", "/app/papers/2511.00001v2", "/app/%C3%A9",
    "/app/assets/"])
def test_a_page_of_the_desk(shared_lite, page, path):
    """Links into the desk, and reloads: its script reads the path."""
    reply = shared_lite.get(path, allow_redirects=True)
    assert reply.status_code == 200 and reply.text == page
    assert reply.headers["Cache-Control"] == "no-cache"


def test_the_way_in(shared_lite):
    for path in ("/", "/app"):
        reply = shared_lite.get(path)
        assert reply.status_code == 302
        assert reply.headers["Location"] == "/app/"


@pytest.mark.parametrize("path", [
    "/app/assets/index-00000000.js", "/app/assets/x",
    "/app/nothing.js", "/app/papers/index.html", "/app/.git/config.txt",
    "/app/index.html.gz", "/app/INDEX.HTML"])
def test_no_such_file(shared_lite, page, path):
    reply = shared_lite.get(path)
    assert reply.status_code == 404
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [
    "/app/../healthz", "/app/%2e%2e/healthz", "/app/..%2f..%2fetc/passwd",
    "/app/assets/../index.html", "/app//etc/passwd", "/app/assets/..",
    "/app/..\\..\\etc\\passwd", "/app/%00", "/app/index.html%00.js",
    "/app/%5c%5cx", "/app/./index.html", "/app/%ff"])
def test_no_way_out(shared_lite, layout, path):
    if not layout.one_process and ("%00" in path or "%2f" in path):
        pytest.skip("one process: nginx refuses it by itself")
    reply = exchange(shared_lite, f"GET {path} HTTP/1.1\r\n"
                     f"Host: {shared_lite.host}\r\n\r\n".encode())
    assert reply.status == 400, (path, reply)
    assert reply.headers["content-type"] == "application/json"


def test_only_reading(shared_lite):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/app/", "/app/papers", "/app/scheme.js"):
            reply = shared_lite.request(method, path)
            assert reply.status_code == 405
            assert reply.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_nothing_from_elsewhere(files):
    """The page itself names no other host, and holds nothing the policy
    forbids."""
    text = files["/app/index.html"].text
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


def test_first_load(shared_lite, files):
    """What a browser fetches before the first page is shown: at most 200 kB of
    packed script."""
    text = files["/app/index.html"].text
    first = set(re.findall(r'(?:src|href)="(/app/[^"]+\.js)"', text))
    assert first
    sizes = {path: int(shared_lite.request(
        "HEAD", path, headers={"Accept-Encoding": "gzip"}
    ).headers["Content-Length"]) for path in first}
    assert sum(sizes.values()) <= 200_000, sizes


def test_open_when_reads_are_private(make_lite):
    """The desk asks the API, which asks for the token."""
    server = make_lite(private_reads="true")
    assert server.get("/app/").status_code == 200
    assert server.get("/api/papers/").status_code == 401


def test_off(make_lite):
    server = make_lite(services="backend")
    for path in ("/", "/app/", "/app/papers", "/app/scheme.js"):
        assert server.get(path).status_code == 404, path
    assert server.get("/api/papers/").status_code == 200
