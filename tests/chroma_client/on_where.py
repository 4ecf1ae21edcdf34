"""`where`: every operator, on every type."""

from asking import ask, names, scenario, vector, vectors

ROWS = [
    {"int": 1, "float": 1.5, "text": "apple", "yes": True,
     "tags": ["red", "round"], "nums": [1, 2, 3]},
    {"int": 2, "float": 2.0, "text": "banana", "yes": False,
     "tags": ["yellow"], "nums": [3]},
    {"int": -3, "float": -2.5, "text": "Cherry", "yes": True,
     "tags": ["red"], "floats": [1.5, 2.5], "bools": [True]},
    {"int": 4, "text": "date", "tags": ["brown", "red", "sweet"],
     "nums": [4, 5], "bools": [True, False]},
    {"float": 2.0, "text": "apple", "yes": False, "other": "x"},
    None,
    {"int": 2, "text": "", "float": 0.0},
    {"int": "2", "float": 2, "text": "caf\u00e9"},
]

ASKED = [
    {"int": 2}, {"int": {"$eq": 2}}, {"int": {"$ne": 2}},
    {"int": {"$gt": 1}}, {"int": {"$gte": 2}}, {"int": {"$lt": 2}},
    {"int": {"$lte": 2}}, {"int": {"$in": [1, 4]}}, {"int": {"$nin": [1, 4]}},
    {"int": 2.0}, {"int": {"$gt": 1.5}}, {"int": "2"}, {"int": True},
    {"int": {"$in": ["2"]}}, {"int": {"$ne": "2"}},
    {"float": 2.0}, {"float": 2}, {"float": {"$eq": 1.5}},
    {"float": {"$ne": 2.0}}, {"float": {"$gt": 0.5}}, {"float": {"$gt": 1}},
    {"float": {"$gte": -2.5}}, {"float": {"$lt": 0.0}},
    {"float": {"$lte": 1.5}}, {"float": {"$in": [1.5, -2.5]}},
    {"float": {"$nin": [2.0]}},
    {"text": "apple"}, {"text": {"$ne": "apple"}}, {"text": ""},
    {"text": "cherry"}, {"text": "caf\u00e9"},
    {"text": {"$in": ["apple", "date"]}}, {"text": {"$nin": ["apple"]}},
    {"text": {"$gt": "b"}}, {"text": {"$lt": "b"}},
    {"yes": True}, {"yes": False}, {"yes": {"$ne": True}},
    {"yes": {"$in": [True, False]}}, {"yes": {"$nin": [True]}},
    {"yes": 1}, {"yes": {"$gt": 0}},
    {"missing": 1}, {"missing": {"$ne": 1}}, {"missing": {"$nin": [1]}},
    {"missing": {"$gt": 1}},
    {"tags": {"$contains": "red"}}, {"tags": {"$not_contains": "red"}},
    {"tags": {"$contains": "re"}}, {"nums": {"$contains": 3}},
    {"nums": {"$not_contains": 3}}, {"nums": {"$contains": 3.0}},
    {"floats": {"$contains": 2.5}}, {"floats": {"$not_contains": 9.5}},
    {"bools": {"$contains": False}}, {"bools": {"$not_contains": False}},
    {"text": {"$contains": "apple"}}, {"text": {"$contains": "app"}},
    {"missing": {"$contains": "x"}}, {"missing": {"$not_contains": "x"}},
    {"tags": "red"}, {"tags": {"$eq": "red"}}, {"tags": {"$ne": "red"}},
    {"nums": 3}, {"nums": {"$gt": 2}}, {"tags": {"$in": ["red"]}},
    {"tags": {"$contains": ["red"]}}, {"tags": {"$contains": None}},
    {"$and": [{"int": {"$gt": 0}}, {"yes": True}]},
    {"$or": [{"int": 1}, {"text": "date"}]},
    {"$and": [{"$or": [{"int": 1}, {"int": 2}]}, {"text": {"$ne": "apple"}}]},
    {"$or": [{"$and": [{"int": 1}, {"yes": True}]},
             {"$and": [{"int": 4}, {"text": "date"}]}, {"other": "x"}]},
    {"$and": [{"int": 1}]}, {"$and": []}, {"$or": []}, {"$or": [{"int": 1}]},
    {"int": {"$gt": 0, "$lt": 3}}, {"int": 2, "text": ""}, {},
    {"int": {"$wrong": 1}}, {"$wrong": [{"int": 1}]}, {"int": {"$in": []}},
    {"int": {"$nin": []}}, {"int": {"$in": [1, "a"]}}, {"int": {"$in": 1}},
    {"int": None}, {"int": {"$eq": None}}, {"int": [1]}, {"int": {}},
    {"int": {"$gt": "a"}}, {"int": {"$gt": True}}, {"int": {"$and": [1]}},
    {"$and": {"int": 1}}, {"$not": {"int": 1}}, {"": 1}, {"$contains": "x"},
    {"int": {"$gt": 2**62}}, {"int": {"$lt": 1e300}},
    {"#document": {"$contains": "3"}}, {"#id": "r3"},
    {"#id": {"$in": ["r3", "r4"]}},
]


@scenario
def where(desk):
    things = desk.collection()
    things.add(ids=names(len(ROWS)), embeddings=vectors(len(ROWS)),
               metadatas=ROWS,
               documents=[f"text {i}" for i in range(len(ROWS))])
    at = [vector(99)]

    def both(which):
        got = ask(lambda: things.get(where=which)["ids"])
        found = ask(lambda: sorted(things.query(
            query_embeddings=at, where=which, n_results=20)["ids"][0]))
        # A server that answers the two differently is seen by it.
        return got if got == found else {"get": got, "query": found}
    answers = [[str(which), both(which)] for which in ASKED]
    answers.append(ask(things.delete, where={"tags": {"$contains": "red"}}))
    answers.append(ask(lambda: things.get()["ids"]))
    # An array that is replaced is found by what it has now.
    things.update(ids=["r1"], metadatas=[{"tags": ["green"], "int": [7, 8]}])
    answers += [ask(lambda w=which: things.get(where=w)["ids"])
                for which in ({"tags": {"$contains": "yellow"}},
                              {"tags": {"$contains": "green"}},
                              {"int": {"$contains": 7}}, {"int": 2})]
    return answers


@scenario
def deep_where(desk):
    """Conditions in conditions."""
    things = desk.collection()
    things.add(ids=names(4), embeddings=vectors(4),
               metadatas=[{"n": i} for i in range(4)])
    nested = {"n": 1}
    answers = []
    for depth in range(1, 17):
        nested = {("$and" if depth % 2 else "$or"): [nested, {"n": 1}]}
        if depth in (5, 10, 16):
            answers.append(ask(lambda w=dict(nested):
                               things.get(where=w)["ids"]))
    wide = {"$or": [{"n": i} for i in range(200)]}
    answers.append(ask(lambda: things.get(where=wide)["ids"]))
    answers.append(ask(lambda: things.get(
        where={"n": {"$in": list(range(2, 1000))}})["ids"]))
    return answers
