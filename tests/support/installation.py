"""Two copies of every service, each service a process of its own, on one
PostgreSQL and one Redis, and kept alive as by a supervisor.

The second copy is on the far machine of a Network, where there is one.  Each
process has its port for ever, and is started again when it ends.
"""

import signal
import threading
import time

import requests

from .ports import Port
from .sheaf import Sheaf
from .waiting import wait_until

SERVICES = {"backend": "backend", "scraper": "scraper",
            "processor": "processor", "front": "analytics,web"}
TOKEN = "the-same-token-in-both-copies-of-everything"
# Less than a second between two starts, as systemd's RestartSec=100ms.
RESTART_S = 0.1


class Kept(Sheaf):
    """A server that is started again when it ends."""

    def __init__(self, data_dir, database_url, settings, address, enter):
        self.held = Port()
        self.address = f"{address}:{self.held}"
        super().__init__(data_dir, database_url,
                         {**settings, "listen": self.address})
        self.name = self.data_dir.parent.name
        self.enter = enter
        self.starts = 0
        self.kills = 0
        self.ends = []  # statuses
        self.over = threading.Event()
        self.lock = threading.Lock()  # while it is started
        self.data_dir.mkdir(parents=True)
        (self.data_dir / "token").write_text(TOKEN)
        (self.data_dir / "token").chmod(0o600)
        self.keeper = threading.Thread(target=self._keep, daemon=True)

    @property
    def url(self):
        return f"http://{self.address}"

    @url.setter
    def url(self, _):
        """It does not depend on the process that is there."""

    def begin(self):
        self.spawn(self.enter)
        self.starts = 1
        self.keeper.start()

    def _keep(self):
        while True:
            status = self.process.wait()
            if self.over.wait(RESTART_S):
                return
            self.ends.append(status)
            with self.lock:
                if self.over.is_set():
                    return
                self.spawn(self.enter)
                self.starts += 1

    def is_ready(self):
        """Also of the process that is there now, not of the one before."""
        starts = self.starts
        return (self.get("/readyz", timeout=2).status_code == 200
                and starts == self.starts)

    def kill_again(self):
        """kill -9; the keeper will see to the rest."""
        starts = self.starts
        self.kills += 1
        self.process.kill()
        wait_until(lambda: self.starts > starts, what="a new process")

    def freeze(self):
        """It keeps its connections and does nothing more."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def finish(self):
        """Stop as an administrator would."""
        with self.lock:
            self.over.set()
        self.stop()

    def end(self):
        """Whatever state it is in."""
        with self.lock:
            self.over.set()
        if self.running():
            self.process.kill()
            self.process.wait()


class Installation:
    """`servers[service]` are its two copies."""

    def __init__(self, box, database_url, settings, network=None):
        self.servers = {name: [] for name in SERVICES}
        for copy in "near", "far":
            address, enter = "127.0.0.1", None
            if network:
                address = network.near if copy == "near" else network.far
                enter = network.enter if copy == "far" else None
            for name, services in SERVICES.items():
                more = {"services": services}
                if name == "scraper":
                    more["backend_url"] = "http://" + self.servers[
                        "backend"][-1].address
                self.servers[name].append(Kept(
                    box / f"{name}-{copy}" / "data", database_url,
                    {**settings, **more}, address, enter))
        self.all = [s for pair in self.servers.values() for s in pair]

    def start(self):
        for server in self.all:
            server.begin()
        self.wait_ready()
        for server in self.all:
            server.contract()
        return self

    def wait_ready(self, timeout=60):
        for server in self.all:
            wait_until(server.is_ready, timeout, 0.05,
                       f"readiness of {server.name}")

    def finish(self):
        errors = []
        for server in self.all:
            try:
                server.finish()
            except AssertionError as err:
                errors.append(str(err))
        assert not errors, "\n".join(errors)

    def end(self):
        for server in self.all:
            server.end()


class Stuck(AssertionError):
    """No clear answer for far too long."""


class Caller:
    """A client that wants a clear answer: while there is none it repeats the
    same request, at the one copy and the other.

    Sometimes it hangs up at once and repeats it while the first is still under
    way, and sometimes the answer is lost on its way back.
    """

    TIMEOUT_S = 4      # of one attempt
    PATIENCE_S = 100   # of all of them
    HANGS_UP = 0.04    # of the attempts
    LOSES = 0.04
    UNCLEAR = (408, 429, 502, 503, 504, 507)

    def __init__(self, installation, chance):
        self.installation = installation
        self.chance = chance
        self.attempts = 0  # of the last ask()
        self.unclear = 0   # those of all that the installation did not answer
        self.refusals = {} # what attempts in vain ended with: how often

    def ask(self, service, method, path, **kw):
        """The reply, of the first attempt that is answered clearly."""
        headers = {"Authorization": f"Bearer {TOKEN}",
                   **kw.pop("headers", {})}
        deadline = time.monotonic() + self.PATIENCE_S
        copies = list(self.installation.servers[service])
        self.chance.shuffle(copies)
        self.attempts = 0
        while True:
            server = copies[self.attempts % 2]
            self.attempts += 1
            why = self._try(server, method, path, headers, kw)
            if isinstance(why, requests.Response):
                return why
            self.refusals[why] = self.refusals.get(why, 0) + 1
            if why not in ("hung up", "lost"):
                self.unclear += 1
            if time.monotonic() > deadline:
                raise Stuck(f"{method} {path}: no clear answer for "
                            f"{self.PATIENCE_S} s; the last was {why}")
            if why != "hung up":
                time.sleep(self.chance.uniform(0.02, 0.2))

    def _try(self, server, method, path, headers, kw):
        hangs_up = self.chance.random() < self.HANGS_UP
        timeout = (self.chance.uniform(0.0005, 0.02) if hangs_up
                   else self.TIMEOUT_S)
        try:
            reply = server.request(method, path, headers=headers,
                                   timeout=timeout, **kw)
        except requests.RequestException as err:
            return "hung up" if hangs_up else type(err).__name__
        assert reply.status_code != 500, (path, reply.text,
                                          server.log_tail(30))
        if reply.status_code in self.UNCLEAR:
            return reply.status_code
        return "lost" if self.chance.random() < self.LOSES else reply

    def json(self, service, path, status=200, **kw):
        """GET, or another `method`, that must be answered with `status`."""
        reply = self.ask(service, kw.pop("method", "GET"), path, **kw)
        assert reply.status_code == status, (path, reply.status_code,
                                             reply.text[:2000])
        return reply.json()
