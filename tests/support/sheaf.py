"""The program under test, as one process.

A Sheaf is started on a free loopback port over a data directory of its own,
is ready when /readyz says 200, and must end by itself with status 0 after
SIGTERM.  Its environment is made here: nothing of the caller's SHEAF_* or
WEBHOOK_SECRET reaches it.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import urllib.parse

import requests

from .contract import Contract
from .ports import Port
from .waiting import wait_until

REPO = pathlib.Path(__file__).resolve().parents[2]

# config.md: after SIGTERM a server has 10 s to finish; one more to be reaped.
STOP_SECONDS = 11

WEBHOOK_SECRET = "integration-bearer-secret"
# whsec_ + base64 of 32 bytes, as Standard Webhooks writes secrets.
SIGNING_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def binary():
    """Path of the program under test."""
    return os.environ.get("SHEAF_BIN", str(REPO / "build" / "sheaf"))


def clean_env(home, **more):
    """An environment without any setting of sheaf but those in `more`."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("SHEAF_") and k != "WEBHOOK_SECRET"
           and not k.lower().endswith("_proxy")}
    env["HOME"] = str(home)
    env["XDG_DATA_HOME"] = str(pathlib.Path(home) / "xdg")
    env.update(more)
    return env


class Sheaf:
    """One `sheaf serve`.  Use as a context manager, or start() and stop().

    What it answers must be as its /openapi.json says: see contract.py.
    """

    # By what decides which routes there are: fetched once for all of those
    # servers.
    contracts = {}
    processes = 1  # of each of its services
    copied = False  # vectors are, to a server that finds them

    def __init__(self, data_dir, database_url=None, settings=None, args=(),
                 log_path=None, secrets=True):
        self.data_dir = pathlib.Path(data_dir)
        self.log_path = pathlib.Path(
            log_path or self.data_dir.parent / "serve.log")
        self.args = list(args)
        # Without the processor: each of its servers would pack the model's
        # weights anew, into a data directory of its own.
        self.settings = {"listen": "127.0.0.1:0",
                         "services": "scraper,backend,analytics,web",
                         **(settings or {})}
        if secrets:
            self.settings.setdefault("webhook_secret", WEBHOOK_SECRET)
            self.settings.setdefault("webhook_signing_secret", SIGNING_SECRET)
        if database_url:
            self.settings["database_url"] = database_url
        self.process = None
        self.url = None
        self._port = None  # of a halt()
        self._local = threading.local()

    # -- life ------------------------------------------------------------

    def env(self):
        """The process's environment: every setting is a SHEAF_* variable."""
        return clean_env(self.data_dir.parent, **{
            "SHEAF_" + key.upper(): str(value)
            for key, value in self.settings.items()})

    def spawn(self, preexec=None):
        """Start the process and return at once."""
        self.url = None
        self._local = threading.local()
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = (self.log_path.stat().st_size
                           if self.log_path.exists() else 0)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), "serve", "--data-dir", str(self.data_dir),
                 *self.args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.env(), start_new_session=True, preexec_fn=preexec)
        return self

    def start(self, timeout=20, preexec=None, until="/readyz"):
        """Start, and wait until this path answers 200."""
        self.spawn(preexec)
        self.wait_up(until, timeout)
        return self

    def wait_up(self, path, timeout):
        wait_until(lambda: self._up(path), timeout, 0.01, path + " of sheaf")

    def _up(self, path):
        code = self.process.poll()
        if code is not None:
            raise RuntimeError(f"sheaf ended with status {code} at start:\n"
                               f"{self.log_tail()}")
        self.url = self.lock()["url"].rstrip("/")
        return self.get(path).status_code == 200

    def lock(self):
        """What DIR/lock says; OSError when it is not (yet) this process's."""
        try:
            lock = json.loads((self.data_dir / "lock").read_text())
        except ValueError as err:
            raise OSError(f"lock is not whole: {err}") from None
        if self.process and lock["pid"] != self.process.pid:
            raise OSError("lock of another process")
        return lock

    def settled(self):
        """What was acknowledged can be found: at once, but where a copy of
        the vectors follows."""

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM; the process must end with status 0 within its 10 s."""
        if self.running():
            self.signal(signal.SIGTERM)
        self.stopped()

    def stopped(self):
        """Wait for that end."""
        if self.process is None:
            return
        process, self.process = self.process, None
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(
                f"sheaf did not stop within {STOP_SECONDS} s of SIGTERM:\n"
                f"{self.log_tail()}") from None
        assert code == 0, f"sheaf ended with {code}:\n{self.log_tail()}"
        left = processes_of_session(process.pid)
        assert not left, f"sheaf left processes behind: {left}"

    def signal(self, number):
        """Send a signal, as an administrator or a supervisor would."""
        self.process.send_signal(number)

    def ended(self, timeout=STOP_SECONDS):
        """Wait until the process, told to stop before, has ended; returns its
        status."""
        process, self.process = self.process, None
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"sheaf did not end within {timeout} s:\n"
                                 f"{self.log_tail()}") from None

    def kill(self):
        """kill -9, as a power cut would."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None

    def halt(self):
        """Stop it, to be started again at the port that it has."""
        number, self._port = self.port, None
        self.stop()
        self._port = Port(number)
        self.settings["listen"] = self._port.address

    def restart(self):
        self.stop()
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind:
            self.kill()
        else:
            self.stop()

    def log(self):
        """What this process has written so far."""
        if not self.log_path.exists():
            return ""
        with open(self.log_path, "rb") as file:
            file.seek(self._log_start)
            return file.read().decode("utf-8", "replace")

    def log_tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def rss_kb(self):
        """Resident memory of the process in kB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines()
                        if line.startswith("VmRSS")))

    # -- HTTP ------------------------------------------------------------

    def session(self):
        """One keep-alive session per thread."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
            self._local.session.hooks["response"].append(self._hold)
        return self._local.session

    def contract(self):
        """What this server says of itself."""
        key = (binary(), self.settings["services"], *self.args)
        if key not in self.contracts:
            self.contracts[key] = Contract(requests.get(
                self.url + "/openapi.json", timeout=30).json())
        return self.contracts[key]

    def _hold(self, reply, stream=False, **_):
        """Hold a reply against the contract."""
        if not reply.url.startswith(self.url + "/"):
            return
        self.contract().check(
            reply.request.method, urllib.parse.urlsplit(reply.url).path,
            reply.status_code, reply.headers.get("Content-Type", ""),
            None if stream else reply.content)

    def request(self, method, path, **kw):
        kw.setdefault("timeout", 30)
        kw.setdefault("allow_redirects", False)
        return self.session().request(method, self.url + path, **kw)

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, **kw):
        return self.request("POST", path, **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)

    def patch(self, path, **kw):
        return self.request("PATCH", path, **kw)

    def json(self, path, status=200, **kw):
        """GET that must answer `status`; returns the JSON."""
        reply = self.get(path, **kw)
        assert reply.status_code == status, (path, kw, reply.status_code,
                                             reply.text[:2000])
        return reply.json()

    def metric(self, name):
        """The number of this line of /metrics; None: it has none."""
        found = re.search(rf"^{re.escape(name)} (\S+)$",
                          self.get("/metrics").text, re.M)
        return float(found[1]) if found else None

    @property
    def host(self):
        return self.url.split("//", 1)[1]

    @property
    def port(self):
        return int(self.host.rsplit(":", 1)[1])

    # -- what most tests do ------------------------------------------------

    def token(self):
        return (self.data_dir / "token").read_text().strip()

    def bearer(self):
        return {"Authorization": f"Bearer {self.token()}"}

    def deliver(self, body, secret=None, headers=None, **kw):
        """POST to the webhook; `body` is JSON-able, or bytes as they go."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = {"Content-Type": "application/json",
                "Authorization": "Bearer "
                + (secret or self.settings["webhook_secret"])}
        head.update(headers or {})
        return self.post("/api/webhooks/scraper-complete/", data=data,
                         headers={k: v for k, v in head.items()
                                  if v is not None}, **kw)

    def delivered(self, body, **kw):
        """deliver() that must be accepted; returns the counts."""
        reply = self.deliver(body, **kw)
        assert reply.status_code == 201, (reply.status_code, reply.text)
        return reply.json()

    def scrape(self, headers=None, **body):
        """POST /scrape that must be accepted; returns the job id."""
        reply = self.post("/scrape", json=body, headers=headers)
        assert reply.status_code == 202, (body, reply.status_code, reply.text)
        return reply.json()["job_id"]

    def job(self, job_id):
        return self.json(f"/jobs/{job_id}")

    def wait_job(self, job_id, timeout=30):
        """The job once it is completed, failed or cancelled."""
        def ended():
            job = self.job(job_id)
            return job if job["status"] not in ("running", "pending",
                                                "processing") else None
        return wait_until(ended, timeout, what=f"the end of {job_id}")

    def wait_counts(self, job_id, timeout=30):
        """The job once its webhook's counts are known."""
        def counted():
            job = self.job(job_id)
            assert job["status"] in ("running", "completed"), job
            return job if job["papers_created"] is not None else None
        return wait_until(counted, timeout, what=f"the counts of {job_id}")

    def all_papers(self, **params):
        """Every paper, by cursor pages (which no arriving row disturbs)."""
        page = self.json("/api/papers/",
                         params={"page_size": 100, "cursor": "", **params})
        found = page["results"]
        while page["next"]:
            page = self.session().get(page["next"], timeout=30).json()
            found += page["results"]
        return found


def scraping(arxiv, **more):
    """Settings of a server that scrapes a fake arXiv without delay."""
    return {"arxiv_url": arxiv.url, "arxiv_interval_ms": 1,
            "job_backoff_ms": 20, **more}


def processes_of_session(session_id):
    """Ids of the live processes of a session (field 6 of /proc/ID/stat)."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        state, _, _, session = stat.rsplit(")", 1)[1].split()[:4]
        if int(session) == session_id and state not in "ZX":
            found.append(int(entry.name))
    return found


def run_cli(*args, home, timeout=60, input=None, **env):
    """Run `sheaf ARGS` to its end; returns the CompletedProcess (text)."""
    return subprocess.run([binary(), *map(str, args)], text=True, input=input,
                          stdin=None if input is not None
                          else subprocess.DEVNULL,
                          capture_output=True, timeout=timeout,
                          env=clean_env(home, **env), check=False)


def now_utc(offset=0.0):
    """RFC 3339 UTC, as sheaf writes times."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ",
                         time.gmtime(time.time() + offset))
