"""Start, stop, one process per directory, a full disk, and a stop under load:
nothing acknowledged is lost."""

import concurrent.futures
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

from support import papers
from support.papers import call, paper
from support.raw import Closed, Raw
from support.sheaf import run_cli
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("start, stop and directory of a process")


# -- start --------------------------------------------------------------------

def test_prints_one_line_with_the_url(make_lite):
    server = make_lite(log_level="off")
    lines = [line for line in server.log().splitlines() if line.strip()]
    assert len(lines) == 1 and server.url in lines[0]


def test_lock_file(make_lite):
    server = make_lite()
    lock = server.lock()
    assert lock["pid"] == server.process.pid
    assert lock["url"].startswith("http://127.0.0.1:")


def test_second_process_on_the_same_directory(make_sheaf):
    first = make_sheaf()
    first.delivered(call([paper(1)]))
    done = run_cli("serve", "--listen", "127.0.0.1:0", "--data-dir",
                   first.data_dir, home=first.data_dir.parent, timeout=20)
    assert done.returncode == 1
    assert str(first.process.pid) in done.stderr
    assert first.url in done.stderr
    assert first.json("/api/papers/")["count"] == 1
    assert first.lock()["pid"] == first.process.pid


def test_starts_over_what_kill_left(make_lite):
    server = make_lite()
    server.delivered(call([paper(1)]))
    stale = server.process.pid
    server.kill()
    assert json.loads((server.data_dir / "lock").read_text())["pid"] == stale
    server.start()
    assert server.json("/api/papers/")["count"] == 1


def test_port_in_use(sheaf_bin, box):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_cli("serve", "--listen", f"127.0.0.1:{port}",
                       "--data-dir", box / "data", home=box, timeout=20)
    assert done.returncode == 1
    assert str(port) in done.stderr


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1", "127.0.0.1:x",
                                    "127.0.0.1:70000", "999.1.1.1:80", ""])
def test_bad_listen(sheaf_bin, box, listen):
    done = run_cli("serve", "--listen", listen, "--data-dir", box / "data",
                   home=box, timeout=20)
    assert done.returncode in (1, 2)
    assert "listen" in done.stderr


def test_data_dir_that_is_a_file(sheaf_bin, box):
    (box / "data").write_text("not a directory")
    done = run_cli("serve", "--listen", "127.0.0.1:0", "--data-dir",
                   box / "data", home=box, timeout=20)
    assert done.returncode in (1, 2)
    assert str(box / "data") in done.stderr
    assert (box / "data").read_text() == "not a directory"


def test_database_that_is_none(sheaf_bin, box):
    (box / "data").mkdir()
    (box / "data" / "sheaf.db").write_bytes(b"this is not a database" * 100)
    done = run_cli("serve", "--listen", "127.0.0.1:0", "--data-dir",
                   box / "data", home=box, timeout=20)
    assert done.returncode == 1
    assert "sheaf.db" in done.stderr
    assert (box / "data" / "sheaf.db").read_bytes().startswith(b"this is")


def test_newer_database_is_refused(make_lite):
    """A database that a later sheaf has migrated: named, and left alone."""
    server = make_lite()
    server.delivered(call([paper(1)]))
    server.stop()
    path = server.data_dir / "sheaf.db"
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 9999")
    base.close()
    done = run_cli("serve", "--listen", "127.0.0.1:0", "--data-dir",
                   server.data_dir, home=server.data_dir.parent, timeout=20)
    assert done.returncode == 1
    assert "newer" in done.stderr
    base = sqlite3.connect(path)
    assert base.execute("PRAGMA user_version").fetchone() == (9999,)
    assert base.execute("SELECT count(*) FROM papers").fetchone() == (1,)
    base.close()


def test_postgresql_that_is_down(sheaf_bin, box):
    done = run_cli("serve", "--listen", "127.0.0.1:0", "--data-dir",
                   box / "data", "--database-url",
                   "postgresql://me:sesame@127.0.0.1:1/none", home=box,
                   timeout=40)
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    assert "sesame" not in done.stderr, "a password is never shown"


def test_restart_keeps_everything(make_sheaf):
    server = make_sheaf()
    server.delivered(call(papers.papers(1, 30)))
    before = server.all_papers()
    jobs = server.json("/api/scraper-jobs/")
    server.restart()
    assert server.all_papers() == before
    # The links are absolute, and the port is another one.
    assert server.json("/api/scraper-jobs/")["results"] == jobs["results"]
    assert server.json("/api/papers/?search=retrieval")["count"] == 6


def test_two_servers_on_one_postgresql(make_sheaf, database):
    """Scaled out: both see what either stores, and jobs run once."""
    if database.name != "postgresql":
        pytest.skip("SQLite is for one process")
    one = make_sheaf("one")
    two = make_sheaf("two", database_url=one.settings["database_url"])
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(
            lambda n: (one, two)[n % 2].delivered(
                call(papers.papers(n % 4 * 10, 20), f"arxiv-{n}")),
            range(12)))
    assert sum(c["papers_created"] for c in counts) == 50
    assert one.json("/api/papers/")["count"] == 50
    assert two.json("/api/papers/")["count"] == 50
    gone = one.json("/api/papers/")["results"][0]["id"]
    assert two.delete(f"/api/papers/{gone}/").status_code == 204
    assert one.json("/api/papers/")["count"] == 49
    assert one.get(f"/api/papers/{gone}/").status_code == 404


# -- stop ---------------------------------------------------------------------

def half_a_delivery(raw, made):
    """Send a delivery but for its last byte; returns that byte."""
    body = json.dumps(call(made, "arxiv-slow")).encode()
    raw.request("POST", "/api/webhooks/scraper-complete/",
                "Authorization: Bearer integration-bearer-secret",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}", body=body[:-1])
    return body[-1:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_finishes_what_is_under_way(make_lite, number):
    server = make_lite()
    with Raw(server) as raw:
        last = half_a_delivery(raw, [paper(1)])
        server.json("/healthz")  # the head has been read by now
        server.signal(number)
        time.sleep(0.2)
        assert server.running(), "it waits for the request"
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", server.port), 2).close()
        raw.send(last)
        assert raw.reply().status == 201
    assert server.ended(5) == 0
    server.start()
    assert server.json("/api/papers/")["count"] == 1


def test_readyz_says_503_while_stopping(make_lite):
    server = make_lite()
    with Raw(server) as slow, Raw(server) as asker:
        asker.request("GET", "/readyz").reply()
        last = half_a_delivery(slow, [paper(1)])
        server.json("/healthz")
        server.signal(signal.SIGTERM)
        try:
            asker.request("GET", "/readyz")
            assert asker.reply().status in (200, 503)
            reply = asker.request("GET", "/readyz").reply()
            assert reply.status == 503
        except (Closed, ConnectionError):
            pass  # an idle connection may be closed at once
        slow.send(last)
        assert slow.reply().status == 201
    assert server.ended(5) == 0


def test_idle_connections_do_not_hold_the_stop(make_lite):
    server = make_lite()
    with Raw(server) as raw, Raw(server) as silent:
        raw.request().reply()
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 2
        assert silent.closed()


def test_stop_gives_up_on_a_stuck_client(make_lite):
    """A request that never ends does not hold the stop beyond its time."""
    server = make_lite(stop_timeout_ms=1000)
    with Raw(server) as raw:
        half_a_delivery(raw, [paper(1)])
        server.json("/healthz")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 4


def test_second_signal_ends_at_once(make_lite):
    server = make_lite()
    server.delivered(call([paper(7)]))
    with Raw(server) as raw:
        half_a_delivery(raw, [paper(1)])
        server.json("/healthz")
        server.signal(signal.SIGTERM)
        time.sleep(0.2)
        assert server.running()
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        server.ended(5)
        assert time.monotonic() - began < 1
    server.start()
    assert server.json("/api/papers/")["count"] == 1


def test_sigterm_under_load_loses_nothing(make_sheaf):
    server = make_sheaf()
    acknowledged, stopping = [], threading.Event()

    def send(worker):
        number = worker * 100000
        while not stopping.is_set():
            number += 1
            try:
                reply = server.deliver(call([paper(number)],
                                            f"arxiv-{number}"), timeout=15)
            except OSError:
                return
            if reply.status_code == 201:
                acknowledged.append(number)
            else:
                assert reply.status_code == 503, reply.text

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        workers = [pool.submit(send, n) for n in range(8)]
        wait_until(lambda: len(acknowledged) >= 50, what="50 deliveries")
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
        assert time.monotonic() - began < 10.5
        stopping.set()
        for worker in workers:
            worker.result()
    server.start()
    stored = {p["source_id"] for p in server.all_papers()}
    wanted = {paper(number)["source_id"] for number in acknowledged}
    assert wanted <= stored
    # Of what was never answered at most one per sender can have got in.
    assert len(stored - wanted) <= 8


# -- a full disk --------------------------------------------------------------

@pytest.fixture
def small_disk(box):
    """A file system of 24 MB of its own."""
    path = box / "disk"
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs",
         str(path)], capture_output=True, text=True, check=False) \
        if os.geteuid() == 0 else None
    if not done or done.returncode:
        pytest.skip("no small file system to fill: mounting one needs root "
                    "(" + (done.stderr.strip() if done else "not root") + ")")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_full_disk(sheaf_bin, box, small_disk):
    from support.sheaf import Sheaf
    server = Sheaf(small_disk / "data", log_path=box / "serve.log")
    with server:
        server.delivered(call(papers.papers(1, 5)))
        ballast = small_disk / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 65536):
                    pass
            except OSError:
                pass
        # After a refusal there may be room once more: the log is begun anew.
        good, refused = {1, 2, 3, 4, 5}, 0
        for number in range(100, 2000):
            reply = server.deliver(call([paper(
                number, abstract="words " * 2000)], f"arxiv-{number}"))
            if reply.status_code == 201:
                good.add(number)
                continue
            assert reply.status_code == 507, reply.text
            assert "disk" in reply.json()["error"].lower() \
                or "space" in reply.json()["error"].lower()
            refused += 1
            if refused == 3:
                break
        assert refused == 3
        # Reading goes on, and shows what was acknowledged.
        assert server.json("/api/papers/")["count"] == len(good)
        assert server.json("/healthz")
        ballast.unlink()
        wait_until(lambda: server.deliver(
            call([paper(6000)], "arxiv-6000")).status_code == 201, 10,
            what="writing again by itself")
        assert server.json("/api/papers/")["count"] == len(good) + 1
        server.restart()
        stored = {p["source_id"] for p in server.all_papers()}
        assert stored == {paper(n)["source_id"] for n in good | {6000}}
