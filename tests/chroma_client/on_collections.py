"""Collections: made, found, listed, changed, removed, and their settings."""

import chromadb.utils.embedding_functions as functions
from chromadb import Documents, EmbeddingFunction, Embeddings
from chromadb.utils.embedding_functions import register_embedding_function

from asking import ask, listed, names, scenario, vector, vectors

BARE = {"embedding_function": None}


@scenario
def collections(desk):
    client = desk.client
    answers = [
        ask(client.count_collections),
        listed(client),
        ask(client.create_collection, "things", **BARE),
        ask(client.create_collection, "things", **BARE),
        ask(client.create_collection, "Things", **BARE),
        ask(client.get_collection, "things", **BARE),
        ask(client.get_collection, "no_such", **BARE),
        ask(client.get_or_create_collection, "things", **BARE),
        ask(client.get_or_create_collection, "others", **BARE),
        ask(client.count_collections),
        listed(client),
        ask(client.delete_collection, "no_such"),
        ask(client.delete_collection, "things"),
        ask(client.get_collection, "things", **BARE),
        listed(client),
        ask(client.count_collections),
    ]
    one = client.get_collection("others", **BARE)
    answers.append(client.get_or_create_collection("others", **BARE).id
                   == one.id)
    answers.append(ask(client.get_collection_by_id, one.id, **BARE))
    again = client.create_collection("things", **BARE)
    answers.append(ask(again.count))
    return answers


@scenario
def collections_in_pages(desk):
    client = desk.client
    for name in ("pear", "apple", "fig", "quince", "lemon"):
        client.create_collection(name, **BARE)

    def page(*args):
        return [c.name for c in client.list_collections(*args)]
    # Chroma's own order is by id, which is random: no page has certain names.
    return [sorted(page()), sorted(page(2) + page(2, 2) + page(2, 4)),
            page() == page(2) + page(None, 2),
            [len(page(*args)) for args in (
                (2, 4), (2, 5), (None, 3), (0,), (100,), (100, 100))]]


@scenario
def names_of_collections(desk):
    tried = ["ab", "abc", "a" * 512, "a.b", "a..b", "a-b_c",
             "-abc", "abc-", "_abc", "abc_", "1abc", "192.168.0.1", "a b c",
             "a/b/c", "caf\u00e9", "\u4e2d\u6587\u540d", "ABC", "", "a%20b",
             "a\nb", "abc."]
    return {name: ask(desk.client.create_collection, name, **BARE)
            for name in tried}


@scenario
def metadata_of_collections(desk):
    client = desk.client
    tried = {
        "none": None, "one": {"a": "b"}, "types": {
            "text": "caf\u00e9 \u4e2d\u6587 \U0001f600", "int": 7,
            "float": 1.5, "yes": True, "no": False, "negative": -3,
            "big": 2**53, "empty": ""},
        "empty_dict": {}, "null": {"a": None},
        "nested": {"a": {"b": 1}}, "mixed_array": {"a": [1, "b"]},
        "whole_float": {"a": 2.0},
    }
    answers = {name: [ask(client.create_collection, f"c_{name}",
                          metadata=metadata, **BARE),
                      ask(client.get_collection, f"c_{name}", **BARE)]
               for name, metadata in tried.items()}
    answers["is whole float a float"] = ask(lambda: str(
        client.get_collection("c_whole_float", **BARE).metadata))
    return answers


@scenario
def get_or_create_keeps(desk):
    """What is there already wins over what is asked for."""
    client = desk.client
    first = client.get_or_create_collection(
        "things", metadata={"a": 1}, configuration={"hnsw": {"space": "ip"}},
        **BARE)
    first.add(ids=names(2), embeddings=vectors(2))
    return [
        ask(client.get_or_create_collection, "things", **BARE),
        ask(client.get_or_create_collection, "things", metadata={"b": 2},
            **BARE),
        ask(client.get_or_create_collection, "things",
            configuration={"hnsw": {"space": "cosine"}}, **BARE),
        ask(client.get_collection, "things", **BARE),
        ask(lambda: client.get_collection("things", **BARE).count()),
    ]


@scenario
def modify(desk):
    client = desk.client
    one = desk.collection("one", metadata={"a": 1, "b": "x"})
    one.add(ids=names(3), embeddings=vectors(3))
    answers = []

    def change(**changes):
        answers.append([ask(one.modify, **changes), ask(lambda: one),
                        listed(client)])
    change(name="renamed")
    change(name="renamed")
    change(name="a")
    change(metadata={"c": 2.5})
    change(metadata={"d": True, "text": "x"})
    change(metadata={})
    change(metadata={"hnsw:space": "cosine"})
    change(name="again", metadata={"e": "f"})
    change()
    change(configuration={"hnsw": {"ef_search": 7}})
    change(configuration={"hnsw": {"space": "ip"}})
    change(configuration={"hnsw": {"num_threads": 3, "batch_size": 50,
                                   "sync_threshold": 500}})
    answers += [ask(client.get_collection, "one", **BARE),
                ask(client.get_collection, "again", **BARE), ask(one.count)]
    client.delete_collection("again")
    answers += [ask(one.modify, name="gone"), ask(one.count),
                ask(one.add, ids=["x"], embeddings=[vector(1)]),
                ask(one.get), ask(one.query, query_embeddings=[vector(1)]),
                ask(one.delete, ids=["x"]),
                ask(one.update, ids=["x"], metadatas=[{"y": 1}])]
    return answers


@scenario
def configurations(desk):
    tried = {
        "space_l2": {"hnsw": {"space": "l2"}},
        "space_cosine": {"hnsw": {"space": "cosine"}},
        "space_ip": {"hnsw": {"space": "ip"}},
        "space_wrong": {"hnsw": {"space": "manhattan"}},
        "all_hnsw": {"hnsw": {"space": "cosine", "ef_construction": 50,
                              "ef_search": 33, "max_neighbors": 8,
                              "resize_factor": 1.5, "sync_threshold": 50,
                              "batch_size": 40, "num_threads": 1}},
        "small_batch": {"hnsw": {"batch_size": 1, "sync_threshold": 1}},
        "batch_over_sync": {"hnsw": {"batch_size": 200,
                                     "sync_threshold": 100}},
        "zero_ef": {"hnsw": {"ef_search": 0}},
        "negative_ef": {"hnsw": {"ef_search": -1}},
        "unknown_key": {"hnsw": {"speed": 3}},
        "text_for_number": {"hnsw": {"ef_search": "many"}},
        "empty": {}, "empty_hnsw": {"hnsw": {}},
        "spann": {"spann": {"space": "cosine"}},
        "both": {"hnsw": {"space": "l2"}, "spann": {"space": "l2"}},
    }
    return {name: [ask(desk.client.create_collection, f"c_{name}",
                       configuration=configuration, **BARE),
                   ask(desk.client.get_collection, f"c_{name}", **BARE)]
            for name, configuration in tried.items()}


@scenario
def legacy_metadata(desk):
    """hnsw:space and its like among the metadata."""
    tried = {
        "cosine": {"hnsw:space": "cosine"},
        "ip_and_more": {"hnsw:space": "ip", "about": "x"},
        "all": {"hnsw:space": "l2", "hnsw:construction_ef": 50,
                "hnsw:M": 8, "hnsw:search_ef": 20, "hnsw:num_threads": 2,
                "hnsw:batch_size": 30, "hnsw:sync_threshold": 60,
                "hnsw:resize_factor": 1.4},
        "wrong_space": {"hnsw:space": "manhattan"},
        "wrong_type": {"hnsw:M": "many"},
        "unknown": {"hnsw:speed": 3},
    }
    answers = {name: [ask(desk.client.create_collection, f"c_{name}",
                          metadata=metadata, **BARE),
                      ask(desk.client.get_collection, f"c_{name}", **BARE)]
               for name, metadata in tried.items()}
    answers["both"] = ask(
        desk.client.create_collection, "c_both_ways",
        metadata={"hnsw:space": "cosine"},
        configuration={"hnsw": {"space": "ip"}}, **BARE)
    return answers


@register_embedding_function
class Lengths(EmbeddingFunction[Documents]):
    """Of a text: its length, its spaces, its vowels."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def __call__(self, input: Documents) -> Embeddings:
        return [[self.scale * len(text), float(text.count(" ")),
                 float(sum(text.count(v) for v in "aeiou"))]
                for text in input]

    @staticmethod
    def name():
        return "lengths"

    def get_config(self):
        return {"scale": self.scale}

    @staticmethod
    def build_from_config(config):
        return Lengths(config["scale"])

    def default_space(self):
        return "l2"

    def supported_spaces(self):
        return ["l2", "cosine", "ip"]


@scenario
def embedding_functions(desk):
    """Kept by the server, made again from what it kept."""
    client = desk.client
    made = client.create_collection("things", embedding_function=Lengths(2.0))
    made.add(ids=names(3), documents=["a short one", "one", "a longer text"])
    found = client.get_collection("things")  # by its configuration
    answers = [ask(lambda: made), ask(lambda: found),
               ask(found.query, query_texts=["a long text"], n_results=2),
               ask(found.get, include=["embeddings", "documents"]),
               listed(client),
               ask(client.get_collection, "things",
                   embedding_function=functions.DefaultEmbeddingFunction())]
    found.update(ids=["r1"], documents=["now another text"])
    found.upsert(ids=["r1", "r3"], documents=["one more", "and the last"])
    answers += [ask(found.get, include=["embeddings", "documents"]),
                ask(found.count)]
    legacy = client.get_or_create_collection(
        "by_configuration", configuration={
            "embedding_function": Lengths(3.0), "hnsw": {"space": "cosine"}})
    answers += [ask(lambda: legacy),
                ask(client.get_collection, "by_configuration")]
    return answers


@scenario
def schemas(desk):
    client = desk.client
    made = client.create_collection("things", metadata={"hnsw:space": "ip"},
                                    **BARE)

    def of(collection):
        schema = collection.schema
        return schema.serialize_to_json() if schema else None
    return [ask(of, made), ask(of, client.get_collection("things", **BARE))]
