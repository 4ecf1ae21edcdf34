"""kill -9 at random moments of ingestion: a reader sees a whole version or none,
what was accepted goes on after the restart, and no chunk comes twice.

SHEAF_KILLS says how many times (6); SHEAF_SEED repeats a run.
"""

import json
import os
import random
import time

import pytest

from support.documents import ALL_SERVICES, add, chunks, documents, query
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("kills the process while it takes in documents")

KILLS = int(os.environ.get("SHEAF_KILLS", "6"))
SEED = int(os.environ.get("SHEAF_SEED", str(random.randrange(10 ** 6))))
SOURCE = "the-book.txt"
PARTS = 130
MAX_IN_VAIN = 3  # attempts of a job without progress: 5
# A query gives 100 results at most: the chunks are asked for in two halves.
HALVES = ({"chunk_index": {"$lt": 100}}, {"chunk_index": {"$gte": 100}})
WORDS = ("pod node service volume soup paper vector kettle river lamp window "
         "garden number letter").split()


def edition(number):
    """A text of some 140 chunks, which are three commits.  A third of it is
    new in each edition, and each chunk has the edition's own word in it."""
    parts = []
    for part in range(PARTS):
        words = random.Random(part if part % 3 else f"{number}.{part}")
        parts.append(" ".join(words.choice(WORDS) for _ in range(150)) +
                     f" edition{number}. ")
    return "".join(parts)


class Book:
    """The editions that were sent, and the one that can be seen."""

    def __init__(self, server):
        self.server = server
        self.texts = []
        self.job = None
        self.seen = -1      # edition; -1: none yet
        self.processed = 0  # chunks of the job, as it last said
        self.in_vain = 0    # kills since that number changed

    def send_next(self):
        self.texts.append(edition(len(self.texts)))
        self.job = add(self.server, {
            "title": "The book", "text": self.texts[-1],
            "metadata": {"source": SOURCE}}, wait=False)
        self.processed = self.in_vain = 0

    def look_at_job(self):
        """Is it done?  What was committed before a kill is not lost."""
        job = self.server.job(self.job)
        assert job["status"] in ("pending", "processing", "completed"), job
        assert job["chunks_processed"] >= self.processed, job
        self.in_vain *= job["chunks_processed"] == self.processed
        self.processed = job["chunks_processed"]
        return job["status"] == "completed"

    def keep_alive(self):
        """A job that is killed again and again without getting on is given up
        for poisoned, and rightly: let it commit something before that."""
        if self.in_vain == MAX_IN_VAIN:
            wait_until(lambda: self.look_at_job() or not self.in_vain, 60,
                       0.01, "the next commit")
        self.in_vain += 1

    def gather(self):
        """What can be seen now, by list, by chunks, by meaning and by words;
        of one moment: an edition that came in while we looked makes us look
        again."""
        while True:
            done = self.look_at_job()
            found = documents(self.server)
            there = chunks(self.server, found[0]["id"]) if found else []
            results = {(mode, number): self.search(mode, number)
                       for mode in ("semantic", "keyword")
                       for number in range(max(self.seen - 1, 0),
                                           len(self.texts))}
            common = query(self.server, WORDS[0], mode="keyword", k=100)
            if documents(self.server) == found:
                return done, found, there, results, common["count"]

    def search(self, mode, number):
        """All that is found by the word of an edition."""
        return [result for half in HALVES for result in query(
            self.server, f"edition{number}", mode=mode, k=100,
            where=json.dumps(half))["results"]]

    def check(self):
        """One whole edition is there, not older than the last one seen."""
        done, found, there, results, common = self.gather()
        assert len(found) <= 1
        assert found or (self.seen < 0 and not done)
        if found:
            self.seen = self.which(found[0], there)
            # A word that all chunks have: none of an edition that is still
            # being made takes a place.
            assert common == 100
        assert not done or self.seen == len(self.texts) - 1
        for (mode, number), hits in results.items():
            ids = [r["id"] for r in hits]
            assert len(ids) == len(set(ids)), (mode, number)
            if mode == "semantic":  # it finds all, near or not
                assert len(ids) == len(there)
            else:
                assert len(ids) == (len(there) if number == self.seen else 0)
            assert all(f"edition{self.seen}." in r["text"] for r in hits)

    def which(self, document, there):
        """The edition that these are all the chunks of."""
        assert [c["metadata"]["chunk_index"] for c in there] == list(
            range(document["chunks"]))
        for number in range(max(self.seen, 0), len(self.texts)):
            text = self.texts[number]
            if all(c["text"] == text[c["metadata"]["start_char"]:
                                     c["metadata"]["end_char"]]
                   for c in there):
                assert there[-1]["metadata"]["end_char"] == len(text)
                return number
        raise AssertionError("the chunks are those of no edition")


@pytest.mark.pgvector
@pytest.mark.timeout(120 + 15 * KILLS)
def test_kill_during_ingest(make_sheaf, model_dir):
    print(f"SHEAF_SEED={SEED}")
    chance = random.Random(SEED)
    server = make_sheaf(model_dir=model_dir, job_lease_ms=1000,
                        job_backoff_ms=20, services=ALL_SERVICES)
    book = Book(server)
    book.send_next()
    for kill in range(KILLS):
        if kill == KILLS // 2:  # however slow the machine: both kinds
            wait_until(book.look_at_job, 120, 0.05, "an edition")
            book.send_next()
        book.keep_alive()
        time.sleep(chance.uniform(0.02, 1.5))  # any moment will do
        assert server.process.poll() is None, "it died by itself"
        server.kill()
        server.start()
        book.check()
        if book.look_at_job():
            book.send_next()
    wait_until(book.look_at_job, 120, 0.05, "the last edition")
    book.check()
    assert book.seen == len(book.texts) - 1
    print(f"{KILLS} kills, {len(book.texts)} editions of "
          f"{documents(server)[0]['chunks']} chunks")
