"""Records: added, replaced, changed, read, removed."""

from asking import ask, names, scenario, vector, vectors

EVERYTHING = ["embeddings", "documents", "metadatas", "uris"]


def whole(collection, **which):
    """All that is in it, or what these arguments choose."""
    return ask(collection.get, include=EVERYTHING, **which)


@scenario
def add(desk):
    things = desk.collection()
    answers = [
        ask(things.count), whole(things), ask(things.peek),
        ask(things.add, ids=["a", "b"], embeddings=vectors(2)),
        ask(things.add, ids="c", embeddings=vector(2), documents="one text",
            metadatas={"n": 1}, uris="file:///c"),
        ask(things.add, ids=["d", "e"], embeddings=vectors(2, start=3),
            metadatas=[{"n": 2}, None], documents=[None, "e's text"]),
        whole(things), ask(things.count), ask(things.peek),
        ask(things.peek, 2),
        # What is there is left as it is, what is not is added.
        ask(things.add, ids=["a", "f"], embeddings=vectors(2, start=10),
            documents=["another a", "f"], metadatas=[{"m": 1}, {"m": 2}]),
        whole(things), ask(things.count),
        ask(things.add, ids=["x", "x"], embeddings=vectors(2)),
        ask(things.add, ids=["y"], embeddings=vectors(2)),
        ask(things.add, ids=["y"], embeddings=[vector(1, 5)]),
        ask(things.add, ids=["y"], embeddings=[[]]),
        ask(things.add, ids=[], embeddings=[]),
        ask(things.add, ids=[""], embeddings=vectors(1)),
        ask(things.add, ids=["z", "y"],
            embeddings=[vector(1), vector(1, 3)]),
        ask(things.count), whole(things, ids=["", "y", "z"]),
    ]
    return answers


@scenario
def dimensions(desk):
    things = desk.collection()
    answers = [ask(things.query, query_embeddings=[vector(1, 7)]),
               ask(things.add, ids=["a"], embeddings=[vector(1, 3)]),
               ask(desk.client.get_collection, "things",
                   embedding_function=None),
               ask(things.add, ids=["b"], embeddings=[vector(1, 4)]),
               ask(things.upsert, ids=["a"], embeddings=[vector(1, 4)]),
               ask(things.update, ids=["a"], embeddings=[vector(1, 4)]),
               ask(things.query, query_embeddings=[vector(1, 4)]),
               ask(things.delete, ids=["a"]),
               ask(things.add, ids=["b"], embeddings=[vector(1, 4)]),
               whole(things)]
    for size in (1, 2, 384, 1536, 3072):
        wide = desk.collection(f"wide_{size}")
        answers.append([ask(wide.add, ids=names(2),
                            embeddings=vectors(2, size)),
                        ask(wide.query, query_embeddings=[vector(5, size)]),
                        ask(lambda w=wide: w.get(include=["embeddings"])[
                            "embeddings"].tolist() == vectors(2, size))])
    return answers


@scenario
def extreme_numbers(desk):
    """As float32 has them."""
    things = desk.collection()
    tried = {"small": [1e-15, 1e-30, 1e-45, 1e-60], "large": [1e15, 1, 1, 1],
             "precise": [0.1, 1 / 3, 16777217.0, -0.0],
             "integers": [1, 2, 3, 4], "zero": [0, 0, 0, 0]}
    answers = [ask(things.add, ids=[name], embeddings=[v])
               for name, v in tried.items()]
    answers.append(whole(things))
    return answers


@scenario
def upsert(desk):
    things = desk.collection()
    things.add(ids=["a", "b"], embeddings=vectors(2),
               documents=["text a", "text b"], uris=["u:a", "u:b"],
               metadatas=[{"n": 1, "old": True}, {"n": 2}])
    return [
        ask(things.upsert, ids=["b", "c"], embeddings=vectors(2, start=5),
            documents=["new b", "new c"], metadatas=[{"n": 3}, {"n": 4}]),
        whole(things),
        ask(things.upsert, ids=["a"], embeddings=[vector(9)]),
        whole(things, ids=["a"]),
        ask(things.upsert, ids=["a"], embeddings=[vector(9)],
            metadatas=[{"new": "x"}]),
        whole(things, ids=["a"]),
        ask(things.upsert, ids=["d", "d"], embeddings=vectors(2)),
        ask(things.count),
    ]


@scenario
def update(desk):
    things = desk.collection()
    things.add(ids=["a"], embeddings=[vector(0)], documents=["text a"],
               metadatas=[{"n": 1, "s": "x", "f": 1.5, "b": True}])
    things.add(ids=["b"], embeddings=[vector(1)], documents=["text b"],
               metadatas=[{"n": 2}], uris=["u:b"])
    answers = []

    def change(**what):
        answers.append([ask(things.update, **what), whole(things)])
    change(ids=["a"], documents=["changed"], embeddings=[vector(5)])
    change(ids=["a"], embeddings=[vector(6)])
    change(ids=["a"], metadatas=[{"n": 7, "new": ["p", "q"]}])
    change(ids=["a"], metadatas=[{"s": None}])
    change(ids=["a"], metadatas=[{"n": "now text"}])
    change(ids=["a"], metadatas=[{"n": None, "f": None, "b": None,
                                  "new": None}])
    change(ids=["b"], uris=["u:new"])
    change(ids=["nobody"], embeddings=[vector(1)])
    change(ids=["b", "nobody"], metadatas=[{"n": 8}, {"n": 9}])
    change(ids=["b", "b"], metadatas=[{"n": 8}, {"n": 9}])
    change(ids=["b"], metadatas=[{}])
    change(ids=["b"])
    change(ids=[], metadatas=[])
    change(ids=["a", "b"], metadatas=[None, {"k": 1}],
           embeddings=vectors(2, start=20))
    answers.append(ask(things.query, query_embeddings=[vector(20)]))
    # Chroma keeps a URI among the metadata: with one, {} is left of them.
    things.upsert(ids=["c", "d"], embeddings=vectors(2), uris=["u:c", "u:d"])
    change(ids=["b"], metadatas=[{"n": None, "k": None}])
    return answers


@scenario
def delete(desk):
    things = desk.collection()
    things.add(ids=names(12), embeddings=vectors(12),
               documents=[f"text {'even' if i % 2 == 0 else 'odd'} {i}"
                          for i in range(12)],
               metadatas=[{"n": i} for i in range(12)])
    answers = []

    def remove(**which):
        answers.append([ask(things.delete, **which), ask(things.count),
                        ask(lambda: things.get()["ids"])])
    remove(ids=["r0"])
    remove(ids=["r2", "r11"])
    remove(ids=["r1", "r1"])
    remove(where={"n": {"$gt": 9}})
    remove(where={"n": 77})
    remove(where_document={"$contains": "odd 3"})
    remove(ids=["r4", "r5"], where={"n": 5})
    remove(ids=["r4"], where_document={"$contains": "odd"})
    remove(where={"n": {"$lt": 7}}, where_document={"$contains": "even"})
    remove(where={"n": {"$gte": 0}}, limit=1)
    remove()
    remove(ids=[])
    remove(where={})
    remove(where={"n": {"$wrong": 1}})
    # A removed id may come again, and is then the newest.
    things.add(ids=["r0"], embeddings=[vector(0)])
    answers += [whole(things), ask(things.query,
                                   query_embeddings=[vector(0)])]
    return answers


@scenario
def get(desk):
    things = desk.collection()
    things.add(ids=names(10), embeddings=vectors(10),
               documents=[f"text {i}" for i in range(10)],
               metadatas=[{"n": i} for i in range(10)],
               uris=[f"u:{i}" for i in range(10)])
    asked = [
        {}, {"ids": ["r3", "r1", "r7"]}, {"ids": ["r3", "nobody"]},
        {"ids": ["nobody"]}, {"ids": []}, {"ids": "r4"},
        {"ids": ["r1", "r1"]},
        {"limit": 3}, {"limit": 3, "offset": 2}, {"offset": 8},
        {"limit": 5, "offset": 8}, {"limit": 5, "offset": 10},
        {"limit": 0}, {"limit": 100}, {"limit": -1}, {"offset": -1},
        {"ids": ["r5", "r2", "r8"], "limit": 2},
        {"ids": ["r5", "r2", "r8"], "limit": 2, "offset": 1},
        {"ids": ["r5", "r2"], "where": {"n": 2}},
        {"where": {"n": {"$gte": 4}}, "limit": 2, "offset": 1},
        {"include": []}, {"include": ["documents"]},
        {"include": ["metadatas"]}, {"include": ["embeddings"]},
        {"include": ["uris"]}, {"include": EVERYTHING},
        {"include": ["distances"]}, {"include": ["nonsense"]},
        {"include": ["data"]},
    ]
    return [[str(which), ask(things.get, **which)] for which in asked]


@scenario
def metadata_of_records(desk):
    things = desk.collection()
    tried = {
        "types": {"text": "caf\u00e9 \u4e2d\u6587 \U0001f600", "int": 7,
                  "float": 1.5, "yes": True, "no": False, "negative": -3,
                  "zero": 0, "empty": ""},
        "numbers": {"big": 2**53 + 1, "max": 2**63 - 1, "min": -2**63,
                    "whole": 2.0, "tiny": 1e-300, "huge": 1e300},
        "arrays": {"text": ["a", "b", "a"], "ints": [3, 1, 2],
                   "floats": [1.5, -2.0], "bools": [True, False],
                   "one": ["x"]},
        "keys": {"with space": 1, "dot.ted": 2, "caf\u00e9": 3, "$dollar": 4,
                 "": 5, "a" * 200: 6},
        "reserved": {"chroma:document": "x"},
        "hash": {"#document": "x"},
        "null": {"a": None, "b": 1}, "only_null": {"a": None},
        "empty": {}, "nested": {"a": {"b": 1}},
        "mixed": {"a": [1, "x"]}, "int_float": {"a": [1, 2.5]},
        "empty_array": {"a": []}, "nested_array": {"a": [[1]]},
        "null_in_array": {"a": [None]}, "too_big": {"a": 2**64},
    }
    answers = {name: [ask(things.add, ids=[name], embeddings=[vector(1)],
                          metadatas=[metadata]),
                      ask(things.get, ids=[name])]
               for name, metadata in tried.items()}
    answers["as python has them"] = ask(lambda: sorted(
        (key, str(value)) for key, value in things.get(
            ids=["numbers"])["metadatas"][0].items()))
    return answers


@scenario
def texts(desk):
    things = desk.collection()
    tried = {
        "long": "A sentence of some length. " * 400,
        "accents": "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m",
        "wide": "\u4e2d\u6587 \u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4",
        "pictures": "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "controls": "tab\tline\nreturn\rbell\x07 quote\" back\\slash /",
        "empty": "", "space": " ", "right_to_left": "\u05e9\u05dc\u05d5\u05dd",
    }
    answers = {name: ask(things.add, ids=[name], embeddings=[vector(1)],
                         documents=[text], metadatas=[{"text": text}])
               for name, text in tried.items()}
    answers["as they were"] = {
        name: ask(lambda n=name, t=text: [
            things.get(ids=[n])["documents"] == [t],
            things.get(ids=[n])["metadatas"] == [{"text": t}],
            things.get(where={"text": t})["ids"]])
        for name, text in tried.items()}
    odd_ids = ["\u4e2d\u6587", "caf\u00e9", "a b", "a/b", "a?b#c", "%2e",
               "\U0001f600", "x" * 500, "a\nb", "'quoted'", "\"double\""]
    answers["ids"] = [
        ask(things.add, ids=odd_ids, embeddings=vectors(len(odd_ids))),
        [ask(things.get, ids=[i]) for i in odd_ids],
        ask(things.delete, ids=odd_ids), ask(things.count)]
    return answers


@scenario
def big_batches(desk):
    """As many at once as the server takes, and more."""
    client = desk.client
    limit = client.get_max_batch_size()
    things = desk.collection()
    few = min(limit, 2000)
    answers = [
        ask(things.add, ids=names(few), embeddings=vectors(few, 8),
            documents=[f"text {i}" for i in range(few)],
            metadatas=[{"n": i, "half": i % 2} for i in range(few)]),
        ask(things.count),
        ask(things.get, limit=3, offset=few - 2),
        ask(lambda: len(things.get(where={"half": 1})["ids"])),
        ask(lambda: len(things.get(ids=names(1000, 500))["ids"])),
        ask(things.query, query_embeddings=[vector(77, 8)], n_results=1),
        ask(lambda: len(things.query(query_embeddings=[vector(77, 8)],
                                     n_results=1000)["ids"][0])),
        ask(things.upsert, ids=names(few, 100),
            embeddings=vectors(few, 8, start=100)),
        ask(things.count),
        ask(things.update, ids=names(few),
            metadatas=[{"n": -1}] * few, embeddings=vectors(few, 8)),
        ask(lambda: len(things.get(where={"n": -1})["ids"])),
        ask(things.delete, ids=names(few)), ask(things.count),
    ]
    over = ask(things.add, ids=names(limit + 1),
               embeddings=[[1.0, 2.0]] * (limit + 1))
    answers.append(over["raises"])
    return answers
