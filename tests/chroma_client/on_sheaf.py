"""What only sheaf has: its token, its own collections, its embeddings."""

import os

import chromadb
import httpx
from chromadb import Documents, EmbeddingFunction, Embeddings
from chromadb.utils.embedding_functions import register_embedding_function

from asking import ask, names, raised, scenario, settings, vector, vectors


@register_embedding_function
class FromServer(EmbeddingFunction[Documents]):
    """Texts to vectors by POST /v1/embeddings of some server."""

    def __init__(self, url):
        self.url = url

    def __call__(self, input: Documents) -> Embeddings:
        reply = httpx.post(self.url + "/v1/embeddings", trust_env=False,
                           json={"input": list(input),
                                 "model": "all-MiniLM-L6-v2"})
        reply.raise_for_status()
        return [row["embedding"] for row in reply.json()["data"]]

    @staticmethod
    def name():
        return "from_server"

    def get_config(self):
        return {"url": self.url}

    @staticmethod
    def build_from_config(config):
        return FromServer(config["url"])

    def default_space(self):
        return "cosine"

    def supported_spaces(self):
        return ["cosine"]


@scenario
def texts_embedded_by_sheaf(desk):
    """Its embeddings, whoever keeps them."""
    function = FromServer(os.environ["SHEAF_TEST_EMBEDDINGS"])
    things = desk.collection(embedding_function=function,
                             configuration={"hnsw": {"space": "cosine"}})
    things.add(ids=names(4), documents=[
        "A pod is the smallest unit of Kubernetes.",
        "Simmer the onions in broth.",
        "Attention weighs each word by the others.",
        "Satellites photograph the forest every week."])
    answers = [ask(things.query, query_texts=[text], n_results=2)
               for text in ("how to make soup", "transformer networks",
                            "running containers")]
    found = desk.client.get_collection("things")
    answers.append(ask(found.query, query_texts=["remote sensing"]))
    return answers


@scenario
def sheafs_own_collections(desk):
    """papers and portfolio_documents: to be read, not to be written."""
    client = desk.connect()
    answers = {"listed": sorted(c.name for c in client.list_collections())}
    for name in ("papers", "portfolio_documents"):
        own = client.get_collection(name, embedding_function=None)
        first = own.get(limit=1, include=["embeddings", "documents",
                                          "metadatas"])
        at = [first["embeddings"][0]]
        answers[name] = {
            "first": ask(lambda f=first: f), "count": ask(own.count),
            "id again": client.get_collection(
                name, embedding_function=None).id == own.id,
            "configuration": ask(lambda o=own: o)["configuration"],
            "query": ask(own.query, query_embeddings=at, n_results=2),
            "by id": ask(own.get, ids=first["ids"]),
            "where_document": ask(
                own.get, where_document={"$contains": "no such words"}),
            "add": ask(own.add, ids=["x"], embeddings=at),
            "upsert": ask(own.upsert, ids=first["ids"], embeddings=at),
            "update": ask(own.update, ids=first["ids"], embeddings=at),
            "delete": ask(own.delete, ids=first["ids"]),
            "modify": ask(own.modify, name="mine"),
            "remove": ask(client.delete_collection, name),
            "create": ask(client.create_collection, name,
                          embedding_function=None),
            "get or create": ask(client.get_or_create_collection, name,
                                 embedding_function=None),
            "left": ask(own.count),
        }
    return answers


@scenario
def tokens(desk):
    """As a client behind a proxy: which is nobody without the token."""
    answers = {}
    for name, chosen in (
            ("none", settings()), ("wrong", settings("not-the-token")),
            ("bearer", settings(desk.token)),
            ("chroma", settings(desk.token, "X-Chroma-Token"))):
        try:
            client = chromadb.HttpClient(
                **desk.address, database=desk.database, settings=chosen,
                headers={"X-Forwarded-For": "203.0.113.7"})
        except Exception as err:
            answers[name] = raised(err)
            continue
        made = ask(client.create_collection, f"by_{name}",
                   embedding_function=None)
        answers[name] = [made.get("name", made), ask(client.count_collections)]
        if "name" in made:
            things = client.get_collection(f"by_{name}",
                                           embedding_function=None)
            answers[name] += [
                ask(things.add, ids=names(2), embeddings=vectors(2)),
                ask(lambda t=things: t.query(
                    query_embeddings=[vector(1)])["ids"])]
    return answers
