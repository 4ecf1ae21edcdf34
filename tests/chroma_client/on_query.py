"""The nearest of a vector."""

from asking import ask, names, scenario, vector, vectors

SPACES = ("l2", "cosine", "ip")


def filled(desk, name="things", count=30, dimension=4, **more):
    things = desk.collection(name, **more)
    things.add(ids=names(count), embeddings=vectors(count, dimension),
               documents=[f"text {i}" + (" rare" if i % 10 == 0 else "")
                          for i in range(count)],
               metadatas=[{"n": i, "third": i % 3} for i in range(count)],
               uris=[f"u:{i}" for i in range(count)])
    return things


@scenario
def spaces(desk):
    answers = {}
    for space in SPACES:
        things = filled(desk, f"in_{space}",
                        configuration={"hnsw": {"space": space}})
        old = filled(desk, f"old_{space}", metadata={"hnsw:space": space})
        ways = [ask(things.query, query_embeddings=vectors(5, start=100),
                    n_results=7),
                ask(things.query, query_embeddings=[vector(3)]),
                ask(old.query, query_embeddings=[vector(200)])]
        wide = filled(desk, f"wide_{space}", count=50, dimension=384,
                      configuration={"hnsw": {"space": space}})
        ways.append(ask(wide.query, query_embeddings=[vector(300, 384)]))
        answers[space] = ways
    return answers


@scenario
def zero_and_opposite(desk):
    """Directions that cosine has no answer to, and the farthest one."""
    answers = {}
    for space in SPACES:
        things = desk.collection(f"in_{space}", configuration={
            "hnsw": {"space": space}})
        things.add(ids=["zero", "one", "opposite", "twice"],
                   embeddings=[[0, 0, 0], [1, 2, 3], [-1, -2, -3],
                               [2, 4, 6]])
        answers[space] = [
            ask(lambda t=things, v=v: sorted(zip(
                (r := t.query(query_embeddings=[v], n_results=4))["ids"][0],
                r["distances"][0])))
            for v in ([1, 2, 3], [0, 0, 0], [-3, 0, 1])]
    return answers


@scenario
def query(desk):
    things = filled(desk)
    one = [vector(100)]
    asked = [
        {"query_embeddings": one}, {"query_embeddings": one[0]},
        {"query_embeddings": one, "n_results": 1},
        {"query_embeddings": one, "n_results": 100},
        {"query_embeddings": one, "n_results": 0},
        {"query_embeddings": one, "n_results": -1},
        {"query_embeddings": vectors(3, start=100), "n_results": 2},
        {"query_embeddings": []}, {"query_embeddings": [[]]},
        {"query_embeddings": [vector(1, 3)]},
        {"query_embeddings": [vector(1), vector(1, 3)]},
        {"query_embeddings": one, "ids": ["r1", "r5", "r9"]},
        {"query_embeddings": one, "ids": []},
        {"query_embeddings": one, "ids": "r1"},
        {"query_embeddings": one, "ids": ["r1", "r4"], "where": {"n": 4}},
        {"query_embeddings": one, "where": {"third": 1}},
        {"query_embeddings": one, "where": {"third": 7}},
        {"query_embeddings": one, "where": {"n": {"$lt": 5}}},
        {"query_embeddings": one, "where_document": {"$contains": "rare"}},
        {"query_embeddings": one, "where_document": {"$contains": "rare"},
         "where": {"third": 1}},
        {"query_embeddings": vectors(2, start=100), "where": {"third": 2},
         "n_results": 3},
        {"query_embeddings": one, "where": {"n": {"$wrong": 1}}},
        {}, {"query_embeddings": one, "query_texts": ["both"]},
    ]
    return [[str(which), ask(things.query, **which)] for which in asked]


@scenario
def query_includes(desk):
    things = filled(desk, count=6)
    tried = [[], ["documents"], ["metadatas"], ["embeddings"], ["distances"],
             ["uris"], ["documents", "distances"],
             ["documents", "metadatas", "embeddings", "distances", "uris"],
             ["nonsense"], ["data"]]
    answers = [[str(include), ask(things.query, n_results=2,
                                  query_embeddings=vectors(2, start=50),
                                  include=include)] for include in tried]
    bare = desk.collection("bare")
    bare.add(ids=names(2), embeddings=vectors(2))
    answers.append(ask(bare.query, query_embeddings=[vector(9)],
                       include=["documents", "metadatas", "uris"]))
    return answers


@scenario
def query_of_nothing(desk):
    """A collection in which nothing is, or is any more."""
    things = desk.collection()
    answers = [ask(things.query, query_embeddings=[vector(1)]),
               ask(things.query, query_embeddings=vectors(2), n_results=3),
               ask(things.query, query_embeddings=[vector(1)],
                   where={"a": 1}),
               ask(things.query, query_embeddings=[vector(1)],
                   ids=["nobody"])]
    things.add(ids=names(3), embeddings=vectors(3))
    things.delete(ids=names(3))
    answers += [ask(things.query, query_embeddings=[vector(1)]),
                ask(things.query, query_embeddings=[vector(1, 5)]),
                ask(things.get), ask(things.count)]
    return answers


@scenario
def query_follows_changes(desk):
    """What was just written is found, what was removed is not."""
    things = filled(desk, count=20)
    at = [vector(500)]
    answers = []

    def nearest():
        answers.append(ask(things.query, query_embeddings=at, n_results=3))
    nearest()
    things.add(ids=["exact"], embeddings=at)
    nearest()
    things.update(ids=["exact"], embeddings=[vector(3)])
    nearest()
    things.upsert(ids=["r3"], embeddings=at, documents=["moved"])
    nearest()
    things.update(ids=["r3"], metadatas=[{"n": 1000}], embeddings=at)
    answers.append(ask(things.query, query_embeddings=at,
                       where={"n": 1000}))
    answers.append(ask(things.query, query_embeddings=at, where={"n": 3}))
    things.delete(ids=["r3"])
    nearest()
    things.delete(where={"third": 0})
    nearest()
    return answers


@scenario
def hundreds(desk):
    """More than the real server's index takes at a time."""
    things = filled(desk, count=1500, dimension=16, configuration={
        "hnsw": {"space": "cosine", "ef_search": 1500,
                 "ef_construction": 400}})
    return [ask(things.query, query_embeddings=[vector(9000 + i, 16)],
                include=["distances"]) for i in range(5)] + [
        ask(things.query, query_embeddings=[vector(9000, 16)],
            where={"third": 1}, include=["distances"])]


@scenario
def many_queries(desk):
    """In one call."""
    things = filled(desk, configuration={"hnsw": {"space": "ip"}})
    many = vectors(150, start=100)
    return [ask(things.query, query_embeddings=many, n_results=3,
                include=["distances"], **which)
            for which in ({}, {"where": {"third": 1}}, {"ids": ["r1", "r2"]})]


@scenario
def fork(desk):
    """What only Chroma's cloud does."""
    return ask(filled(desk, count=3).fork, "forked")["raises"]
