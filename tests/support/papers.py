"""Papers made up by us: as webhook JSON, and as what a reader must see."""

import time

ABSTRACTS = (
    "We study large language models and their behaviour under load.",
    "Retrieval augmented generation grounds an answer in documents.",
    "Image segmentation with a vision transformer and attention.",
    "A robot learns to grasp with reinforcement learning.",
    "Speech recognition for low-resource audio.",
)
CATEGORIES = ("llm", "rag", "cv", "robotics", "audio")


def stamp(seconds):
    """RFC 3339 UTC of seconds since the epoch."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# 2026-01-01T00:00:00Z: the day before which every made-up paper appeared.
BASE_TIME = 1767225600


def paper(number, **change):
    """Webhook form of made-up paper `number`; keywords replace fields."""
    which = number % len(CATEGORIES)
    source_id = f"2501.{number:05d}"
    made = {
        "title": f"Paper {number:05d} about {CATEGORIES[which]}",
        "abstract": ABSTRACTS[which],
        "authors": [f"Ann Author{number}", "Bob Common"],
        "url": f"https://arxiv.org/abs/{source_id}",
        "pdf_url": f"https://arxiv.org/pdf/{source_id}v1",
        "source_id": source_id,
        "version": 1,
        "published_at": stamp(BASE_TIME - number * 3600),
        "updated_at": stamp(BASE_TIME - number * 3600),
        "arxiv_categories": ["cs.AI", "cs.LG"],
        "primary_category": "cs.AI",
        "doi": None,
        "journal_ref": None,
        "comment": None,
        "category": CATEGORIES[which],
        "relevance_score": round(0.5 + number % 50 / 100, 2),
        "tags": ["transformer", f"tag{number % 3}"],
    }
    made.update(change)
    return made


def papers(start, count, **change):
    return [paper(number, **change)
            for number in range(start, start + count)]


def call(made, job_id="arxiv-1762123331", **change):
    """Webhook body that carries the papers `made`."""
    body = {"job_id": job_id, "source": "arxiv", "papers": made,
            "total_papers": len(made), "timestamp": stamp(time.time())}
    body.update(change)
    return body


def drawn_paper(number):
    """Only the fields that the drawing of the webhook shows."""
    whole = paper(number)
    return {key: whole[key] for key in ("title", "abstract", "authors", "url",
                                        "category", "relevance_score",
                                        "tags")}


LONG_WORD = "pneumono" * 40


def odd_papers():
    """Papers with texts that lists, search and exports stumble over."""
    def odd(number, **change):
        return paper(number, category="other", tags=["odd"],
                     authors=change.pop("authors", ["Ann Odd"]),
                     relevance_score=0.5, **change)
    return [
        odd(90001, title="大規模言語モデルの評価について",
            abstract="我们研究检索增强生成的方法。"),
        odd(90002, title=r"On the $\alpha$-divergence of \emph{deep} nets",
            abstract=r"We bound $\sum_{i<n} x_i^2 \leq \%$ & {more}."),
        odd(90003, title='Quotes "and" <b>tags</b> & ampersands',
            abstract="<script>alert(1)</script>, commas, and\ta tab."),
        odd(90004, title="شبكات عصبية عميقة",
            abstract="نص من اليمين إلى اليسار"),
        odd(90005, title="Zebra crossing detector",
            abstract="Finds a zebra crossing in the street.",
            authors=["José Muñoz", "王小明", "Mausam"]),
        odd(90006, title="Crossing the zebra line",
            abstract="A zebra is not a horse; nor is a quagga."),
        odd(90007, title=f"Long {LONG_WORD} word", abstract="Just long."),
        odd(90008, title="Naïve café résumé", abstract="Diacritics: Gödel."),
    ]
