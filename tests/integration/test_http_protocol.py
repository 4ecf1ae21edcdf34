"""HTTP/1.1 by hand: what the server takes, what it refuses, and that a refused
request is never taken for two."""

import json
import socket

import pytest

from support.papers import call, paper
from support.raw import Closed, Raw, exchange

pytestmark = pytest.mark.one_process("how sheaf itself reads HTTP")

WEBHOOK = "/api/webhooks/scraper-complete/"
AUTH = "Authorization: Bearer integration-bearer-secret"
JSON = "Content-Type: application/json"


def send(server, text, timeout=10):
    """First reply to these bytes; HOST stands for the right Host line."""
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    return exchange(server, data.replace(
        b"HOST", b"Host: " + server.host.encode()), timeout)


# -- smuggling and other malformed requests -----------------------------------

POST = "POST /scrape HTTP/1.1\r\nHOST\r\nContent-Type: application/json\r\n"

REFUSED = {
    "cl-and-te": (POST + "Content-Length: 6\r\nTransfer-Encoding: chunked"
                  "\r\n\r\n0\r\n\r\nG", 400),
    "te-and-cl": (POST + "Transfer-Encoding: chunked\r\nContent-Length: 6"
                  "\r\n\r\n0\r\n\r\nG", 400),
    "two-cl": (POST + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
               400),
    "two-cl-differ": (POST + "Content-Length: 2\r\nContent-Length: 3"
                      "\r\n\r\n{} ", 400),
    "cl-list": (POST + "Content-Length: 2, 2\r\n\r\n{}", 400),
    "cl-plus": (POST + "Content-Length: +2\r\n\r\n{}", 400),
    "cl-minus": (POST + "Content-Length: -2\r\n\r\n{}", 400),
    "cl-hex": (POST + "Content-Length: 0x2\r\n\r\n{}", 400),
    "cl-empty": (POST + "Content-Length:\r\n\r\n{}", 400),
    "cl-blank-inside": (POST + "Content-Length: 2 2\r\n\r\n{}", 400),
    "cl-overflow": (POST + "Content-Length: 99999999999999999999999"
                    "\r\n\r\n{}", (400, 413)),
    "no-length": (f"POST {WEBHOOK} HTTP/1.1\r\nHOST\r\n{AUTH}\r\n{JSON}\r\n"
                  "\r\n{}", 411),
    "te-unknown": (POST + "Transfer-Encoding: gzip\r\n\r\n{}", (400, 501)),
    "te-gzip-chunked": (POST + "Transfer-Encoding: gzip, chunked\r\n\r\n"
                        "0\r\n\r\n", (400, 501)),
    "te-chunked-twice": (POST + "Transfer-Encoding: chunked, chunked\r\n\r\n"
                         "0\r\n\r\n", (400, 501)),
    "te-twice": (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n0\r\n\r\n", 400),
    "te-obscured": (POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                    (400, 501)),
    "te-tab": (POST + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "te-on-1.0": ("POST /scrape HTTP/1.0\r\nHOST\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n0\r\n\r\n", 400),
    "space-before-colon": ("GET /healthz HTTP/1.1\r\nHOST\r\nX : y\r\n\r\n",
                           400),
    "cl-space-colon": (POST + "Content-Length : 2\r\n\r\n{}", 400),
    "obs-fold": ("GET /healthz HTTP/1.1\r\nHOST\r\nX: a\r\n b\r\n\r\n", 400),
    "first-line-folded": ("GET /healthz HTTP/1.1\r\n HOST\r\n\r\n", 400),
    "bare-lf": ("GET /healthz HTTP/1.1\nHOST\n\n", 400),
    "bare-lf-in-head": ("GET /healthz HTTP/1.1\r\nHOST\nX: y\r\n\r\n", 400),
    "bare-cr": ("GET /healthz HTTP/1.1\r\nHOST\r\nX: a\rb\r\n\r\n", 400),
    "nul-in-value": ("GET /healthz HTTP/1.1\r\nHOST\r\nX: a\0b\r\n\r\n", 400),
    "nul-in-name": ("GET /healthz HTTP/1.1\r\nHOST\r\nX\0: a\r\n\r\n", 400),
    "control": ("GET /healthz HTTP/1.1\r\nHOST\r\nX: a\x01b\r\n\r\n", 400),
    "no-colon": ("GET /healthz HTTP/1.1\r\nHOST\r\nnonsense\r\n\r\n", 400),
    "empty-name": ("GET /healthz HTTP/1.1\r\nHOST\r\n: x\r\n\r\n", 400),
    "name-with-blank": ("GET /healthz HTTP/1.1\r\nHOST\r\nX Y: z\r\n\r\n",
                        400),
    "no-host": ("GET /healthz HTTP/1.1\r\n\r\n", 400),
    "two-hosts": ("GET /healthz HTTP/1.1\r\nHOST\r\nHOST\r\n\r\n", 400),
    "no-version": ("GET /healthz\r\n\r\n", 400),
    "version-2": ("GET /healthz HTTP/2.0\r\nHOST\r\n\r\n", (400, 505)),
    "version-1.2": ("GET /healthz HTTP/1.2\r\nHOST\r\n\r\n", (400, 505)),
    "version-word": ("GET /healthz HTTX/1.1\r\nHOST\r\n\r\n", 400),
    "version-lower": ("GET /healthz http/1.1\r\nHOST\r\n\r\n", 400),
    "two-blanks": ("GET  /healthz HTTP/1.1\r\nHOST\r\n\r\n", 400),
    "blank-in-path": ("GET /health z HTTP/1.1\r\nHOST\r\n\r\n", 400),
    "tab": ("GET\t/healthz\tHTTP/1.1\r\nHOST\r\n\r\n", 400),
    "path-relative": ("GET healthz HTTP/1.1\r\nHOST\r\n\r\n", 400),
    "path-not-utf8": ("GET /api/papers/?search=\xff HTTP/1.1\r\nHOST\r\n\r\n",
                      400),
    "fragment": ("GET /healthz#x HTTP/1.1\r\nHOST\r\n\r\n", 400),
    "method-odd": ("G@T / HTTP/1.1\r\nHOST\r\n\r\n", 400),
    "connect": ("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443"
                "\r\n\r\n", (400, 403, 404, 405)),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40,
            400),
    "http2-preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "expect-odd": (POST + "Content-Length: 2\r\nExpect: tea\r\n\r\n{}", 417),
    "uri-too-long": ("GET /api/papers/?search=" + "x" * 70000
                     + " HTTP/1.1\r\nHOST\r\n\r\n", 414),
    "header-too-long": ("GET /healthz HTTP/1.1\r\nHOST\r\nX: " + "y" * 200000
                        + "\r\n\r\n", 431),
    "too-many-headers": ("GET /healthz HTTP/1.1\r\nHOST\r\n"
                         + "".join(f"X{n}: y\r\n" for n in range(1000))
                         + "\r\n", 431),
    "body-too-large": ("POST /scrape HTTP/1.1\r\nHOST\r\nContent-Type: "
                       "application/json\r\nContent-Length: 1000000000"
                       "\r\n\r\n", 413),
    # Chunked bodies.
    "chunk-size-word": (POST + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}"
                        "\r\n0\r\n\r\n", 400),
    "chunk-size-empty": (POST + "Transfer-Encoding: chunked\r\n\r\n\r\n{}"
                         "\r\n0\r\n\r\n", 400),
    "chunk-size-huge": (POST + "Transfer-Encoding: chunked\r\n\r\n"
                        "ffffffffffffffffff\r\n{}", (400, 413)),
    "chunk-size-0x": (POST + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}"
                      "\r\n0\r\n\r\n", 400),
    "chunk-size-blank": (POST + "Transfer-Encoding: chunked\r\n\r\n 2\r\n{}"
                         "\r\n0\r\n\r\n", 400),
    "chunk-no-crlf": (POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}X0"
                      "\r\n\r\n", 400),
    "chunk-bare-lf": (POST + "Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0"
                      "\r\n\r\n", 400),
    "chunk-extension-lf": (POST + "Transfer-Encoding: chunked\r\n\r\n2;a\nb"
                           "\r\n{}\r\n0\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(shared_lite, name):
    text, status = REFUSED[name]
    wanted = status if isinstance(status, tuple) else (status,)
    before = shared_lite.json("/jobs/")["count"]
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    data = data.replace(b"HOST", b"Host: " + shared_lite.host.encode())
    # A second request rides behind: it must never be answered.
    with Raw(shared_lite) as raw:
        try:
            raw.send(data + b"GET /healthz HTTP/1.1\r\nHost: "
                     + shared_lite.host.encode() + b"\r\n\r\n")
        except ConnectionError:
            pass
        reply = raw.reply()
        assert reply.status in wanted, reply
        assert reply.headers.get("connection") == "close"
        assert json.loads(reply.body)["error"]
        assert raw.rest() == b"", "nothing follows a refused request"
    assert shared_lite.json("/jobs/")["count"] == before


@pytest.mark.parametrize("target,status", [
    ("GET /api/papers/?search=%f", 400), ("GET /api/papers/?search=%zz", 400),
    ("GET /api/papers/%ff/", 400), ("X" * 100 + " /healthz", (405, 501))])
def test_well_framed_nonsense(shared_lite, target, status):
    """Wrong, but where the request ends is clear: the connection goes on."""
    with Raw(shared_lite) as raw:
        raw.send(f"{target} HTTP/1.1\r\nHost: {shared_lite.host}\r\n\r\n")
        reply = raw.reply()
        assert reply.status in (status if isinstance(status, tuple)
                                else (status,))
        assert json.loads(reply.body)
        if reply.headers.get("connection") != "close":
            assert raw.request().reply().status == 200


def test_a_smuggled_request_is_not_run(shared_lite):
    """CL.TE and TE.CL as attacks: the hidden DELETE never happens."""
    hidden = ("DELETE /api/papers/1/ HTTP/1.1\r\n"
              f"Host: {shared_lite.host}\r\n\r\n")
    for text in (
            POST + f"Content-Length: {5 + len(hidden)}\r\nTransfer-Encoding: "
            f"chunked\r\n\r\n0\r\n\r\n{hidden}",
            POST + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
            f"{len(hidden):x}\r\n{hidden}\r\n0\r\n\r\n"):
        assert send(shared_lite, text).status == 400
    assert shared_lite.get("/api/papers/1/").status_code == 200


# -- what is taken ------------------------------------------------------------

def test_keep_alive(shared_lite):
    with Raw(shared_lite) as raw:
        for _ in range(50):
            assert raw.request().reply().status == 200


def test_connection_close(shared_lite):
    with Raw(shared_lite) as raw:
        reply = raw.request("GET", "/healthz", "Connection: close").reply()
        assert reply.headers["connection"] == "close"
        assert raw.rest() == b""


def test_http_1_0(shared_lite):
    with Raw(shared_lite) as raw:
        raw.send(f"GET /healthz HTTP/1.0\r\nHost: {shared_lite.host}\r\n\r\n")
        status, headers = raw.head()
        assert status == 200
        assert "transfer-encoding" not in headers
        assert raw.closed()


def test_http_1_0_stream_is_not_chunked(shared_lite):
    with Raw(shared_lite) as raw:
        raw.send("GET /api/papers/export/?format=jsonl HTTP/1.0\r\n"
                 f"Host: {shared_lite.host}\r\n\r\n")
        status, headers = raw.head()
        assert status == 200 and "transfer-encoding" not in headers
        lines = raw.rest().decode().splitlines()
        assert len([json.loads(line) for line in lines]) >= 30


def test_leading_empty_line(shared_lite):
    """RFC 9112, section 2.2: one empty line before a request is let pass."""
    with Raw(shared_lite) as raw:
        raw.send("\r\n").request()
        assert raw.reply().status == 200


def test_absolute_form(shared_lite):
    """A client that takes us for a proxy: its target's host is the Host."""
    reply = send(shared_lite, f"GET http://{shared_lite.host}/healthz "
                 "HTTP/1.1\r\nHOST\r\n\r\n")
    assert reply.status == 200
    reply = send(shared_lite, "GET http://evil.example/healthz HTTP/1.1\r\n"
                 "HOST\r\n\r\n")
    assert reply.status in (400, 403, 421)


def test_pipelining(shared_lite):
    """Many requests at once: as many replies, in order."""
    paths = ["/healthz", "/api/papers/1/", "/nope", "/api/papers/?page_size=1",
             "/jobs/"] * 20
    with Raw(shared_lite) as raw:
        raw.send("".join(f"GET {path} HTTP/1.1\r\nHost: {shared_lite.host}"
                         "\r\n\r\n" for path in paths))
        for path in paths:
            reply = raw.reply()
            assert reply.status == (404 if path == "/nope" else 200)
            if path == "/api/papers/1/":
                assert json.loads(reply.body)["id"] == 1
            if path == "/api/papers/?page_size=1":
                assert len(json.loads(reply.body)["results"]) == 1


def test_pipelined_writes_and_reads(lite):
    """Each read behind a write sees it."""
    with Raw(lite) as raw:
        for number in range(1, 11):
            body = json.dumps(call([paper(number)], f"a-{number}")).encode()
            raw.request("POST", WEBHOOK, AUTH, JSON,
                        f"Content-Length: {len(body)}", body=body)
            raw.request("GET", "/api/papers/?page_size=1")
        for number in range(1, 11):
            assert raw.reply().status == 201
            assert json.loads(raw.reply().body)["count"] == number


def test_one_byte_at_a_time(shared_lite):
    body = json.dumps(call([paper(1)])).encode()
    with Raw(shared_lite) as raw:
        raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = (f"POST {WEBHOOK} HTTP/1.1\r\nHost: {shared_lite.host}\r\n"
                f"{AUTH}\r\n{JSON}\r\nContent-Length: {len(body)}\r\n\r\n")
        for byte in head.encode() + body:
            raw.send(bytes([byte]))
        assert raw.reply().status == 201


def chunks(body, *sizes):
    at, out = 0, b""
    for size in sizes:
        part = body[at:at + size]
        if part:
            out += b"%x\r\n%b\r\n" % (len(part), part)
        at += size
    return out


@pytest.mark.parametrize("trailer", ["", "X-Check: 1\r\n"])
@pytest.mark.parametrize("size", [1, 7, 100000])
def test_chunked_body(shared_lite, size, trailer):
    body = json.dumps(call([paper(1)])).encode()
    data = chunks(body, *[size] * (len(body) // size + 1))
    with Raw(shared_lite) as raw:
        raw.request("POST", WEBHOOK, AUTH, JSON, "Transfer-Encoding: chunked",
                    body=data + b"0\r\n" + trailer.encode() + b"\r\n")
        assert raw.reply().status == 201
        assert raw.request().reply().status == 200, "framing is intact"


def test_chunk_extension_and_upper_case(shared_lite):
    body = json.dumps(call([paper(1)])).encode()
    data = b"%X;name=value\r\n%b\r\n000\r\n\r\n" % (len(body), body)
    with Raw(shared_lite) as raw:
        raw.request("POST", WEBHOOK, AUTH, JSON, "Transfer-Encoding: Chunked",
                    body=data)
        assert raw.reply().status == 201


def test_chunked_oversize_is_413(shared_lite):
    with Raw(shared_lite) as raw:
        raw.request("POST", WEBHOOK, AUTH, JSON, "Transfer-Encoding: chunked")
        part = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        try:
            for _ in range(18):
                raw.send(part)
        except ConnectionError:
            pass
        try:
            assert raw.reply().status == 413
        except (ConnectionError, Closed):
            # It may close while we still send: then our kernel drops the
            # reply.  The exact status is tested by Content-Length.
            pass
    assert shared_lite.json("/readyz")


def test_expect_100_continue(shared_lite):
    body = json.dumps(call([paper(1)])).encode()
    with Raw(shared_lite) as raw:
        raw.request("POST", WEBHOOK, AUTH, JSON, "Expect: 100-continue",
                    f"Content-Length: {len(body)}")
        status, headers = raw.head()
        assert status == 100 and headers == {}
        assert raw.send(body).reply().status == 201


def test_expect_100_refused_before_the_body(shared_lite):
    """Nobody sends 16 MiB for a 413 or a 401."""
    with Raw(shared_lite) as raw:
        raw.request("POST", WEBHOOK, AUTH, JSON, "Expect: 100-continue",
                    f"Content-Length: {17 << 20}")
        assert raw.reply().status == 413
    with Raw(shared_lite) as raw:
        raw.request("POST", WEBHOOK, "Authorization: Bearer wrong", JSON,
                    "Expect: 100-continue", "Content-Length: 1000")
        assert raw.reply().status == 401


def test_head_has_no_body_in_a_pipeline(shared_lite):
    with Raw(shared_lite) as raw:
        raw.request("HEAD", "/api/papers/").request("HEAD", "/nope").request()
        assert raw.reply(to_head=True).status == 200
        assert raw.reply(to_head=True).status == 404
        assert raw.reply().status == 200


def test_204_has_no_body(lite):
    lite.delivered(call([paper(1)]))
    with Raw(lite) as raw:
        raw.request("DELETE", "/api/papers/1/")
        reply = raw.reply()
        assert reply.status == 204
        assert "content-length" not in reply.headers
        assert "transfer-encoding" not in reply.headers
        assert raw.request().reply().status == 200


def test_body_of_a_get_is_consumed(shared_lite):
    with Raw(shared_lite) as raw:
        raw.request("GET", "/healthz", "Content-Length: 5", body=b"hello")
        first = raw.reply()
        assert first.status in (200, 400, 413)
        if first.headers.get("connection") != "close":
            assert raw.request().reply().status == 200


def test_early_error_reaches_the_sender(shared_lite):
    """401 for a large body that is still on its way: the reply is read, not
    lost to a reset."""
    with Raw(shared_lite) as raw:
        body = b"x" * (1 << 20)
        raw.request("POST", WEBHOOK, "Authorization: Bearer wrong", JSON,
                    f"Content-Length: {len(body)}")
        try:
            raw.send(body)
        except ConnectionError:
            pass
        assert raw.reply().status == 401


def test_date_header(shared_lite):
    from email.utils import parsedate_to_datetime
    import datetime
    date = parsedate_to_datetime(shared_lite.get("/healthz").headers["Date"])
    now = datetime.datetime.now(datetime.timezone.utc)
    assert abs((now - date).total_seconds()) < 5
