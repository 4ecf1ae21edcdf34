"""Page views: sent to several servers under load, and what their live clients
hear of them."""

import contextlib
import threading

import requests

from .live import Watcher
from .raw import Closed
from .waiting import wait_until


def up(server):
    return server.metric("sheaf_redis_up") == 1


def view(server, page="/projects", session=requests):
    reply = session.post(server.url + "/events/pageview", json={"page": page},
                         timeout=30)
    assert reply.status_code == 202, reply.text
    return reply.json()["count"]


@contextlib.contextmanager
def watching(*servers):
    """A client of each, after its snapshot."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Watcher(s)) for s in servers]
        for client in clients:
            assert client.event()[0] == "snapshot"
        yield clients


class Load:
    """Views sent to all servers until stopped; what was acknowledged."""

    def __init__(self, servers, pages):
        self.servers = servers
        self.highest = {}
        self.n = 0
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.failed = []
        self.threads = [
            threading.Thread(target=self.send, args=(s, p), daemon=True)
            for s in servers for p in pages]
        for thread in self.threads:
            thread.start()

    def send(self, server, page):
        with requests.Session() as session:
            while not self.over.is_set():
                try:
                    count = view(server, page, session)
                except (AssertionError, requests.RequestException) as err:
                    self.failed.append(repr(err))
                    return
                self.note(page, count)

    def note(self, page, count):
        with self.lock:
            self.n += 1
            self.highest[page] = max(count, self.highest.get(page, 0))

    def more(self, n):
        """Wait for n more acknowledged views."""
        goal = self.n + n
        wait_until(lambda: self.n >= goal or self.failed, 60)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        assert not self.failed
        for server in self.servers:  # what is told behind all others
            self.note("/end", view(server, "/end"))
        assert sum(self.highest.values()) == self.n, "each was counted once"


class Listener:
    """What a client hears of pages, noted as it comes."""

    def __init__(self, client):
        self.client = client
        self.heard = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        with contextlib.suppress(OSError, Closed):
            while True:
                name, data = self.client.event()
                if name == "new_pageview":
                    self.heard.append((data["page"], data["count"]))

    def heard_all(self, load):
        """The load's last counts come, and never one that is lower than one
        before."""
        wanted = set(load.highest.items())
        wait_until(lambda: wanted <= set(self.heard), 30)
        for page in load.highest:
            counts = [count for p, count in self.heard if p == page]
            assert counts == sorted(counts)
