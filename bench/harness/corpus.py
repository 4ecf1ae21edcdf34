"""The papers of the bench: realistic texts, the same ones on every run.

Real titles, abstracts and authors where the recorded metadata is at hand
(`<data>/papers/*.jsonl.gz`), repeated under other ids and titles until there
are enough; otherwise texts from a generated vocabulary with Zipf's
frequencies.  Each paper is a dict in the shape of the webhook's payload.
"""
import gzip
import json
import random
import re
from datetime import datetime, timedelta, timezone

import snowballstemmer

_SEED = 20250701
_OLDEST = datetime(2022, 1, 1, tzinfo=timezone.utc)
_STEP_S = 800  # between papers: 100,000 of them in two and a half years
_JITTER_S = 2 * 86400
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_WORD = re.compile(r"[^\W_]+")

# Words that people search for, from very common to rare.  None is a person's
# name and none may be in _COPY_TITLES, else the counts below would be wrong.
SEARCH_WORDS = (
    "transformer", "diffusion", "retrieval", "reinforcement", "segmentation",
    "multimodal", "federated", "causal", "privacy", "quantization", "speech",
    "robotics", "wireless", "cryptography", "blockchain", "compiler",
    "hypergraph", "ontology", "crowdsourcing", "satellite", "tokenizer",
    "benchmark", "agentic", "jailbreak", "distillation", "pruning",
    "hallucination", "cloud", "malware", "genome", "lidar", "molecule",
    "steganography", "sudoku", "protein", "traffic", "scheduling", "epidemic",
    "astronomy", "chess",
)
_COPY_TITLES = ("", " Revisited", ": Second Report", ": Extended Version",
                " in Practice", ": Corrected Edition", " Once More")
_TAGS = ("transformer", "attention", "fine-tuning", "retrieval", "diffusion",
         "reinforcement learning", "graph neural network", "benchmark",
         "quantization", "federated learning", "knowledge graph")
# First match wins; the last entry is what is left.
_CATEGORIES = (
    ("rag", re.compile(r"\bRAG\b|retrieval.augmented", re.I)),
    ("llm", re.compile(r"\bLLMs?\b|\bGPT|language model", re.I)),
    ("cv", re.compile(r"\bvision\b|\bimages?\b|\bvideo", re.I)),
    ("nlp", re.compile(r"\bcorpus\b|translation|linguistic", re.I)),
    ("rl", re.compile(r"reinforcement learning|\bbandit", re.I)),
    ("robotics", re.compile(r"\brobot", re.I)),
    ("audio", re.compile(r"\bspeech\b|\baudio\b|\bmusic\b", re.I)),
    ("graph", re.compile(r"\bgraphs?\b", re.I)),
    ("theory", re.compile(r"\bproof\b|\bNP-|polynomial|complexity", re.I)),
    ("systems", re.compile(r"\bnetworks?\b|\bcloud\b|\bGPU", re.I)),
    ("other", re.compile("")),
)


class Corpus:
    """`size` papers for loading, and any number of further ones for the
    webhook: paper(i) is defined for every i >= 0 and depends on i alone."""

    def __init__(self, data_dir, size):
        self.size = size
        self._traits = {}
        self.texts = list(_recorded_texts(data_dir))
        self.origin = f"{len(self.texts):,} recorded arXiv papers"
        if not self.texts:
            self.texts = list(_generated_texts(20000))
            self.origin = (f"generated vocabulary: no papers/*.jsonl.gz "
                           f"below {data_dir}")

    def paper(self, i):
        """The i-th paper, as the scraper would send it."""
        copy, at = divmod(i, len(self.texts))
        text = self.texts[at]
        rng = random.Random(_SEED + i)
        # As papers arrive in life: about in the order of their dates.
        published = _OLDEST + timedelta(
            seconds=i * _STEP_S + rng.randrange(_JITTER_S))
        stamp = published.strftime("%Y-%m-%dT%H:%M:%SZ")
        # Month by month, 99,999 each: unique, and in arXiv's form.
        month, number = divmod(i, 99999)
        arxiv_id = f"{10 + month // 12}{1 + month % 12:02d}.{number + 1:05d}"
        category, tags = self._category_and_tags(at)
        paper = {
            "title": text["title"] + _copy_title(copy),
            "abstract": text["abstract"],
            "authors": text["authors"],
            "url": f"https://arxiv.org/abs/{arxiv_id}",
            "pdf_url": f"https://arxiv.org/pdf/{arxiv_id}",
            "source_id": arxiv_id,
            "version": 1,
            "published_at": stamp,
            "updated_at": stamp,
            "arxiv_categories": text["categories"],
            "primary_category": text["categories"][0],
            "category": category,
            "relevance_score": rng.randrange(50, 101) / 100,
            "tags": tags,
        }
        if text["comment"]:
            paper["comment"] = text["comment"]
        return paper

    def paper_json(self, i):
        return json.dumps(self.paper(i), ensure_ascii=False)

    def _category_and_tags(self, at):
        """Of the text at this index; all its copies share them."""
        if at not in self._traits:
            text = self.texts[at]
            both = f"{text['title']} {text['abstract']}"
            lower = both.lower()
            self._traits[at] = (
                next(name for name, pattern in _CATEGORIES
                     if pattern.search(both)),
                [tag for tag in _TAGS if tag in lower])
        return self._traits[at]

    def write(self, path):
        """The first `size` papers, one JSON object a line."""
        with open(path, "w", encoding="utf-8") as out:
            for i in range(self.size):
                out.write(self.paper_json(i) + "\n")

    def search_counts(self):
        """{word: {reading: number of papers}} for the first `size` papers.

        A search word can be read as a substring of title or abstract (the
        peer's icontains and trigrams), or as a whole word or a stem of those
        and of the authors; each reading has one exact count.
        """
        stem = _porter_stem
        stems = {word: stem(word) for word in SEARCH_WORDS}
        known = {}
        counts = {word: {"substring": 0, "word": 0, "stem": 0}
                  for word in SEARCH_WORDS}
        for at, text in enumerate(self.texts[:self.size]):
            copies = (self.size - 1 - at) // len(self.texts) + 1
            lower = f"{text['title']} {text['abstract']}".lower()
            authors = " ".join(text["authors"]).lower()
            tokens = set(_WORD.findall(lower)) | set(_WORD.findall(authors))
            text_stems = set()
            for token in tokens:
                if token not in known:
                    known[token] = stem(token)
                text_stems.add(known[token])
            for word, count in counts.items():
                count["substring"] += copies * (word in lower)
                count["word"] += copies * (word in tokens)
                count["stem"] += copies * (stems[word] in text_stems)
        return counts


def _porter_stem(word, _stem=snowballstemmer.stemmer("porter").stemWord):
    """Porter's stem with his later rule logi -> log, as in FTS5."""
    stem = _stem(word)
    return stem[:-1] if stem.endswith("logi") else stem


def delivery(papers, job_id):
    """The body of one webhook call, as bytes.  `papers` are JSON texts, as
    in the lines of the file: nothing is encoded twice."""
    return (f'{{"job_id": "{job_id}", "source": "arxiv", '
            f'"total_papers": {len(papers)}, '
            f'"timestamp": "2025-07-01T00:00:00Z", '
            f'"papers": [{",".join(papers)}]}}').encode()


def _copy_title(copy):
    """What is appended to a title when its text comes round again."""
    turn, at = divmod(copy, len(_COPY_TITLES))
    return _COPY_TITLES[at] + (f" ({turn})" if turn else "")


def _clean(text):
    return " ".join(_CONTROL.sub(" ", text).split())


def _recorded_texts(data_dir):
    """The texts of <data>/papers/*.jsonl.gz; two layouts are in use there."""
    seen = set()
    for path in sorted(data_dir.glob("papers/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                raw = json.loads(line)
                authors = [_clean(a["name"] if isinstance(a, dict) else a)
                           for a in raw["authors"]]
                text = {
                    "title": _clean(raw["title"]),
                    "abstract": _clean(raw.get("abstract")
                                       or raw.get("summary") or ""),
                    "authors": [a for a in authors if a],
                    "categories": raw["categories"],
                    "comment": _clean(raw.get("comments")
                                      or raw.get("comment") or ""),
                }
                if (raw["id"] not in seen and text["title"]
                        and text["abstract"] and text["authors"]
                        and text["categories"]):
                    seen.add(raw["id"])
                    yield text


def _generated_texts(n):
    """Texts whose word frequencies fall as 1/rank, with the search words
    spread over the ranks of a vocabulary of 20,000."""
    rng = random.Random(_SEED)
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    vocabulary = {"".join(rng.choices(syllables, k=rng.randrange(2, 5)))
                  for _ in range(30000)}
    vocabulary = sorted(vocabulary)[:20000]
    rng.shuffle(vocabulary)
    for k, word in enumerate(SEARCH_WORDS):
        vocabulary[60 + 40 * k] = word
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    for _ in range(n):
        words = rng.choices(vocabulary, weights, k=190)
        yield {
            "title": " ".join(words[:10]).capitalize(),
            "abstract": " ".join(words[10:]).capitalize() + ".",
            "authors": [f"{rng.choice(words).title()} "
                        f"{rng.choice(words).title()}"
                        for _ in range(rng.randrange(1, 6))],
            "categories": [rng.choice(("cs.AI", "cs.LG", "cs.CL", "cs.CV"))],
            "comment": "",
        }
