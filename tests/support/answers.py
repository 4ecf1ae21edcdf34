"""Documents, filters and answers: what two servers must agree on."""

from .documents import query

QUESTIONS = ["how to deploy to kubernetes", "what is in the soup",
             "pods share a volume", "a container restarts", "the", "漢字"]
TEXTS = [
    "A Pod is a group of containers that share storage and network.\n\n",
    "A Service gives Pods one address, and balances the load over them.\n\n",
    "Chop onions and carrots, then simmer them in broth with thyme.\n\n",
    "A container that fails is started again, later each time.\n\n",
    "A volume outlives the container, and sometimes the Pod.\n\n",
    "漢字 are read from top to bottom, or from left to right.\n\n",
]
# Values that a filter must not take for each other.
VALUES = [1, 1.0, "1", True, 0, 0.0, -3, 2.5, "", "en", "de", False,
          9007199254740993, 1e300, "é\n\"'\\"]
KEYS = ["a", "b", "lang", "chunk_index", "start_char", "end_char", "title",
        "page", "document_id", "missing"]


def library(rng):
    """Documents of a few chunks each, with metadata of every type."""
    for i in range(24):
        text = "".join(rng.choice(TEXTS) for _ in range(rng.randint(1, 30)))
        yield {"title": f"Document {i % 20}", "text": text,
               "chunk_size": 200, "chunk_overlap": 20,
               "metadata": {key: rng.choice(VALUES) for key in
                            rng.sample(["a", "b", "lang"], rng.randint(0, 3))}
               | {"number": i}}


def condition(rng, depth=0):
    if depth < 2 and rng.random() < 0.4:
        return {rng.choice(["$and", "$or"]): [
            condition(rng, depth + 1) for _ in range(rng.randint(1, 3))]}
    key, op = rng.choice(KEYS), rng.choice(
        ["", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin"])
    value = rng.choice(VALUES + [3, 60, "Document 3"])
    if op in ("$gt", "$gte", "$lt", "$lte"):
        value = rng.choice([0, 1, 2, 1.0, 2.5, 100, -3])
    if op in ("$in", "$nin"):
        value = [v for v in VALUES if type(v) is type(value)]
    return {key: {op: value} if op else value}


def found(server, question, **params):
    """[(document, chunk, distance)]; ids differ from server to server."""
    return [(r["metadata"].get("number", r["metadata"]["title"]),
             r["metadata"]["chunk_index"], r["distance"])
            for r in query(server, question, **params)["results"]]


def same(one, other):
    """The same passages at the same distances; those nearer to each other than
    single precision can tell may change places."""
    assert len(one) == len(other)
    for (*_, a), (*_, b) in zip(one, other):
        assert (a is None) == (b is None)
        assert a is None or abs(a - b) < 1e-6
    names = {}
    for name, chunk, distance in one:
        names[name, chunk] = distance
    last = one[-1][2] if one else None
    for name, chunk, distance in other:
        if (name, chunk) in names:
            a = names[name, chunk]
            assert a == distance or abs(a - distance) < 1e-6
        else:
            assert abs(distance - last) < 1e-6, (name, chunk, distance, last)
