"""Chroma's official clients, before its own server and before ours.

The scenarios (tests/chroma_client, tests/js/chroma.mjs) put the same questions
to both, and what they answer must be equal: numbers to 1e-5, all else exactly.
Where we mean to answer otherwise, OTHERWISE says what and why.
"""

import json
import subprocess

import pytest

from support import chroma, papers
from support.documents import ALL_SERVICES, GUIDE, add

# These are looked at by a test of their own.
ALONE = ("otherwise", "sheafs_own_collections", "tokens")
SCENARIOS = [name for name in chroma.scenarios() if name not in ALONE]

# {question: (their answer, ours)}; why is said beside it.
OTHERWISE = {
    # Theirs: an SQL error with status 500.
    "rename to a name that is taken": ("InternalError", "ChromaError"),
    # Theirs: a status of 500; get() passes over such an id.
    "query with an id that is not there": ("InternalError", [["r1"]]),
    # Theirs counts what was asked for.
    "deleted, of one that is there": ({"deleted": 2}, {"deleted": 1}),
    # Theirs keeps texts among the metadata, and that can be seen.
    "text of a document as metadata": (["r3"], []),
    # Ours is more strict: most likely a mistake.
    "a repetition repeated": (4, "InvalidArgumentError"),
    # Ours has limits here and in the two after the next.
    "twenty conditions deep": (["r1"], "InvalidArgumentError"),
    # PostgreSQL cannot keep it.
    "a text with NUL": (None, "InvalidArgumentError"),
    "very short": (None, "InvalidArgumentError"),
    "very long": (None, "InvalidArgumentError"),
    # Theirs: of Chroma's cloud only.
    "how much is indexed": ("InternalError", 4),
    # Theirs drops both without a word.
    "an empty list and a reserved key": ([{}],
                                         [{"none": [], "chroma:x": 1}]),
    # Theirs panics and closes the connection.
    "lists for a collection": ("RemoteProtocolError",
                               {"text": ["a", "b"], "ints": [1, 2]}),
    "lists for a changed one": ("RemoteProtocolError", None),
}

MISSING = "<missing>"

# What Chroma says in the words of its JSON reader and of its regex library: of
# these only the class of the error, or its status and name, are compared.
ITS_LIBRARIES = ("Failed to deserialize", "Failed to parse the request body",
                 "Regex syntax errror", "Validation error: name: Validation "
                 "error: length", "Validation error: metadatas: Invalid",
                 "Invalid base64 string")


def same_words(theirs, ours):
    """We may say more than Chroma does: which field, which switch."""
    return (isinstance(ours, str) and ours.startswith(theirs)
            or theirs.startswith(ITS_LIBRARIES))


def differences(theirs, ours, at=""):
    """The places at which two answers differ: {place: (theirs, ours)}"""
    if isinstance(theirs, float) and isinstance(ours, float):
        same = abs(theirs - ours) <= 1e-5 * max(1, abs(theirs))
        return {} if same else {at: (theirs, ours)}
    if isinstance(theirs, dict) and isinstance(ours, dict):
        pairs = [(f".{key}", theirs.get(key, MISSING), ours.get(key, MISSING))
                 for key in sorted({*theirs, *ours})]
    elif (isinstance(theirs, list) and isinstance(ours, list)
          and len(theirs) == len(ours)):
        pairs = [(f"[{i}]", *pair) for i, pair in enumerate(zip(theirs, ours))]
    else:
        same = (type(theirs) is type(ours) and theirs == ours
                or at.endswith((".says", ".message"))
                and same_words(theirs, ours))
        return {} if same else {at: (theirs, ours)}
    found = {}
    for place, one, other in pairs:
        found |= differences(one, other, at + place)
    return found


def compare(theirs, ours):
    found = differences(theirs, ours)
    assert not found, "\n" + "\n".join(
        f"{place}\n   theirs {pair[0]!r}\n   ours   {pair[1]!r}"
        for place, pair in found.items())


# -- the servers --------------------------------------------------------------------

@pytest.fixture(scope="module")
def ours(work_dir, layout, database, model_dir):
    """One long-lived server on each database, with a paper and a document."""
    url = database.create()
    settings = {**database.settings, "model_dir": model_dir,
                "services": ALL_SERVICES}
    with layout.sheaf(work_dir / f"clients-{database.name}" / "data", url,
                      settings=settings) as server:
        server.delivered(papers.call(papers.papers(1, 5)))
        add(server, GUIDE)
        yield server
    if url:
        database.drop(url)


def client_of(url, work_dir, ours, token=None):
    client = chroma.Client(url, work_dir / "chroma-client.log", token,
                           embeddings=ours.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def our_client(ours, work_dir):
    yield from client_of(ours.url, work_dir, ours, ours.token())


@pytest.fixture(scope="module")
def their_client(chroma_server, ours, work_dir):
    yield from client_of(chroma_server.url, work_dir, ours)


# What the real server answered: it is asked once, for all of our databases.
THEIRS = {}


def theirs(name, ask, *args):
    if name not in THEIRS:
        THEIRS[name] = ask(*args)
    return THEIRS[name]


# -- the Python client --------------------------------------------------------------

@pytest.mark.parametrize("name", SCENARIOS)
def test_python_client(our_client, their_client, name):
    compare(theirs(name, their_client.ask, name), our_client.ask(name))


def test_what_we_mean_otherwise(our_client, their_client):
    expected = theirs("otherwise", their_client.ask, "otherwise")
    assert expected == {q: pair[0] for q, pair in OTHERWISE.items()}
    assert our_client.ask("otherwise") == {
        q: pair[1] for q, pair in OTHERWISE.items()}


def test_own_collections(our_client):
    told = our_client.ask("sheafs_own_collections")
    assert {"papers", "portfolio_documents"} <= set(told.pop("listed"))
    for name, answers in told.items():
        assert answers["count"] == answers["left"] > 0, name
        assert answers["id again"] and len(
            answers["first"]["embeddings"][0]) == 384
        assert answers["configuration"]["hnsw"]["space"] == "cosine"
        first = answers["first"]["ids"]
        assert answers["query"]["ids"][0][0] == first[0]
        assert abs(answers["query"]["distances"][0][0]) < 1e-5
        assert answers["by id"]["ids"] == first
        assert answers["by id"]["documents"] == answers["first"]["documents"]
        assert answers["where_document"]["ids"] == []
        for write in ("add", "upsert", "update", "delete", "modify",
                      "remove", "create"):
            assert answers[write].get("raises"), (name, write)
            assert name in answers[write]["says"], (name, write)
        assert answers["get or create"]["name"] == name


def test_tokens(our_client):
    """A client behind a proxy may write with the token, in either header."""
    told = our_client.ask("tokens")
    for name in ("none", "wrong"):
        assert told[name][0]["raises"] == "AuthorizationError"
        assert "sheaf token" in told[name][0]["says"]
        assert told[name][1:] == [0]  # it may read
    assert told["bearer"] == ["by_bearer", 1, None, [["r1", "r0"]]]
    assert told["chroma"] == ["by_chroma", 2, None, [["r1", "r0"]]]


# -- the JavaScript client ------------------------------------------------------------

def javascript_answers(js_dir, *args):
    done = subprocess.run(["node", "chroma.mjs", *args], cwd=js_dir,
                          capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_javascript_client(ours, make_chroma, js_dir):
    """The real one is new: see Desk._give_numbers() in asking.py."""
    compare(theirs("javascript", lambda: javascript_answers(
                js_dir, make_chroma().url)),
            javascript_answers(js_dir, ours.url, ours.token()))
