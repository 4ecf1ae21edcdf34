"""`where_document`: every operator."""

from asking import ask, names, scenario, vector, vectors

TEXTS = [
    "The quick brown fox jumps over the lazy dog",
    "the QUICK brown fox",
    "A lazy afternoon, 100% idle",
    "Pattern_with_underscores and 50% of it",
    "caf\u00e9 au lait \u4e2d\u6587\u6587\u672c",
    "line one\nline two\nLAST line",
    "",
    None,
    "x",
    "a.b*c[d] (e) \\ 'f' \"g\"",
    "2024-01-31 and 1999-12-31",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]

ASKED = [
    {"$contains": "fox"}, {"$contains": "FOX"}, {"$contains": "quick"},
    {"$contains": "lazy dog"}, {"$contains": "azy d"}, {"$contains": "%"},
    {"$contains": "_"}, {"$contains": "0%"}, {"$contains": "caf\u00e9"},
    {"$contains": "\u6587\u672c"}, {"$contains": "cafe"},
    {"$contains": "\n"}, {"$contains": "one\nline"}, {"$contains": "x"},
    {"$contains": "a"}, {"$contains": "ab"}, {"$contains": "*"},
    {"$contains": "\\"}, {"$contains": "'"}, {"$contains": "\""},
    {"$contains": "no such text"}, {"$contains": ""},
    {"$not_contains": "fox"}, {"$not_contains": "a"},
    {"$not_contains": "no such text"}, {"$not_contains": ""},
    {"$regex": "fox"}, {"$regex": "^The"}, {"$regex": "dog$"},
    {"$regex": "(?i)quick"}, {"$regex": "[0-9]{4}-[0-9]{2}-[0-9]{2}"},
    {"$regex": "\\d{4}-\\d{2}"}, {"$regex": "qu.ck"}, {"$regex": "l.*y"},
    {"$regex": "line$"}, {"$regex": "^LAST"}, {"$regex": "(?m)^LAST"},
    {"$regex": "one.line"}, {"$regex": "(?s)one.line"},
    {"$regex": "fox|idle"}, {"$regex": "\\bfox\\b"}, {"$regex": "\\w+_\\w+"},
    {"$regex": "\\p{Han}"}, {"$regex": "\u6587+"}, {"$regex": "a{3}"},
    {"$regex": "[[:upper:]]{4}"}, {"$regex": "(?P<year>[0-9]{4})"},
    {"$regex": "x?"}, {"$regex": ""}, {"$regex": "("}, {"$regex": "[a"},
    {"$regex": "(a)\\1"}, {"$regex": "(?=fox)"},
    {"$regex": "(?<!x)fox"}, {"$regex": "(a+)+$"}, {"$regex": "\\p{Nope}"},
    {"$not_regex": "fox"}, {"$not_regex": "[a-z]"}, {"$not_regex": "("},
    {"$and": [{"$contains": "quick"}, {"$contains": "dog"}]},
    {"$or": [{"$contains": "idle"}, {"$contains": "dog"}]},
    {"$and": [{"$not_contains": "fox"}, {"$contains": "lazy"}]},
    {"$and": [{"$or": [{"$contains": "fox"}, {"$contains": "idle"}]},
              {"$not_contains": "dog"}]},
    {"$or": [{"$regex": "^A"}, {"$contains": "caf"}]},
    {"$and": [{"$contains": "fox"}]}, {"$and": []}, {"$or": []},
    {"$wrong": "x"}, {"$contains": 1}, {"$contains": None},
    {"$contains": ["a", "b"]}, {"$contains": "fox", "$not_contains": "dog"},
    {}, {"text": "x"},
]


@scenario
def where_document(desk):
    things = desk.collection()
    things.add(ids=names(len(TEXTS)), embeddings=vectors(len(TEXTS)),
               documents=TEXTS,
               metadatas=[{"n": i} for i in range(len(TEXTS))])
    at = [vector(99)]

    def both(which):
        got = ask(lambda: things.get(where_document=which)["ids"])
        found = ask(lambda: sorted(things.query(
            query_embeddings=at, where_document=which,
            n_results=20)["ids"][0]))
        return (got if got == found or isinstance(got, list)
                and sorted(got) == found else {"get": got, "query": found})
    answers = [[str(which), both(which)] for which in ASKED]
    both_kinds = {"where": {"n": {"$lt": 3}},
                  "where_document": {"$contains": "lazy"}}
    answers += [
        ask(lambda: things.get(**both_kinds)["ids"]),
        ask(lambda: things.get(**both_kinds, limit=1, offset=1)["ids"]),
        ask(lambda: things.get(ids=["r2", "r4"], **both_kinds)["ids"]),
    ]
    # A text that is replaced is found by what it says now.
    things.update(ids=["r0"], documents=["about something else"],
                  embeddings=[vector(0)])
    things.upsert(ids=["r8"], documents=["an entirely new fox"],
                  embeddings=[vector(8)])
    answers += [ask(lambda: things.get(
        where_document={"$contains": "fox"})["ids"])]
    answers.append(ask(things.delete,
                       where_document={"$contains": "fox"}))
    answers.append(ask(lambda: things.get()["ids"]))
    return answers
