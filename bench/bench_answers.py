"""When is there evidence?  The threshold of `grounded`, on judged questions.

POST /ask chooses sources for each question in the running program, and
build/bench/answer_lab gives the score of their best sentence, which the
threshold is applied to.  Three kinds of questions:

  answerable   judged documents are in the collection
  left out     the same question, its judged documents excluded by `where`:
               what is left is about the same things and does not answer
  elsewhere    the other collection's questions: nothing is about them

"Left out" is the harder one, and an upper bound: some of the documents left
were never judged and do answer.
"""
import json
import subprocess
from pathlib import Path

from harness.desk import Desk, model_dir
from harness.judged import Judged
from harness.load import Http
from harness.process import BenchError

_THRESHOLDS = [n / 100 for n in range(30, 71, 5)]
_QUICK_DOCUMENTS = 400
_QUICK_QUERIES = 30
_NEIGHBOUR = {"scifact": "cisi", "cisi": "scifact"}


def run(bench):
    print("\n-- answers")
    folders = {name: bench.data / "retrieval" / name for name in _NEIGHBOUR}
    lab = Path(bench.sheaf or "").parent / "bench" / "answer_lab"
    if not all(folder.is_dir() for folder in folders.values()):
        print("  skipped: no judged collections in the recorded data")
    elif not bench.sheaf or not lab.exists():
        print("  skipped: needs sheaf and `make build/bench/answer_lab`")
    elif not model_dir():
        print("  skipped: no model (scripts/fetch-model.sh build/model)")
    else:
        limit = _QUICK_DOCUMENTS if bench.args.quick else None
        sets = {name: Judged(folder, limit=limit)
                for name, folder in folders.items()}
        if bench.args.quick:
            for data in sets.values():
                data.keep_queries(_QUICK_QUERIES)
        for name, data in sets.items():
            with bench.scope():
                table(bench, lab, data, sets[_NEIGHBOUR[name]])


def table(bench, lab, data, other):
    desk = bench.start(Desk(bench.sheaf, bench.work / f"answers-{data.name}",
                            bench.work / "answers.log"))
    desk.add_judged(data)
    asked = {
        "answerable": [(text, None) for text in data.queries.values()],
        "left out": [(text, list(data.judged[query]))
                     for query, text in data.queries.items()],
        "elsewhere": [(text, None) for text in other.queries.values()]}
    scores = {kind: best_scores(lab, [sources(desk, *q) for q in questions])
              for kind, questions in asked.items()}
    report = bench.report
    for kind, values in scores.items():
        values.sort()
        report.fact(f"{data.name}, {kind}", f"{len(values)} questions, best "
                    "sentence's score at 5 %, 50 %, 95 %: " + ", ".join(
                        f"{values[int(q * (len(values) - 1))]:.2f}"
                        for q in (0.05, 0.5, 0.95)))
    for at in _THRESHOLDS:
        report.fact(f"  at {at:.2f}", "grounded: " + ", ".join(
            f"{kind} {100 * share(values, at):.0f} %"
            for kind, values in scores.items()))


def share(values, threshold):
    return sum(v >= threshold for v in values) / len(values)


def sources(desk, question, without):
    """What POST /ask would answer from."""
    body = {"question": question}
    if without:
        body["where"] = {"source": {"$nin": without}}
    with Http(desk.url) as client:
        status, data, _ = client.request(
            "POST", "/ask", json.dumps(body),
            {"Content-Type": "application/json"})
    if status != 200:
        raise BenchError(f"POST /ask -> {status} {data[:300]!r}")
    reply = json.loads(data)
    return {"question": question, "sources": [
        {"title": s["title"], "text": s["text"]} for s in reply["sources"]]}


def best_scores(lab, questions):
    """The score of the best sentence for each."""
    done = subprocess.run(
        [lab, model_dir()], check=False, capture_output=True, text=True,
        input="".join(json.dumps(q) + "\n" for q in questions))
    if done.returncode:
        raise BenchError(done.stderr[-1000:])
    return [float(line.split()[0]) for line in done.stdout.splitlines()]
