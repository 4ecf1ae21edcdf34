"""What all scenarios are written with: a client, and answers as plain data."""

import random
import re
import uuid

import chromadb
import numpy
from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT, Settings

SCENARIOS = {}

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The client adds the name of its method to what it says itself, and Chroma's
# JSON reader the place at which it stood.
_CALL = re.compile(r" in (add|get|query|update|upsert|delete)\.$")
_PLACE = re.compile(r" at line \d+ column \d+$")


def scenario(function):
    """Add a function(desk) to those that are run."""
    SCENARIOS[function.__name__] = function
    return function


def settings(token=None, header="Authorization"):
    if token is None:
        return Settings(anonymized_telemetry=False)
    return Settings(
        anonymized_telemetry=False,
        chroma_client_auth_provider="chromadb.auth.token_authn."
                                    "TokenAuthClientProvider",
        chroma_client_auth_credentials=token,
        chroma_auth_token_transport_header=header)


class Desk:
    """One scenario's place: a client in a database of its own."""

    def __init__(self, url, token, name):
        self.url = url
        self.token = token
        self.database = name
        self.address = {"host": url.split("//")[1].rsplit(":", 1)[0],
                        "port": int(url.rsplit(":", 1)[1])}
        self.admin = chromadb.AdminClient(Settings(**{
            **settings(token).model_dump(),
            "chroma_api_impl": "chromadb.api.fastapi.FastAPI",
            "chroma_server_host": self.address["host"],
            "chroma_server_http_port": self.address["port"]}))
        self._give_numbers(f"{name}_before")
        self.admin.create_database(name)
        self.client = self.connect(name)

    def _give_numbers(self, database):
        """Chroma gives the number of a record that was deleted to the next one,
        which then has the lists in that one's metadata.  Here are some that may
        have them: what a scenario is told does not depend on those before."""
        self.admin.create_database(database)
        taken = self.connect(database).create_collection(
            "taken", embedding_function=None)
        taken.add(ids=names(100), embeddings=vectors(100))
        assert taken.count() == 100  # and now they have their numbers

    def connect(self, database=DEFAULT_DATABASE, tenant=DEFAULT_TENANT,
                **more):
        return chromadb.HttpClient(**self.address, tenant=tenant,
                                   database=database,
                                   settings=settings(self.token, **more))

    def collection(self, name="things", **more):
        more.setdefault("embedding_function", None)
        return self.client.create_collection(name, **more)


def vector(seed, dimension=4):
    """Some direction, the same one for the same seed; exact as float32."""
    chance = random.Random(f"{seed}/{dimension}")
    return [chance.randint(-1024, 1024) / 512 for _ in range(dimension)]


def vectors(count, dimension=4, start=0):
    return [vector(i, dimension) for i in range(start, start + count)]


def names(count, start=0):
    return [f"r{i}" for i in range(start, start + count)]


def plain(value):
    """As JSON has it; ids of collections are not to be compared."""
    if isinstance(value, numpy.ndarray):
        return plain(value.tolist())
    if isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, uuid.UUID):
        return "<id>"
    if isinstance(value, str):
        return _UUID.sub("<id>", value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if hasattr(value, "get_model"):
        return collection_as_told(value)
    raise TypeError(f"no plain form of {type(value)}")


def collection_as_told(collection):
    model = collection.get_model()
    return {"name": collection.name, "metadata": plain(collection.metadata),
            "configuration": plain(collection.configuration_json),
            "dimension": model.dimension, "tenant": collection.tenant,
            "database": collection.database}


def ask(function, *args, **kw):
    """The answer, or what was raised instead."""
    try:
        return plain(function(*args, **kw))
    except Exception as err:  # whatever: it is an answer, too
        return raised(err)


def raised(err):
    return {"raises": type(err).__name__, "says": message(str(err))}


def message(text):
    return plain(_PLACE.sub("", _CALL.sub("", text)))


def listed(client, *args):
    """Collections in the order of their names: Chroma's own is by id."""
    return ask(lambda: sorted(client.list_collections(*args),
                              key=lambda c: c.name))
