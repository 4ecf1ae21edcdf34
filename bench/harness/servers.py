"""sheaf and the Django peer as the bench sees them: a URL and a process."""
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from .corpus import delivery
from .load import Http
from .process import BenchError, Child

PAPERS = "/api/papers/"
WEBHOOK = "/api/webhooks/scraper-complete/"
SECRET = "bench-secret"
_PEER_DIR = Path(__file__).parent.parent / "peer_django"
_START_TIMEOUT_S = 60
_LOAD_BATCH = 500


class Server:
    """What both sides share.  `child` and `url` are set by the subclass."""

    name = ""
    child = None
    url = ""

    def deliver(self, body):
        """Send one webhook call -> (reply as dict, milliseconds)."""
        with Http(self.url, keep_alive=False) as client:
            status, data, took_ms = client.request("POST", WEBHOOK, body, {
                "Authorization": f"Bearer {SECRET}",
                "Content-Type": "application/json"})
        if status != 201:
            raise BenchError(f"{self.name}: webhook answered {status} "
                             f"{data[:500]!r}")
        return json.loads(data), took_ms

    def count(self, query):
        """`count` of the list under these parameters."""
        with Http(self.url) as client:
            return client.get_json(f"{PAPERS}?page_size=1{query}")["count"]

    def stop(self):
        if self.child:
            self.child.stop()


def sheaf_environment():
    """Our own environment without the reader's sheaf settings, and with an
    arXiv that cannot be reached: a bench must not send it anything."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("SHEAF_")}
    return {**env, "WEBHOOK_SECRET": SECRET,
            "SHEAF_ARXIV_URL": "http://127.0.0.1:9/api/query"}


class Sheaf(Server):
    """`sheaf serve` on a directory and, if given, a PostgreSQL database."""

    name = "sheaf"

    def __init__(self, binary, data_dir, log, database_url=None,
                 services="scraper,backend,analytics,web", prefix=(),
                 settings=()):
        argv = [*prefix, binary, "serve", "--listen", "127.0.0.1:0", "--data-dir",
                data_dir, "--services", services]
        if database_url:
            argv += ["--database-url", database_url]
        argv += settings
        start = time.perf_counter()
        self.child = Child(argv, log=log, env=sheaf_environment())
        try:
            self.url = self._wait_url(Path(data_dir, "lock"))
            poll(self.url, "/readyz", self.child)
        except BaseException:
            self.child.kill()
            raise
        self.ready_ms = (time.perf_counter() - start) * 1000

    def _wait_url(self, lock):
        """The address from the lock file: {"pid": …, "url": "…"}."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                held = json.loads(lock.read_text())
                if held.get("pid") == self.child.pid and held.get("url"):
                    return held["url"]
            except (OSError, ValueError):
                pass  # not written yet, or half written
            self.child.check_alive()
            time.sleep(0.0002)
        raise BenchError(f"no URL in {lock} after {_START_TIMEOUT_S} s:\n"
                         f"{self.child.log_tail()}")

    def load(self, corpus_file):
        """Bring the papers in through the webhook, as a scraper would; the
        seconds that the calls took."""
        took_ms = 0.0
        with open(corpus_file, encoding="utf-8") as lines:
            while papers := list(islice(lines, _LOAD_BATCH)):
                job_id = f"arxiv-{time.time_ns()}"
                reply, call_ms = self.deliver(delivery(papers, job_id))
                took_ms += call_ms
                if reply["papers_created"] != len(papers):
                    raise BenchError(f"of {len(papers)} new papers sheaf "
                                     f"says it created {reply}")
        return took_ms / 1000


class Peer(Server):
    """The Django backend of bench/peer_django under gunicorn."""

    name = "peer"

    def __init__(self, database_env, log):
        self.env = {**os.environ, **database_env, "WEBHOOK_SECRET": SECRET,
                    "DJANGO_SETTINGS_MODULE": "peer.settings",
                    "PYTHONDONTWRITEBYTECODE": "1"}
        self.log = log
        self.ready_ms = 0.0

    def manage(self, *args):
        """Run a management command; its output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *map(str, args)], cwd=_PEER_DIR,
            env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"manage.py {args[0]}: {done.stderr[-2000:]}")
        return done.stdout

    def load(self, corpus_file):
        """Create the tables and fill them by bulk insert."""
        start = time.perf_counter()
        self.manage("migrate", "--verbosity", "0")
        self.manage("load_papers", corpus_file)
        return time.perf_counter() - start

    def start(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        start = time.perf_counter()
        self.child = Child(
            [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}",
             "peer.wsgi"],
            log=self.log, cwd=_PEER_DIR, env=self.env)
        poll(self.url, f"{PAPERS}?page_size=1", self.child)
        self.ready_ms = (time.perf_counter() - start) * 1000
        return self

    def restart(self):
        """Drop the requests that a departed client left in the queue."""
        self.child.kill()
        self.start()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def poll(url, path, child):
    """Ask until the answer is 200.  The pause is far below what is measured
    (starts of tens of milliseconds), and leaves the processor to the child."""
    parts = urlsplit(url)
    deadline = time.monotonic() + _START_TIMEOUT_S
    status = None
    while time.monotonic() < deadline:
        client = http.client.HTTPConnection(parts.hostname, parts.port,
                                            timeout=_START_TIMEOUT_S)
        try:
            client.request("GET", path)
            status = client.getresponse().status
            if status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass  # not listening yet
        finally:
            client.close()
        child.check_alive()
        time.sleep(0.0005)
    raise BenchError(f"{url}{path} is not ready after {_START_TIMEOUT_S} s "
                     f"(last status {status}):\n{child.log_tail()}")
