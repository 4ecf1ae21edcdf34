"""Judged collections in BEIR's layout: documents, queries, who answers whom."""
import csv
import gzip
import json
import math


class Judged:
    """corpus.jsonl.gz, queries.jsonl and qrels/<split>.tsv of a folder.

    `limit` keeps so many documents, the judged ones first: for a quick look,
    since fewer documents are an easier task.
    """

    def __init__(self, folder, split="test", limit=None):
        self.name = folder.name
        self.split = split
        self.judged = {}  # query: {document: score}
        with open(folder / "qrels" / f"{split}.tsv", encoding="utf-8") as f:
            for row in csv.DictReader(f, delimiter="\t"):
                if int(row["score"]) > 0:
                    self.judged.setdefault(row["query-id"], {})[
                        row["corpus-id"]] = int(row["score"])
        with open(folder / "queries.jsonl", encoding="utf-8") as f:
            self.queries = {row["_id"]: row["text"]
                            for row in map(json.loads, f)
                            if row["_id"] in self.judged}
        wanted = {d for docs in self.judged.values() for d in docs}
        with gzip.open(folder / "corpus.jsonl.gz", "rt",
                       encoding="utf-8") as f:
            rows = list(map(json.loads, f))
        if limit:
            rows.sort(key=lambda row: row["_id"] not in wanted)
        self.documents = {row["_id"]: row for row in rows[:limit]}

    def keep_queries(self, n):
        """Only the first n of them."""
        for query in list(self.queries)[n:]:
            del self.queries[query], self.judged[query]

    def whole_text(self, document):
        """Title and text together, as BEIR's baselines take them."""
        row = self.documents[document]
        return f'{row.get("title", "")} {row["text"]}'.strip()

    def ndcg(self, ranked, k=10):
        """nDCG@k of {query: documents, best first, each once}."""
        total = 0.0
        for query, judged in self.judged.items():
            judged = {d: s for d, s in judged.items() if d in self.documents}
            gain = sum(judged.get(d, 0) / math.log2(i + 2)
                       for i, d in enumerate(ranked[query][:k]))
            ideal = sum(s / math.log2(i + 2) for i, s in enumerate(
                sorted(judged.values(), reverse=True)[:k]))
            total += gain / ideal if ideal else 0
        return total / len(self.judged)
