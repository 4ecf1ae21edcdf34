"""Deadlines that a trickle does not renew, clients that never read, and many
connections."""

import contextlib
import resource
import socket
import time

import pytest

from support import papers
from support.papers import call
from support.raw import Closed, Raw
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("how sheaf itself reads HTTP")

SHORT = {"http_header_timeout_ms": 600, "http_body_timeout_ms": 600,
         "http_idle_timeout_ms": 600, "http_write_timeout_ms": 1000}


@pytest.fixture
def hasty(make_lite):
    """A server with deadlines that a test can wait for."""
    return make_lite(**SHORT)


def trickle(raw, data, every=0.1, limit=5.0):
    """Send a byte at a time until the server has had enough."""
    began = time.monotonic()
    raw.socket.setblocking(True)
    for byte in data:
        try:
            raw.send(bytes([byte]))
        except ConnectionError:
            break
        raw.socket.settimeout(every)
        try:
            raw._more()
            break
        except TimeoutError:
            pass
        except (Closed, ConnectionError):
            break
        assert time.monotonic() - began < limit, "the trickle was tolerated"
    raw.socket.settimeout(5)
    return time.monotonic() - began


def test_trickled_head_is_408(hasty):
    with Raw(hasty) as raw:
        took = trickle(raw, b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 500)
        assert 0.4 < took < 2.5
        assert raw.reply().status == 408
        assert raw.closed()


def test_trickled_body_is_408(hasty):
    with Raw(hasty) as raw:
        raw.request("POST", "/scrape", "Content-Type: application/json",
                    "Content-Length: 5000")
        took = trickle(raw, b" " * 500)
        assert 0.4 < took < 2.5
        assert raw.reply().status == 408


def test_trickled_chunks_are_408(hasty):
    with Raw(hasty) as raw:
        raw.request("POST", "/scrape", "Content-Type: application/json",
                    "Transfer-Encoding: chunked")
        took = trickle(raw, b"1\r\n \r\n" * 100)
        assert 0.4 < took < 2.5
        assert raw.reply().status == 408


def test_silent_connection_is_closed(hasty):
    with Raw(hasty) as raw:
        began = time.monotonic()
        assert raw.closed(5)
        assert 0.4 < time.monotonic() - began < 2.5


def test_idle_keep_alive_is_closed(hasty):
    with Raw(hasty) as raw:
        assert raw.request().reply().status == 200
        began = time.monotonic()
        assert raw.closed(5)
        assert 0.4 < time.monotonic() - began < 2.5


def test_reader_that_stops_is_dropped(hasty):
    """A reply that nobody takes is given up after the write deadline."""
    hasty.delivered(call(papers.papers(0, 300, abstract="long " * 4000)))
    with Raw(hasty) as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(20):
            raw.request("GET", "/api/papers/?page_size=100",
                        "Accept-Encoding: identity")
        def gone():
            text = hasty.get("/metrics").text
            return any(line.startswith("sheaf_") and "connections" in line
                       and "total" not in line
                       and float(line.rsplit(" ", 1)[1]) <= 1
                       for line in text.splitlines())
        wait_until(gone, 8, 0.1, "the end of the stalled connection")


@contextlib.contextmanager
def many_files(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def tcp_memory_kb():
    """What all TCP buffers of this machine hold, ours among them."""
    with open("/proc/net/sockstat", encoding="ascii") as stat:
        line = next(line for line in stat if line.startswith("TCP:"))
    return int(line.split()[-1]) * resource.getpagesize() // 1024


def test_thousand_sockets_that_never_read(make_lite):
    """They ask for much and read nothing; others are served, memory stays
    bounded, and an orderly stop does not wait for them."""
    with many_files(4096):
        server = make_lite(http_write_timeout_ms=5000)
        server.delivered(call(papers.papers(0, 100, abstract="long " * 2000)))
        server.get("/api/papers/?page_size=100")
        before, kernel_before = server.rss_kb(), tcp_memory_kb()
        sockets = []
        try:
            ask = (f"GET /api/papers/?page_size=100 HTTP/1.1\r\nHost: "
                   f"{server.host}\r\n\r\n" * 4).encode()
            for _ in range(1000):
                peer = socket.socket()
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                peer.settimeout(5)
                try:
                    peer.connect(("127.0.0.1", server.port))
                    peer.sendall(ask)
                except OSError:
                    pass  # over a stated limit: refused, which is an answer
                sockets.append(peer)
            worst = 0.0
            for _ in range(20):
                began = time.monotonic()
                reply = server.get("/healthz", timeout=10)
                assert reply.status_code in (200, 503)
                worst = max(worst, time.monotonic() - began)
            assert worst < 2.0
            grown = server.rss_kb() - before
            assert grown < 300 * 1024, f"{grown} kB for 1,000 dead readers"
            kernel = tcp_memory_kb() - kernel_before
            assert kernel < 600 * 1024, \
                f"{kernel} kB in the kernel for 1,000 dead readers"
        finally:
            for peer in sockets:
                peer.close()
        server.stop()


def test_thousand_idle_connections(make_lite):
    with many_files(4096):
        server = make_lite()
        sockets = []
        try:
            for _ in range(1000):
                try:
                    sockets.append(socket.create_connection(
                        ("127.0.0.1", server.port), 5))
                except OSError:
                    pass
            for _ in range(5):
                assert server.get("/healthz").status_code in (200, 503)
        finally:
            for peer in sockets:
                peer.close()
        assert wait_until(lambda: server.get("/readyz").status_code == 200)


def test_full_queue_says_503_or_waits(make_lite):
    """A burst on one worker: every request gets an answer, and one that is
    turned away is told when to come back."""
    import concurrent.futures
    server = make_lite(pool_requests=1)
    server.delivered(call(papers.papers(0, 100)))

    def ask(number):
        with Raw(server, 30) as raw:
            raw.request("GET", f"/api/papers/?search=model&page_size=1&"
                        f"min_relevance=0.{number:03d}")
            return raw.reply()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(ask, range(400)))
    assert {r.status for r in replies} <= {200, 503}
    assert any(r.status == 200 for r in replies)
    for reply in replies:
        if reply.status == 503:
            assert int(reply.headers["retry-after"]) >= 1
