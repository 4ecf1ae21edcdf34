"""sheaf with its document processor: documents in, questions asked."""
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

from .load import Http
from .process import BenchError
from .servers import Sheaf

_REPO = Path(__file__).resolve().parent.parent.parent
_SERVICES = "scraper,backend,processor,analytics,web"
_SENDERS = 4
_POLL_S = 0.05


def model_dir():
    """Where the model is, or None; `make bench` fetches none."""
    folder = Path(os.environ.get("SHEAF_TEST_MODEL",
                                 _REPO / "build/model")).resolve()
    return folder if (folder / "model.safetensors").exists() else None


class Desk(Sheaf):
    """`sheaf serve` in a directory of its own, with the model."""

    def __init__(self, binary, data_dir, log, database_url=None, settings=""):
        Path(data_dir).mkdir(parents=True, exist_ok=True)
        Path(data_dir, "sheaf.conf").write_text(
            f"model_dir = {model_dir()}\n{settings}", encoding="utf-8")
        super().__init__(binary, data_dir, log, database_url, _SERVICES)

    def add(self, documents):
        """Send documents (bodies of POST /process/text) and wait until each
        can be found; the seconds from the first byte to the last commit."""
        start = time.perf_counter()
        self.send(documents)
        self.wait_jobs()
        return time.perf_counter() - start

    def add_judged(self, data):
        """The documents of a judged collection, as harness.judged has them;
        the seconds it took."""
        return self.add([{"title": row.get("title", ""), "text": row["text"],
                          "metadata": {"source": document}}
                         for document, row in data.documents.items()])

    def send(self, documents):
        """Only the sending: the jobs go on."""
        with ThreadPoolExecutor(_SENDERS) as pool:
            for sent in [pool.submit(self._send, documents[i::_SENDERS])
                         for i in range(_SENDERS)]:
                sent.result()

    def _send(self, documents):
        with Http(self.url) as client:
            for document in documents:
                status, data, _ = client.request(
                    "POST", "/process/text", json.dumps(document),
                    {"Content-Type": "application/json"})
                if status != 202:
                    raise BenchError(f"POST /process/text -> {status} "
                                     f"{data[:300]!r}")

    def wait_jobs(self):
        """Until no document is waiting or being processed.  The pause is
        short beside what is measured (seconds)."""
        with Http(self.url) as client:
            while any(client.get_json(f"/jobs/?kind=process&page_size=1"
                                      f"&status={status}")["count"]
                      for status in ("pending", "processing")):
                self.child.check_alive()
                time.sleep(_POLL_S)
            failed = client.get_json(
                "/jobs/?kind=process&status=failed&page_size=1")
        if failed["count"]:
            raise BenchError(f"{failed['count']} documents failed, such as "
                             f"{failed['results'][0]}")

    def documents(self):
        """What GET /documents/ lists, all of it."""
        found, path = [], "/documents/?page_size=100"
        with Http(self.url) as client:
            while path:
                page = client.get_json(path)
                found += page["results"]
                path = page["next"]
        return found

    def chunks(self):
        """How many chunks the documents have."""
        return sum(d["chunks"] for d in self.documents())

    def remove(self, wanted):
        """Delete the documents whose source is wanted(source)."""
        with Http(self.url) as client:
            for document in self.documents():
                if not wanted(document["source"] or ""):
                    continue
                status, data, _ = client.request(
                    "DELETE", f"/documents/{document['id']}")
                if status != 204:
                    raise BenchError(f"DELETE -> {status} {data[:300]!r}")

    def query(self, client, text, **parameters):
        """-> (the reply of GET /query, milliseconds)"""
        return client.get_json_timed(
            "/query?" + urlencode({"q": text, **parameters}))


def asker(desk, **parameters):
    """question -> milliseconds, with a connection of each thread's own."""
    local = threading.local()

    def ask(question):
        if not hasattr(local, "client"):
            local.client = Http(desk.url)
        return desk.query(local.client, question, **parameters)[1]
    return ask


class Asking:
    """Clients that ask one question after the other, each with its own
    connection, until `stop`; the milliseconds of each reply."""

    def __init__(self, ask, questions, clients):
        self.took_ms = []
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._asking = [self._pool.submit(self._run, ask, questions[i::clients])
                        for i in range(clients)]

    def _run(self, ask, questions):
        at = 0
        while not self._stop.is_set():
            self.took_ms.append(ask(questions[at % len(questions)]))
            at += 1

    def stop(self):
        self._stop.set()
        self._pool.shutdown()
        for asking in self._asking:
            asking.result()


def two_clients(ask, questions, seconds):
    """The milliseconds of each reply to two clients."""
    asking = Asking(ask, questions, 2)
    time.sleep(seconds)
    asking.stop()
    return asking.took_ms


def quantile(values, q):
    """The value below which a share q lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
