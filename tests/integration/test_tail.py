"""`sheaf tail`: live events in a terminal, whatever the server does."""

import fcntl
import http.server
import json
import os
import pty
import queue
import re
import signal
import subprocess
import threading

import pytest

from support.papers import call, paper
from support.sheaf import binary, clean_env, run_cli
from support.waiting import wait_until

LINE = r"\d\d:\d\d:\d\d  "
PATIENCE = 30


class Tail:
    """One `sheaf tail` over the data directory `home`/data."""

    def __init__(self, home, *args, stdout=subprocess.PIPE, **env):
        self.process = subprocess.Popen(
            [binary(), "tail", "--data-dir", home / "data", *args],
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
            env=clean_env(home, **env), text=True)
        self.lines, self.said = queue.Queue(), queue.Queue()
        for pipe, lines in ((self.process.stdout, self.lines),
                            (self.process.stderr, self.said)):
            if pipe:
                threading.Thread(target=self.read, args=(pipe, lines),
                                 daemon=True).start()

    @staticmethod
    def read(pipe, lines):
        for line in pipe:
            lines.put(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def line(self):
        return self.lines.get(timeout=PATIENCE)

    def joined(self):
        """Once it has its snapshot it hears everything."""
        assert re.match(LINE + "snapshot  ", self.line())
        return self

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def tail(server, *args, **kw):
    return Tail(server.data_dir.parent, *args, **kw)


def view(server, page):
    assert server.post("/events/pageview", json={"page": page}
                       ).status_code == 202


def listeners(server, n):
    """Wait until n clients have been let in and have their snapshots."""
    wait_until(lambda: server.metric("sheaf_live_sent_total") == 2 * n,
               what=f"{n} listeners")


def test_a_line_for_each(lite):
    with tail(lite) as t:
        assert re.fullmatch(LINE + "snapshot          0 views of 0 pages; "
                            "1 live clients", t.line())
        view(lite, "/projects")
        assert re.fullmatch(LINE + "new_pageview              1  /projects",
                            t.line())
        lite.delivered(call([paper(1), paper(2)]))
        assert re.fullmatch(LINE + "paper_added               2  Paper 0000. "
                            "about .*", t.line())
        assert t.end() == 0
        assert t.said.empty()


def test_a_job(scraper, arxiv):
    with tail(scraper, "--event", "job_progress") as t:
        listeners(scraper, 1)
        job_id = scraper.scrape(source="arxiv", days=1, max_results=5,
                                category="llm")
        line = t.line()
        # Its delivery is a job, too, and may be told of first.
        while not ("completed" in line and job_id in line):
            line = t.line()
        assert re.fullmatch(LINE + "job_progress          100 %  completed  "
                            f"scrape   {job_id}", line)
        assert t.end(signal.SIGTERM) == 0


def test_json_and_filters(lite):
    with tail(lite, "--json", "--event", "new_pageview,paper_added") as both, \
            tail(lite, "--json", "--page=/blog*") as blog, \
            tail(lite, "--json", "--page", "/blog") as page:
        listeners(lite, 3)
        for path in "/blog/1", "/other", "/blog":
            view(lite, path)
        lite.delivered(call([paper(1)]))
        events = [json.loads(both.line()) for _ in range(4)]
        assert [e["event"] for e in events] == 3 * ["new_pageview"] + [
            "paper_added"]
        assert events[0]["data"] == {"page": "/blog/1", "count": 1}
        assert events[3]["data"]["count"] == 1
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
                            events[0]["time"])
        assert [json.loads(blog.line())["data"]["page"]
                for _ in range(2)] == ["/blog/1", "/blog"]
        assert json.loads(page.line())["data"]["page"] == "/blog"
        assert (both.end(), blog.end(), page.end()) == (0, 0, 0)
        assert blog.lines.empty() and page.lines.empty()


@pytest.mark.one_process("its address changes")
def test_restart(make_lite):
    """It goes on with the next server, which is at another address."""
    server = make_lite()
    before = server.url
    with tail(server) as t:
        t.joined()
        server.restart()
        assert server.url != before
        assert t.said.get(timeout=PATIENCE) == (
            "sheaf: the server has gone; waiting for it")
        t.joined()
        server.kill()
        server.start()
        t.joined()
        view(server, "/a")
        assert t.line().endswith("1  /a")
        assert t.said.get(timeout=PATIENCE) # of the kill
        server.stop()
        assert t.said.get(timeout=PATIENCE)
        assert t.end() == 0


@pytest.mark.one_process("the file of the token")
def test_private_reads(make_lite):
    server = make_lite(private_reads="on")
    with tail(server) as t:
        t.joined()
        (server.data_dir / "token").write_text("another\n")
        with tail(server) as refused:
            assert refused.process.wait(PATIENCE) == 1
            assert "admin token" in refused.said.get(timeout=PATIENCE)


def test_colours_on_a_terminal_only(lite):
    for env, coloured in (({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False),
                          ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
        ours, its = pty.openpty()
        with tail(lite, stdout=its, **env) as t:
            os.close(its)
            seen = b""
            while b"snapshot" not in seen or not seen.endswith(b"\n"):
                seen += os.read(ours, 1000)
            assert (b"\033[" in seen) == coloured, seen
            assert t.end() == 0
        os.close(ours)


def test_no_server(box):
    done = run_cli("tail", "--data-dir", box / "data", home=box)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sheaf: no server runs on '")
    assert "sheaf serve" in done.stderr


def test_no_live_events(make_lite):
    server = make_lite(services="web")
    done = run_cli("tail", "--data-dir", server.data_dir,
                   home=server.data_dir.parent)
    assert done.returncode == 1
    assert "'services' does not hold analytics" in done.stderr


@pytest.mark.parametrize("args, said", [
    (["--event", "new_pageviw"], "did you mean 'new_pageview'?"),
    (["--event", "snapshot,views"], "there is no 'views'"),
    (["--event="], "there is no ''"),
    (["projects"], "nothing to name"),
    (["--pages", "/a"], "--pages"),
])
def test_wrong_usage(lite, args, said):
    done = run_cli("tail", *args, "--data-dir", lite.data_dir,
                   home=lite.data_dir.parent)
    assert done.returncode == 2
    assert said in done.stderr


# -- servers that are none of ours --------------------------------------------

class Impostor:
    """Holds a data directory's lock, and answers GETs with what it is given,
    one after the other; then never again."""

    def __init__(self, box, answers):
        owner = self
        self.answers = iter(answers)
        self.posts = []
        self.closing = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = next(owner.answers, None)
                if body is None:
                    owner.closing.wait()
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                size = int(self.headers["Content-Length"])
                owner.posts.append(self.rfile.read(size))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,),
                         daemon=True).start()
        self.home = box
        data = box / "data"
        data.mkdir()
        (data / "token").write_text("a-token\n")
        self.lock = open(data / "lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        json.dump({"pid": os.getpid(), "url":
                   f"http://127.0.0.1:{self.server.server_port}"}, self.lock)
        self.lock.flush()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.lock.close()


@pytest.fixture
def impostor(box):
    made = []

    def make(*answers):
        made.append(Impostor(box, answers))
        return made[-1]
    yield make
    for server in made:
        server.close()


OPEN = b'0{"sid":"x","pingInterval":25000,"pingTimeout":20000}'


def test_answers_pings(impostor):
    server = impostor(OPEN, b"40{}", b"2", b"6\x1e2", b'42["snapshot",{}]')
    with Tail(server.home) as t:
        t.joined()
        assert server.posts == [b"40", b"3", b"3"]
        assert t.end() == 0


@pytest.mark.parametrize("args", [[], ["--json"]])
def test_a_terminal_is_not_steered(impostor, args):
    server = impostor(OPEN, b"40{}", "\x1e".join(
        "42" + json.dumps(event, ensure_ascii=False) for event in [
            ["new_pageview", {"page": "/\x1b[2J\u202e\x9b1m\x07", "count": 1}],
            ["\x1b]0;owned\x07", {"x": "\x1b[31m\x9b"}],
            ["job_progress", {"job_id": "\x1b", "error": "\x1b[1m", "kind": 5,
                              "status": "\x1b[0m", "progress": "x"}],
            ["paper_added", {"papers": [{"title": "\x1b[2J"}], "count": "x"}],
            ["document_ready", ["\x1b"]], ["snapshot", None], ["snapshot"],
            ["last"]]).encode())
    with Tail(server.home, *args) as t:
        seen = t.line()
        while "last" not in seen:
            seen += t.line()
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202e]", seen), ascii(seen)
        assert t.end() == 0


@pytest.mark.parametrize("answers", [
    [b"hello"], [b""], [b"0"], [b"0{}"], [b'0{"sid":5}'], [b"0[]"],
    [b"\xff"], [b'0{"sid":"' + b"x" * 1000 + b'"}'],
    [OPEN, b"\xff"], [OPEN, b"40{}", b"9"], [OPEN, b"40{}", b'42["x"'],
    [OPEN, b"40{}", b"4", b"x"],
    [OPEN, b"40{}", b'42["x",' + b"[" * 1000 + b"]" * 1000 + b"]"],
    [OPEN, b'44{"message":"not you\x1b[2J"}'],
], ids=lambda a: repr(a[-1])[:20])
def test_nonsense_ends_it(impostor, answers):
    with Tail(impostor(*answers).home) as t:
        assert t.process.wait(PATIENCE) == 1
        said = t.said.get(timeout=PATIENCE)
        assert said.startswith("sheaf: ")
        assert "\x1b" not in said
