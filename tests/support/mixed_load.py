"""Clients of all services at once, each of whom knows what must be there in the
end: `run()` until told to stop, `check()` when all is at rest.

Each works as a real one would: what got no clear answer is sent again, with the
same webhook-id, Idempotency-Key or source, until it is answered.  A page view
has no such name; whether one that was not answered has been counted is seen at
the next, since nobody else views that page.
"""

import json
import random
import threading
import time

import requests

from .fake_arxiv import Entry
from .fake_backend import sign
from .installation import TOKEN, Caller
from .live import Watcher
from .papers import call, paper
from .raw import Closed
from .sheaf import SIGNING_SECRET, WEBHOOK_SECRET

WORDS = ("pod node service volume soup paper vector kettle river lamp window "
         "garden number letter").split()
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ENDED = ("completed", "failed", "cancelled")


class Failed(Exception):
    """What a client met; not an AssertionError, for which wait_until() would
    wait."""


class Client(threading.Thread):
    """One of them.  `done` counts what was clearly answered."""

    def __init__(self, load, name):
        super().__init__(name=name, daemon=True)
        self.load = load
        self.chance = random.Random(f"{load.seed} {name}")
        self.caller = Caller(load.installation, self.chance)
        self.done = 0
        self.error = None

    def run(self):
        try:
            while not self.load.over.is_set():
                self.step()
                self.done += 1
        except BaseException as err:  # it is told by Load
            self.error = err

    def step(self):
        raise NotImplementedError

    def check(self, caller):
        """All is at rest: is everything there, once?"""

    def job(self, name):
        """Follow a job to its end; what it said of its progress holds."""
        progress = -1
        while True:
            job = self.caller.json("front", f"/jobs/{name}")
            assert job["progress"] >= progress, job
            progress = job["progress"]
            if job["status"] in ENDED:
                assert job["status"] == "completed", job
                return job
            time.sleep(0.05)


class Webhooks(Client):
    """A sender of papers: mostly new ones, sometimes a new version of one."""

    def __init__(self, load, name, first):
        super().__init__(load, name)
        self.next = first
        self.papers = {}  # number: version

    def step(self):
        number, versions = self.next, {}
        for _ in range(self.chance.randint(1, 4)):
            if self.papers and self.chance.random() < 0.3:
                old = self.chance.choice(list(self.papers))
                versions.setdefault(old, self.papers[old] + 1)
            else:
                versions[self.next] = 1
                self.next += 1
        created = sum(v == 1 for v in versions.values())
        body = json.dumps(call(
            [self.paper(n, v) for n, v in versions.items()],
            f"arxiv-{self.name}-{number}-{self.done}")).encode()
        stamp = str(int(time.time()))
        name = f"msg_{self.load.seed}_{self.name}_{self.done}"
        reply = self.caller.json(
            "backend", "/api/webhooks/scraper-complete/", 201, method="POST",
            data=body, headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {WEBHOOK_SECRET}",
                "webhook-id": name, "webhook-timestamp": stamp,
                "webhook-signature": sign(SIGNING_SECRET, name, stamp, body)})
        assert reply["papers_created"] == created, (reply, versions)
        assert reply["papers_updated"] == len(versions) - created, reply
        self.papers.update(versions)

    def paper(self, number, version):
        return paper(number, version=version,
                     title=f"Paper {number:05d} in version {version}")

    def check(self, caller):
        titles = self.load.titles
        for number, version in self.papers.items():
            made = self.paper(number, version)
            assert titles.get(made["source_id"]) == [made["title"]]
        assert not [name for name in titles if name.startswith("2501.")
                    and int(name[5:]) // 10000 == self.next // 10000
                    and int(name[5:]) >= self.next]


class Scrapes(Client):
    """Each scrape finds one paper more than the one before."""

    def __init__(self, load, name, arxiv):
        super().__init__(load, name)
        self.arxiv = arxiv
        self.jobs = []

    def step(self):
        number = len(self.jobs)
        self.arxiv.corpus.append(Entry(
            f"2511.{number:05d}", f"Scraped {number} about LLMs",
            age_days=3 - number / 1000))
        reply = self.caller.json(
            "scraper", "/scrape", 202, method="POST",
            json={"category": "all"}, headers={
                "Idempotency-Key": f"{self.load.seed}-scrape-{number}"})
        self.jobs.append(reply["job_id"])
        self.job(reply["job_id"])

    def check(self, caller):
        assert len(set(self.jobs)) == len(self.jobs)
        for number in range(len(self.jobs)):
            assert len(self.load.titles[f"2511.{number:05d}"]) == 1
        for status in "completed", "":
            found = caller.json("scraper", "/jobs/", params={
                "kind": "scrape", "status": status} if status else {
                "kind": "scrape"})
            assert found["count"] == len(self.jobs)
        for status in "delivered", "":
            found = caller.json("scraper", "/api/webhook-deliveries/",
                                params={"status": status} if status else {})
            assert found["count"] == len(self.jobs)


class Documents(Client):
    """A writer who gives texts, or files, and new editions of them."""

    SOURCES = 12

    def __init__(self, load, name, is_file):
        super().__init__(load, name)
        self.is_file = is_file
        self.editions = {}  # source: text, of the newest edition

    def step(self):
        source = f"{self.name}-{self.chance.randrange(self.SOURCES)}.txt"
        text = "".join(
            " ".join(self.chance.choice(WORDS) for _ in range(100))
            + f" edition {self.done}. "
            for _ in range(self.chance.choice([1, 2, 3, 5, 8, 12, 120])))
        headers = {"Idempotency-Key":
                   f"{self.load.seed}-{self.name}-{self.done}"}
        if self.is_file:
            reply = self.caller.json(
                "processor", "/process/file", 202, method="POST",
                headers=headers, files={"file": (source, text.encode())},
                data={"title": source,
                      "metadata": json.dumps({"source": source})})
        else:
            reply = self.caller.json(
                "processor", "/process/text", 202, method="POST",
                headers=headers, json={"title": source, "text": text,
                                       "metadata": {"source": source}})
        self.job(reply["job_id"])
        self.editions[source] = text

    def check(self, caller):
        documents = [d for d in self.load.documents
                     if d["title"].startswith(self.name)]
        assert sorted(d["title"] for d in documents) == sorted(self.editions)
        for document in documents:
            self.check_chunks(caller, document)

    def check_chunks(self, caller, document):
        text, where = self.editions[document["title"]], document["id"]
        found = listed(caller, "processor", f"/documents/{where}/chunks")
        assert [c["metadata"]["chunk_index"] for c in found] == list(
            range(document["chunks"]))
        for chunk in found:
            start, end = (chunk["metadata"][k]
                          for k in ("start_char", "end_char"))
            assert chunk["text"] == text[start:end]
        assert end == len(text)
        # and each of them is found by meaning, in both copies
        for server in self.load.installation.servers["processor"]:
            reply = server.json("/query", params={
                "q": WORDS[0], "k": 100,
                "where": json.dumps({"document_id": where})})
            assert sorted(r["id"] for r in reply["results"]) == sorted(
                c["id"] for c in found)


class Views(Client):
    """A page that only this one views, so its count is known but for the
    attempts that were not answered: each of them was counted, or not, or will be
    when a cut cable lets it through."""

    def __init__(self, load, name):
        super().__init__(load, name)
        self.page = f"/{name}"
        self.count = 0
        self.in_doubt = 0

    def step(self):
        reply = self.caller.json("front", "/events/pageview", 202,
                                 method="POST", json={"page": self.page})
        self.in_doubt += self.caller.attempts - 1
        self.counted(reply["count"] - 1)
        self.count += 1

    def counted(self, count):
        """It is now this."""
        more = count - self.count
        assert 0 <= more <= self.in_doubt, (self.page, count, self.count)
        self.in_doubt -= more
        self.count = count

    def check(self, caller):
        for server in self.load.installation.servers["front"]:
            top = server.json("/stats/top", params={"limit": 100})["results"]
            counts = [r["count"] for r in top if r["page"] == self.page]
            self.counted(*counts)
        points = caller.json("front", "/stats/pageviews", params={
            "interval": "day", "page": self.page,
            "from": time.strftime("%Y-%m-%d",
                                  time.gmtime(time.time() - 86400))})
        assert sum(p["views"] for p in points["points"]) == self.count


class Listener(Client):
    """A live client of one copy, who comes back when the connection is gone;
    counts of a page are never told in the wrong order."""

    def __init__(self, load, name, server):
        super().__init__(load, name)
        self.server = server
        self.heard = {}  # page: the highest count ever
        self.connections = 0

    def step(self):
        try:
            with Watcher(self.server) as watcher:
                self.connections += 1
                watcher.socket.settimeout(1)
                self.listen(watcher)
        except (OSError, Closed):
            time.sleep(0.1)

    def listen(self, watcher):
        last = {}  # of this connection
        while not self.load.over.is_set():
            try:
                name, data = watcher.event()
            except TimeoutError:
                if watcher.pending:
                    raise  # in the middle of a frame
                continue
            if name == "new_pageview":
                page, count = data["page"], data["count"]
                assert count > last.get(page, 0), (page, count, last)
                last[page] = count
                self.heard[page] = max(count, self.heard.get(page, 0))
                self.done += 1

    def check(self, caller):
        for views in self.load.of(Views):
            assert self.heard.get(views.page, 0) <= views.count


class Marks(Client):
    """A reader who marks papers; the other copy shows it at once.  A mark that
    was given in doubt is the paper's last: it may come again from a cut cable,
    and would undo a newer one."""

    def __init__(self, load, name):
        super().__init__(load, name)
        self.marks = {}
        self.in_doubt = set()

    def step(self):
        rows = self.caller.json("backend", "/api/papers/", params={
            "page_size": 50, "ordering": "-created_at"})["results"]
        ids = [row["id"] for row in rows if row["id"] not in self.in_doubt
               and row["source_id"] < paper(Deletes.FIRST)["source_id"]]
        if not ids:
            time.sleep(0.05)
            return
        where = self.chance.choice(ids)
        mark = {"read": self.chance.random() < 0.5,
                "starred": self.chance.random() < 0.5,
                "note": f"note {self.done}"}
        self.caller.json("backend", f"/api/papers/{where}/marks/",
                         method="PATCH", json=mark)
        if self.caller.attempts > 1:
            self.in_doubt.add(where)
        self.marks[where] = mark
        self.check_mark(self.caller, where)

    def check_mark(self, caller, where):
        shown = caller.json("backend", f"/api/papers/{where}/")
        mark = self.marks[where]
        assert {key: shown[key] for key in mark} == mark

    def check(self, caller):
        for where in self.marks:
            self.check_mark(caller, where)
        starred = caller.json("backend", "/api/papers/", params={
            "starred": "true"})["count"]
        assert starred == sum(m["starred"] for m in self.marks.values())


class Deletes(Client):
    """Papers that are deleted stay so, though their webhook comes again."""

    FIRST = 80000

    def __init__(self, load, name):
        super().__init__(load, name)
        self.deleted = []

    def deliver(self, number, call_number):
        body = call([paper(number)], f"arxiv-{self.name}-{call_number}")
        return self.caller.json(
            "backend", "/api/webhooks/scraper-complete/", 201, method="POST",
            json=body, headers={"Authorization": f"Bearer {WEBHOOK_SECRET}"})

    def step(self):
        number = self.FIRST + self.done
        source_id = paper(number)["source_id"]
        self.deliver(number, 2 * self.done)
        found = self.caller.json("backend", "/api/papers/", params={
            "search": f'"Paper {number:05d}"'})["results"]
        assert [p["source_id"] for p in found] == [source_id]
        reply = self.caller.ask("backend", "DELETE",
                                f"/api/papers/{found[0]['id']}/")
        assert reply.status_code == 204 or (
            reply.status_code == 404 and self.caller.attempts > 1), reply.text
        self.deleted.append(source_id)
        self.deliver(number, 2 * self.done + 1)

    def check(self, caller):
        assert not set(self.deleted) & set(self.load.titles)


class Records(Client):
    """A client of Chroma's API: records that are added, changed and removed.
    As with marks, what was changed in doubt is not changed again."""

    PLACE = "/api/v2/tenants/default_tenant/databases/default_database"

    def __init__(self, load, name):
        super().__init__(load, name)
        self.records = {}  # id: document
        self.in_doubt = set()
        self.where = None

    def call(self, verb, status=200, **body):
        return self.caller.json("processor", f"{self.where}/{verb}", status,
                                method="POST", json=body)

    def step(self):
        if not self.where:
            made = self.caller.json(
                "processor", self.PLACE + "/collections", method="POST",
                json={"name": self.name, "get_or_create": True})
            self.where = f"{self.PLACE}/collections/{made['id']}"
        sure = [i for i in self.records if i not in self.in_doubt]
        what = self.chance.choice(["add", "add", "upsert", "delete"])
        if what == "add" or len(sure) < 10:
            self.put("add", 201, [f"{self.done}-{n}" for n in
                                  range(self.chance.randint(1, 5))])
            return
        ids = self.chance.sample(sure, 3)
        if what == "upsert":
            self.put("upsert", 200, ids)
            return
        self.call("delete", ids=ids)
        for name in ids:
            del self.records[name]

    def put(self, verb, status, ids):
        texts = [f"{name} in step {self.done}" for name in ids]
        self.call(verb, status, ids=ids, documents=texts,
                  embeddings=[self.vector(text) for text in texts])
        if self.caller.attempts > 1:
            self.in_doubt.update(ids)
        self.records.update(zip(ids, texts))
        # the other copy has it, too
        got = self.call("get", ids=ids, include=["documents"])
        assert dict(zip(got["ids"], got["documents"])) == dict(
            zip(ids, texts))

    @staticmethod
    def vector(text):
        chance = random.Random(text)
        return [chance.uniform(-1, 1) for _ in range(8)]

    def check(self, caller):
        for server in self.load.installation.servers["processor"]:
            def ask(verb, server=server, **body):
                reply = server.post(f"{self.where}/{verb}", json=body,
                                    headers=BEARER)
                assert reply.status_code == 200, reply.text
                return reply.json()
            got = ask("get", include=["documents"])
            assert len(got["ids"]) == len(self.records)
            assert dict(zip(got["ids"], got["documents"])) == self.records
            some = self.chance.sample(sorted(self.records), 10)
            near = ask("query", n_results=1, query_embeddings=[
                self.vector(self.records[name]) for name in some])
            assert near["ids"] == [[name] for name in some]


class Readers(Client):
    """Who only reads: what was acknowledged before is there, at every copy."""

    def step(self):
        before = sum(len(w.papers) for w in self.load.of(Webhooks))
        page = self.caller.json("backend", "/api/papers/",
                                params={"page_size": 5})
        assert page["count"] >= before
        found = self.caller.json("processor", "/query", params={
            "q": self.chance.choice(WORDS), "k": 20, "mode":
            self.chance.choice(["semantic", "keyword", "hybrid"])})["results"]
        assert len({r["id"] for r in found}) == len(found)
        answer = self.caller.json("processor", "/ask", method="POST", json={
            "question": f"What is a {self.chance.choice(WORDS)}?"})
        assert isinstance(answer["answer"], str)


def listed(caller, service, path, **params):
    """All of a list, page by page."""
    found, page = [], 1
    while True:
        reply = caller.json(service, path, params={
            **params, "page": page, "page_size": 100})
        found += reply["results"]
        if not reply["next"]:
            assert len(found) == reply["count"]
            return found
        page += 1


class Load:
    """All of them."""

    def __init__(self, installation, arxiv, seed):
        self.installation = installation
        self.seed = seed
        self.over = threading.Event()
        self.clients = [
            Webhooks(self, "hook-a", 10000), Webhooks(self, "hook-b", 20000),
            Deletes(self, "deletes"), Scrapes(self, "scrapes", arxiv),
            Documents(self, "texts", is_file=False),
            Documents(self, "files", is_file=True),
            Views(self, "views-a"), Views(self, "views-b"),
            Marks(self, "marks"), Records(self, "records"), Readers(self, "reader"),
            *(Listener(self, f"listener-{n}", server) for n, server in
              enumerate(installation.servers["front"]))]

    def of(self, kind):
        return [c for c in self.clients if isinstance(c, kind)]

    def start(self):
        for client in self.clients:
            client.start()
        return self

    def failed(self):
        """Raise what a client met."""
        for client in self.clients:
            if client.error:
                raise Failed(
                    f"{client.name}, after {client.done} steps: "
                    f"{client.error!r}") from client.error
        return False

    def unclear(self):
        """Attempts that were not clearly answered, so far."""
        return sum(c.caller.unclear for c in self.clients)

    def stop(self):
        """Each client ends what it has begun."""
        self.over.set()
        for client in self.clients:
            client.join(Caller.PATIENCE_S + 20)
            assert not client.is_alive(), f"{client.name} does not end"
        self.failed()

    def check(self, caller):
        """Count everything."""
        rows, after = [], "/api/papers/?page_size=100&cursor="
        while after:
            page = caller.json("backend", after)
            rows += page["results"]
            after = page["next"] and "/api" + page["next"].split("/api", 1)[1]
        self.paper_ids = [row["id"] for row in rows]
        self.titles = {}  # by source_id
        for row in rows:
            self.titles.setdefault(row["source_id"], []).append(row["title"])
        self.documents = listed(caller, "processor", "/documents/")
        for client in self.clients:
            client.check(caller)
        papers = sum(len(w.papers) for w in self.of(Webhooks)) + sum(
            len(s.jobs) for s in self.of(Scrapes))
        assert len(rows) == papers
        assert len(self.documents) == sum(
            len(d.editions) for d in self.of(Documents))

    def said(self):
        """For a person: what was done, and what stood in the way."""
        why = {}
        for client in self.clients:
            for reason, times in client.caller.refusals.items():
                why[reason] = why.get(reason, 0) + times
        return (", ".join(f"{c.name} {c.done}" for c in self.clients)
                + f"; without a clear answer: {why}")
