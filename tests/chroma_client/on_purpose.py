"""Where we mean to answer otherwise than Chroma does."""

from asking import ask, names, scenario, vector, vectors
from by_hand import Hand

BARE = {"embedding_function": None}


def outcome(function, *args, **kw):
    """The answer, or only the class of what was raised."""
    answer = ask(function, *args, **kw)
    return (answer["raises"] if isinstance(answer, dict) and "raises" in answer
            else answer)


@scenario
def otherwise(desk):
    client = desk.client
    things = desk.collection()
    things.add(ids=names(5), embeddings=vectors(5),
               documents=[f"text {i}" for i in range(5)],
               metadatas=[{"n": i} for i in range(5)])
    desk.collection("two")
    at = [vector(99)]
    deep = {"n": 1}
    for depth in range(20):
        deep = {"$or" if depth % 2 else "$and": [deep, {"n": 1}]}
    answers = {
        "rename to a name that is taken": outcome(things.modify, name="two"),
        "query with an id that is not there": outcome(
            lambda: things.query(query_embeddings=at,
                                 ids=["r1", "nobody"])["ids"]),
        "deleted, of one that is there": outcome(
            things.delete, ids=["r0", "nobody"]),
        "text of a document as metadata": outcome(
            lambda: things.get(where={"chroma:document": "text 3"})["ids"]),
        "a repetition repeated": outcome(
            lambda: len(things.get(where_document={"$regex": "x**"})["ids"])),
        "twenty conditions deep": outcome(
            lambda: things.get(where=deep)["ids"]),
        "a text with NUL": outcome(
            things.add, ids=["nul"], embeddings=at, documents=["a\0b"]),
        "very short": outcome(things.add, ids=["s"], embeddings=[[1e-30] * 4]),
        "very long": outcome(things.add, ids=["l"], embeddings=[[3e38] * 4]),
        "how much is indexed": outcome(
            lambda: vars(things.get_indexing_status())["total_ops"]),
    }
    hand = Hand(desk)
    it = f"{hand.at}/collections/{things.id}"
    hand("POST", it + "/add", {
        "ids": ["odd"], "embeddings": at,
        "metadatas": [{"none": [], "chroma:x": 1}]})
    answers["an empty list and a reserved key"] = outcome(
        lambda: things.get(ids=["odd"])["metadatas"])
    # Chroma's server may be gone after this.
    lists = {"text": ["a", "b"], "ints": [1, 2]}
    answers["lists for a collection"] = outcome(
        lambda: client.create_collection("lists", metadata=lists,
                                         **BARE).metadata)
    answers["lists for a changed one"] = outcome(things.modify,
                                                 metadata=lists)
    return answers
