"""How well the right documents are found: keyword, semantic, hybrid.

SciFact and CISI go through the running program, each document in its chunks,
and the judged queries through GET /query in each mode; a document ranks where
its best chunk does.  The peers are numbers of others: a plain BM25 of whole
documents (README.md of the recorded data), and fp32 vectors of the same model
(bench_embed.py measures those of this machine).
"""
from harness.desk import Desk, model_dir
from harness.judged import Judged
from harness.load import Http
from harness.report import Row

SECTION = "retrieval, nDCG@10 x 100"
MODES = ("keyword", "semantic", "hybrid")
PEERS = {"scifact": {"keyword": 0.677, "semantic": 0.645},
         "cisi": {"keyword": 0.391}}
_CHUNKS_ASKED = 60  # ten documents are in them: few have over six chunks
_QUICK_DOCUMENTS = 400
_QUICK_QUERIES = 50


def run(bench):
    print("\n-- retrieval")
    folders = [bench.data / "retrieval" / name for name in PEERS]
    if not all(folder.is_dir() for folder in folders):
        print(f"  skipped: no judged collections in {folders[0].parent}")
        return
    if not model_dir():
        print("  skipped: no model (scripts/fetch-model.sh build/model)")
        return
    for folder in folders:
        data = Judged(folder,
                      limit=_QUICK_DOCUMENTS if bench.args.quick else None)
        if bench.args.quick:
            data.keep_queries(_QUICK_QUERIES)
        for database in bench.args.databases if bench.sheaf else ():
            with bench.scope():
                ours(bench, data, database)


def ours(bench, data, database):
    """One row a mode."""
    work = bench.work / f"retrieval-{data.name}-{database}"
    name = f"retrieval_{data.name}"
    if database == "postgresql":
        bench.postgres().create(name)
    desk = bench.start(Desk(
        bench.sheaf, work, bench.work / "retrieval.log",
        bench.postgres().url(name) if database == "postgresql" else None))
    took_s = desk.add_judged(data)
    bench.report.fact(f"{data.name} in", f"{len(data.documents):,} documents, "
                      f"{desk.chunks():,} chunks in {took_s:.0f} s "
                      f"({database})")
    scores = {mode: 100 * data.ndcg(ranked(desk, data, mode))
              for mode in MODES}
    for mode, score in scores.items():
        # Few documents are an easier task than theirs.
        theirs = None if bench.args.quick else PEERS[data.name].get(mode)
        both = max(scores["keyword"], scores["semantic"])
        bench.report.add(Row(
            SECTION, f"{data.name}, {len(data.queries)} queries: {mode} "
            f"({database})", "", [score], [100 * theirs] if theirs else [],
            goal=f"> {both:.1f}" if mode == "hybrid" else ""))


def ranked(desk, data, mode):
    """{query: its documents, each where its best chunk is}"""
    found = {}
    with Http(desk.url) as client:
        for query, text in data.queries.items():
            reply, _ = desk.query(client, text, mode=mode, k=_CHUNKS_ASKED)
            found[query] = list(dict.fromkeys(
                r["metadata"]["source"] for r in reply["results"]))
    return found
