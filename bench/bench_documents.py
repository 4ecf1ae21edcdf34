"""Documents beside Chroma: ingestion, then questions over many chunks.

Ingestion of the Kubernetes documentation (or, without the recorded data, of
texts made up) from the text to what a query finds:

  with embedding     sheaf takes documents in over HTTP into a new directory;
                     Chroma adds the same chunks, embedded as its default does
  vectors at hand    storing and indexing alone: sheaf gets the same documents
                     under other names, so that each chunk's vector is in its
                     store already (it cuts, hashes, counts tokens, looks the
                     vectors up, and commits chunks, vectors and full text);
                     Chroma adds the chunks with vectors given

Both end with a query that must find what was added.  Chroma has no full-text
index of words; sheaf always keeps one.

Questions: `--chunks` chunks of about 150 characters, cut from abstracts, since
short ones are embedded quickly; only the highlighted sentence and the reply are
smaller for it.  Chroma holds the same texts and the very vectors that sheaf
made (read from its database).  Its times include the question's embedding, by
the same ONNX graph.
"""
import itertools
import sqlite3
import threading
import time

import numpy as np

from harness.chroma import Chroma, Embedding
from harness.desk import Desk, asker, model_dir, quantile, two_clients
from harness.embedder import DIM
from harness.load import Http
from harness.process import BenchError, wait_quiet
from harness.report import Row, interleave

SECTION = "documents"
COPIES = 10  # of the documentation, where its vectors are at hand
SHORT_CHUNK = 110   # aimed at; a cut may be 100 characters away from it
AVERAGE_CHUNK = 148
_BOOK_CHARS = 100000
_QUESTIONS = 200
_K = 10


def run(bench):
    print("\n-- documents")
    if not bench.sheaf or not model_dir():
        print("  skipped: needs sheaf and a model "
              "(scripts/fetch-model.sh build/model)")
        return
    work = bench.work / "documents"
    work.mkdir()
    with bench.scope():
        ingestion(bench, work)
    with bench.scope():
        Questions(bench, work).run()


# -- ingestion -------------------------------------------------------------------

def pages(bench):
    """[(title, text)]"""
    folder = bench.data / "documents" / "kubernetes-en"
    found = [(path.stem, path.read_text(encoding="utf-8"))
             for path in sorted(folder.glob("*.md"))]
    if not found:
        texts = [t["abstract"] for t in bench.corpus().texts[:400]]
        found = [(f"page {i}", "\n\n".join(texts[i:i + 8]))
                 for i in range(0, len(texts), 8)]
    return found[:8] if bench.args.quick else found


def bodies(found, name):
    return [{"title": title, "text": text,
             "metadata": {"source": f"{name}/{title}"}}
            for title, text in found]


def ingestion(bench, work):
    found = pages(bench)
    keeper = bench.start(Desk(bench.sheaf, work / "keeper", work / "log"))
    keeper.add(bodies(found, "first"))
    ids, texts, vectors = stored(work / "keeper")
    bench.report.fact("documentation", f"{len(found)} pages, {len(ids):,} "
                      f"chunks, {sum(map(len, texts)):,} characters")
    embedding = Embedding(work / "onnx", 2)
    rates = interleave({
        "ours": lambda n: len(ids) / fresh(bench, work, found, n),
        "peer": lambda n: len(ids) / chroma_seconds(
            work / f"embedded-{n}", ids, texts, lambda: embedding(texts)),
    }, bench.args.rounds)
    bench.report.add(Row(SECTION, "ingestion with embedding", "chunks/s",
                         rates["ours"], rates["peer"], goal=">= 4x",
                         note="peer: Chroma, fp32 padded to 256"))
    many = [f"{c}/{i}" for c in range(COPIES) for i in ids]
    rates = interleave({
        "ours": lambda n: len(many) / keeper_seconds(keeper, found, n,
                                                     len(ids)),
        "peer": lambda n: len(many) / chroma_seconds(
            work / f"given-{n}", many, texts * COPIES,
            lambda: np.tile(vectors, (COPIES, 1))),
    }, bench.args.rounds)
    bench.report.add(Row(SECTION, "storing and indexing, vectors at hand",
                         "chunks/s", rates["ours"], rates["peer"],
                         goal=">= 5x", note=f"{COPIES} times the same pages"))


def fresh(bench, work, found, n):
    """Seconds of an ingestion into an empty directory; the start of the
    server is not in them."""
    with bench.scope():
        desk = bench.start(Desk(bench.sheaf, work / f"fresh-{n}",
                                work / "log"))
        start = time.perf_counter()
        desk.add(bodies(found, "fresh"))
        must_find(desk, 1)
        return time.perf_counter() - start


def keeper_seconds(desk, found, n, per_copy):
    """Seconds for COPIES of the pages under new names.  They are removed
    again, so that each round finds the same collection."""
    sent = [body for c in range(COPIES)
            for body in bodies(found, f"round {n}, copy {c}")]
    before = desk.chunks()
    start = time.perf_counter()
    desk.add(sent)
    must_find(desk, 1)
    took = time.perf_counter() - start
    if desk.chunks() != before + COPIES * per_copy:
        raise BenchError(f"{desk.chunks() - before} chunks were stored "
                         f"instead of {COPIES * per_copy}")
    desk.remove(lambda source: source.startswith("round "))
    return took


def must_find(desk, k):
    with Http(desk.url) as client:
        reply, _ = desk.query(client, "how to deploy to kubernetes", k=k)
    if reply["count"] != k:
        raise BenchError(f"a query finds {reply['count']} of {k}")


def chroma_seconds(folder, ids, texts, make_vectors):
    peer = Chroma(folder)
    start = time.perf_counter()
    vectors = make_vectors()
    peer.add(ids, texts, vectors)
    if len(peer.query(vectors[0], 1)["ids"][0]) != 1:
        raise BenchError("Chroma does not find what was added")
    took = time.perf_counter() - start
    peer.stop()
    return took


def stored(folder):
    """Ids, texts and vectors of all chunks, from the database of a desk."""
    with sqlite3.connect(f"file:{folder}/sheaf.db?mode=ro", uri=True) as db:
        parts = {}
        for key, part in db.execute(
                "SELECT document, text FROM document_texts "
                "ORDER BY document, at"):
            parts.setdefault(key, []).append(part)
        whole = {key: b"".join(p) for key, p in parts.items()}
        rows = db.execute(
            "SELECT d.id || '_chunk_' || c.idx, c.document, c.start_byte,"
            " c.end_byte, c.vector FROM chunks c JOIN documents d"
            " ON d.key = c.document WHERE d.visible ORDER BY c.id").fetchall()
    return ([row[0] for row in rows],
            [whole[row[1]][row[2]:row[3]].decode() for row in rows],
            np.frombuffer(b"".join(row[4] for row in rows),
                          "<f4").reshape(-1, DIM))


# -- questions ---------------------------------------------------------------------

class Questions:
    """GET /query and Chroma's collection.query over the same chunks."""

    def __init__(self, bench, work):
        self.bench = bench
        self.work = work
        texts = [t["abstract"] for t in bench.corpus().texts]
        self.books = list(books(texts, bench.args.chunks * AVERAGE_CHUNK))
        self.questions = [t["title"] for t in bench.corpus().texts[
            -_QUESTIONS:]]
        self.desk = bench.start(Desk(bench.sheaf, work / "many",
                                     work / "log"))

    def run(self):
        took = self.desk.add([
            {"title": f"book {i}", "text": text, "chunk_size": SHORT_CHUNK,
             "chunk_overlap": 0, "metadata": {"source": f"book {i}"}}
            for i, text in enumerate(self.books)])
        must_find(self.desk, _K)  # it also brings the index up to date
        wait_quiet([self.desk.child])
        ids, texts, vectors = stored(self.work / "many")
        self.n = len(ids)
        self.bench.report.fact(
            "chunks", f"{self.n:,} of {sum(map(len, texts)) / self.n:.0f} "
            f"characters on average, ingested in {took:.0f} s; "
            f"{self.desk.child.rss_kb() / 1024:.0f} MB resident")
        self.peer = self.bench.start(Chroma(self.work / "many-chroma"))
        self.peer.add(ids, texts, vectors)
        self.idle()
        self.busy()

    def ask(self, mode="semantic"):
        return asker(self.desk, k=_K, mode=mode)

    def ask_peer(self, embedding):
        def one(question):
            start = time.perf_counter()
            self.peer.query(embedding([question])[0], _K)
            return (time.perf_counter() - start) * 1000
        return one

    def idle(self):
        contestants = {
            "sheaf": self.ask(), "sheaf hybrid": self.ask("hybrid"),
            "Chroma, its embedding (padded)": self.ask_peer(
                Embedding(self.work / "onnx", 2)),
            "Chroma, without padding": self.ask_peer(
                Embedding(self.work / "onnx", 2, None))}
        for one in contestants.values():
            one(self.questions[0])
        took = interleave({
            name: (lambda _, one=one: [one(q) for q in self.questions])
            for name, one in contestants.items()}, self.bench.args.rounds)
        for name in contestants:
            for q, label in ((0.5, "p50"), (0.99, "p99")):
                self.row(f"1 client, {label}: {name}", q, took["sheaf"],
                         took[name], name != "sheaf",
                         "<= 5 ms" if (name, q) == ("sheaf", 0.5) else "")

    def row(self, what, q, ours, theirs, compared, goal=""):
        self.bench.report.add(Row(
            SECTION, f"query over {self.n:,} chunks, {what}", "ms",
            [quantile(t, q) for t in ours],
            [quantile(t, q) for t in theirs] if compared else [],
            less_is_better=True, goal=goal))

    def busy(self):
        """Two clients, first alone, then while documents come in."""
        alone, loaded = [], []
        for n in range(self.bench.args.rounds):
            alone.append(self.two_clients())
            with Ingest(self.desk, self.bench, n):
                loaded.append(self.two_clients())
        for q, label in ((0.5, "p50"), (0.99, "p99")):
            self.bench.report.add(Row(
                SECTION, f"query over {self.n:,} chunks, 2 clients while "
                f"documents come in, {label}; beside: nothing comes in", "ms",
                [quantile(t, q) for t in loaded],
                [quantile(t, q) for t in alone], less_is_better=True,
                goal="p99 <= 5x, so >= 0.2x" if q == 0.99 else ""))

    def two_clients(self):
        return two_clients(self.ask(), self.questions,
                           self.bench.args.seconds)


def books(texts, chars):
    """Texts of _BOOK_CHARS, each of other abstracts, `chars` in all."""
    made, copies = 0, itertools.count(1)
    while made < chars:
        copy = next(copies)
        book, size = [], 0
        for text in texts:
            # A second reading of the texts has other chunks than the first.
            text = text if copy == 1 else f"{copy}. {text}"
            book.append(text)
            size += len(text)
            if size >= min(_BOOK_CHARS, chars - made):
                yield "\n".join(book)
                made += size
                book, size = [], 0
            if made >= chars:
                return


class Ingest:
    """Documents of ordinary chunks that come in, one after the other, inside
    `with`; what is left at its end is waited for."""

    def __init__(self, desk, bench, n):
        texts = [t["abstract"] for t in bench.corpus().texts]
        self.desk = desk
        self.documents = (
            {"title": f"new {n}.{i}",
             "text": f"{n}.{i}\n\n" + "\n\n".join(texts[i:i + 30])}
            for i in range(0, len(texts), 30))
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.stopping.is_set():
            self.desk.add([next(self.documents)])

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
