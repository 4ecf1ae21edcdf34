"""Chroma's REST API v2 as sheaf serves it, by hand: no client between."""

import base64
import struct

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
COLLECTIONS = DATABASE + "/collections"


def packed(vector):
    """As the official clients send it."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


class Refused(Exception):
    """Status, name and message of a reply that says no."""

    def __init__(self, reply):
        body = reply.json()
        self.status = reply.status_code
        self.name = body["error"]
        self.message = body["message"]
        super().__init__(f"{self.status} {self.name}: {self.message}")


def call(server, method, path, **kw):
    """The JSON of a reply that must be one of success."""
    reply = server.request(method, path, **kw)
    if reply.status_code >= 400:
        raise Refused(reply)
    return reply.json()


class Collection:
    def __init__(self, server, row):
        self.server = server
        self.row = row
        self.path = f"{COLLECTIONS}/{row['id']}"

    @classmethod
    def create(cls, server, name, **body):
        return cls(server, call(server, "POST", COLLECTIONS,
                                json={"name": name, **body}))

    @classmethod
    def named(cls, server, name):
        return cls(server, call(server, "GET", f"{COLLECTIONS}/{name}"))

    def at(self, server):
        """The same one, asked of another process."""
        return Collection(server, self.row)

    def _post(self, verb, body):
        return call(self.server, "POST", f"{self.path}/{verb}", json=body)

    def add(self, ids, embeddings, **columns):
        return self._post("add", {"ids": ids, "embeddings": embeddings,
                                  **columns})

    def upsert(self, ids, embeddings, **columns):
        return self._post("upsert", {"ids": ids, "embeddings": embeddings,
                                     **columns})

    def update(self, ids, **columns):
        return self._post("update", {"ids": ids, **columns})

    def get(self, **body):
        return self._post("get", body)

    def query(self, *vectors, **body):
        return self._post("query", {"query_embeddings": list(vectors), **body})

    def remove(self, **body):
        return self._post("delete", body)["deleted"]

    def count(self):
        return call(self.server, "GET", f"{self.path}/count")

    def show(self):
        return call(self.server, "GET", f"{COLLECTIONS}/by-id/{self.row['id']}")

    def change(self, **body):
        return call(self.server, "PUT", self.path, json=body)

    def drop(self):
        return call(self.server, "DELETE",
                    f"{COLLECTIONS}/{self.row['name']}")
