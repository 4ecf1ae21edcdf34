"""OpenAI's embeddings API, over HTTP and with the clients that people use."""

import array
import base64
import json
import math
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

import pytest

from support.raw import many
from support.sheaf import REPO, binary, clean_env
from support.waiting import wait_until

MODEL = "all-MiniLM-L6-v2"
DIM = 384
VOCABULARY = 30522
MAX_INPUTS = 10000
ALL = {"services": "scraper,backend,processor,analytics,web"}
TEXTS = ["A man is eating food.", "A man is eating a meal.",
         "The rate law of a chemical reaction."]


@pytest.fixture(scope="session")
def model_dir():
    """The folder of the model; tests that need it are skipped without."""
    path = pathlib.Path(os.environ.get(
        "SHEAF_TEST_MODEL", pathlib.Path(binary()).parent / "model"))
    if not (path / "model.safetensors").is_file():
        pytest.skip(f"no model in {path}: run scripts/fetch-model.sh {path}, "
                    "or set SHEAF_TEST_MODEL")
    return path.resolve()


@pytest.fixture(scope="session")
def desk(standing, model_dir):
    """One long-lived server with the model."""
    with standing("embeddings", model_dir=model_dir, **ALL) as server:
        yield server


def ask(server, headers=None, **body):
    body.setdefault("model", MODEL)
    return server.post("/v1/embeddings", json=body, headers=headers,
                       timeout=300)


def embedded(server, input, **more):
    """The vectors of a call that must succeed."""
    reply = ask(server, input=input, **more)
    assert reply.status_code == 200, reply.text[:1000]
    data = reply.json()["data"]
    assert [item["index"] for item in data] == list(range(len(data)))
    for item in data:
        assert set(item) == {"object", "index", "embedding"}
        assert item["object"] == "embedding"
    return [item["embedding"] for item in data]


def check_unit(vector):
    assert len(vector) == DIM
    assert all(math.isfinite(x) for x in vector)
    assert math.isclose(sum(x * x for x in vector), 1, abs_tol=1e-4)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b))


def refused(reply, status=400, param="input"):
    """The message of an error in OpenAI's envelope."""
    assert reply.status_code == status, (reply.status_code, reply.text[:500])
    error = reply.json()["error"]
    assert set(error) >= {"message", "type", "param", "code"}
    assert error["param"] == param
    if 400 <= status < 500 and status != 429:
        assert error["type"] == "invalid_request_error"
    return error["message"]


# -- what a call gives ---------------------------------------------------------

def test_shape(desk):
    reply = ask(desk, input=TEXTS[0])
    assert reply.status_code == 200
    body = reply.json()
    assert list(body) == ["object", "data", "model", "usage", "precision"]
    assert body["object"] == "list"
    assert body["model"] == MODEL
    # [CLS] a man is eating food . [SEP]
    assert body["usage"] == {"prompt_tokens": 8, "total_tokens": 8}
    assert body["precision"] in ("f32", "bf16", "int8")
    assert reply.headers["X-Sheaf-Precision"] == body["precision"]
    check_unit(body["data"][0]["embedding"])


def test_meaning(desk):
    food, meal, chemistry = embedded(desk, TEXTS, precision="f32")
    assert cosine(food, meal) > 0.7 > 0.2 > cosine(food, chemistry)


def test_known_values(desk):
    """As sentence-transformers gives them; f32 differs by rounding only."""
    (vector,) = embedded(desk, "hello world", precision="f32")
    known = [-0.0344772, 0.0310232, 0.0067350, 0.0261090, -0.0393620]
    assert all(abs(a - b) < 1e-5 for a, b in zip(vector, known)), vector[:5]


def test_base64_is_the_same(desk):
    floats = embedded(desk, TEXTS, precision="f32")
    packed = embedded(desk, TEXTS, precision="f32", encoding_format="base64")
    for numbers, text in zip(floats, packed):
        values = array.array("f", base64.b64decode(text, validate=True))
        assert list(values) == list(array.array("f", numbers))


def test_forms_of_input(desk):
    """One text, a list of it, its tokens, a list of them: the same vector."""
    ids = [1037, 2158, 2003, 5983, 2833, 1012]
    forms = [embedded(desk, form, precision="f32")
             for form in (TEXTS[0], [TEXTS[0]], ids, [ids])]
    for form in forms:
        assert len(form) == 1
        assert form == forms[0]
    assert embedded(desk, [ids, [7592]], precision="f32")[0] == forms[0][0]


def test_order_and_company_change_nothing(desk):
    """f32: a text's vector does not depend on what came with it."""
    many = [f"{text} {'word ' * (i % 90)}" for i in range(100)
            for text in TEXTS[:1]]
    together = embedded(desk, many, precision="f32")
    for i in (0, 1, 50, 99):
        (alone,) = embedded(desk, many[i], precision="f32")
        assert cosine(alone, together[i]) > 0.999999


def test_precisions(desk):
    (exact,) = embedded(desk, TEXTS[0], precision="f32")
    for name in ("bf16", "int8"):
        reply = ask(desk, input=TEXTS[0], precision=name)
        if reply.status_code == 400:
            assert name in refused(reply, param="precision")
            continue
        assert reply.json()["precision"] == name
        assert cosine(reply.json()["data"][0]["embedding"], exact) > 0.99
    message = refused(ask(desk, input="x", precision="f16"),
                      param="precision")
    assert "bf16" in message


@pytest.mark.parametrize("name", [
    MODEL, "sentence-transformers/" + MODEL, "text-embedding-ada-002",
    "text-embedding-3-small", "text-embedding-3-large"])
def test_names_of_the_model(desk, name):
    assert ask(desk, input="x", model=name).json()["model"] == MODEL


def test_dimensions(desk):
    assert len(embedded(desk, "x", dimensions=DIM)[0]) == DIM
    for wrong in (256, 1536, 0, -1):
        message = refused(ask(desk, input="x", dimensions=wrong),
                          param="dimensions")
        assert "384" in message


def test_long_text_is_cut(desk):
    words = "word " * 254
    usage = ask(desk, input=words + "more of it").json()["usage"]
    assert usage["prompt_tokens"] == 256
    assert (embedded(desk, words, precision="f32")
            == embedded(desk, words + "more of it", precision="f32"))


# -- hard texts ----------------------------------------------------------------

@pytest.mark.parametrize("text", [
    "a", "\u00e9", "\U0001f600", "\u4e2d\u6587\u5b57", "\u05e9\u05dc\u05d5\u05dd",
    "e\u0301\u0327" * 50, "\ufeff", " ", "\n\t", "\x01\x7f", "\u200d", "[SEP]",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\uac00\ub098\ub2e4",
    "x" * 1000000, "\u4e2d" * 300000, "\u0301" * 100000], ids=lambda t: repr(t)[:12])
def test_hard_texts(desk, text):
    (vector,) = embedded(desk, text)
    check_unit(vector)


@pytest.mark.parametrize("raw", [
    b'{"model":"all-MiniLM-L6-v2","input":"a\\u0000b"}',
    b'{"model":"all-MiniLM-L6-v2","input":"\\ud800"}',
    b'{"model":"all-MiniLM-L6-v2","input":"\xff\xfe"}',
    b'{"model":"all-MiniLM-L6-v2","input":"a"', b"", b"[]", b"\x00",
    b'{"model":"all-MiniLM-L6-v2","input":' + b"[" * 1000])
def test_not_json(desk, raw):
    reply = desk.post("/v1/embeddings", data=raw,
                      headers={"Content-Type": "application/json"})
    refused(reply, param=reply.json()["error"]["param"])


# -- wrong calls ---------------------------------------------------------------

@pytest.mark.parametrize("input, hint", [
    ("", "empty"), ([], "empty"), (["a", ""], "item 1"), ([""], "item 0"),
    ([[]], "item 0"), (["a", 1], "item 1"), ([1, "a"], "token 1"),
    ([[1], "a"], "item 1"), (["a", [1]], "item 1"), (5, "text"),
    (True, "text"), ({"a": 1}, "text"), ([None], "item 0"), ([1.5], "item 0"),
    ([[1.5]], "whole"), ([-1], "vocabulary"), ([VOCABULARY], "vocabulary"),
    ([[5], [VOCABULARY]], "item 1"), ([10 ** 15], "vocabulary"),
    (["a", None], "item 1")])
def test_wrong_input(desk, input, hint):
    assert hint in refused(ask(desk, input=input))


def test_wrong_fields(desk):
    assert "required" in refused(
        desk.post("/v1/embeddings", json={"model": MODEL}))
    assert "required" in refused(
        desk.post("/v1/embeddings", json={"input": "x"}), param="model")
    refused(ask(desk, input="x", encoding_format="hex"),
            param="encoding_format")
    refused(ask(desk, input="x", dimensions="384"), param="dimensions")
    message = refused(ask(desk, input="x", encoding_fromat="float"),
                      param="encoding_fromat")
    assert "encoding_format" in message
    assert ask(desk, input="x", user="somebody", dimensions=None,
               encoding_format=None).status_code == 200


def test_unknown_model(desk):
    reply = ask(desk, input="x", model="gpt-5")
    assert "gpt-5" in refused(reply, 404, "model")
    assert reply.json()["error"]["code"] == "model_not_found"


def test_tokens_of_another_vocabulary(desk):
    """LangChain sends OpenAI's tokens unless it is told not to."""
    message = refused(ask(desk, input=[[9906, 1917]],
                          model="text-embedding-ada-002"))
    assert "check_embedding_ctx_length=False" in message


def test_limits(desk):
    message = refused(ask(desk, input=["x"] * (MAX_INPUTS + 1)))
    assert str(MAX_INPUTS) in message
    reply = desk.post("/v1/embeddings", data=b" " * (9 << 20),
                      headers={"Content-Type": "application/json"})
    refused(reply, 413, None)


@pytest.mark.parametrize("form", ["float", "base64"])
def test_as_many_as_allowed(desk, form):
    """10,000 texts in one call: in order, streamed, and all of them."""
    texts = [f"paper {i}" for i in range(MAX_INPUTS)]
    vectors = embedded(desk, texts, encoding_format=form)
    assert len(vectors) == MAX_INPUTS
    for i in (0, 1023, 1024, 5000, MAX_INPUTS - 1):
        (alone,) = embedded(desk, texts[i], encoding_format=form)
        if form == "base64":
            alone, vectors[i] = (array.array("f", base64.b64decode(v))
                                 for v in (alone, vectors[i]))
        assert cosine(alone, vectors[i]) > 0.999


def test_envelope_of_the_surface(desk):
    refused(desk.get("/v1/embeddings"), 405, None)
    refused(desk.get("/v1/nothing"), 404, None)
    reply = desk.post("/v1/embeddings", data=b"input=x",
                      headers={"Content-Type": "text/plain"})
    refused(reply, 415, "Content-Type")


# -- models ----------------------------------------------------------------------

def test_models(desk):
    listed = desk.json("/v1/models")
    assert listed["object"] == "list"
    (entry,) = listed["data"]
    assert entry["id"] == MODEL
    assert set(entry) == {"id", "object", "created", "owned_by"}
    assert entry["object"] == "model"
    for name in (MODEL, "sentence-transformers/" + MODEL):
        assert desk.json("/v1/models/" + name) == entry
    for name in ("gpt-5", "a/b"):
        reply = desk.get("/v1/models/" + name)
        refused(reply, 404, "model")
        assert reply.json()["error"]["code"] == "model_not_found"


# -- keys, rates, leaving ----------------------------------------------------------

def test_any_key_will_do(desk):
    """And a client's made-up key locks nobody out."""
    for _ in range(30):
        reply = ask(desk, input="x", headers={"Authorization": "Bearer sk-x"})
        assert reply.status_code == 200
    assert desk.json("/session", headers=desk.bearer())["authorized"]


def test_private_reads_need_the_key(make_lite, model_dir):
    server = make_lite(model_dir=model_dir, private_reads="on", **ALL)
    reply = ask(server, input="x", headers={"Authorization": "Bearer sk-x"})
    refused(reply, 401, None)
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert ask(server, input="x",
               headers=server.bearer()).status_code == 200


def test_rate_of_strangers(make_lite, model_dir):
    """600 calls a minute of one address behind a proxy; not of the next one,
    not of who has the token."""
    server = make_lite(model_dir=model_dir, trusted_proxies="127.0.0.1",
                       public_url="http://localhost", **ALL)
    start = time.monotonic()
    replies = many(server, 1210, "POST", "/v1/embeddings",
                   "Content-Type: application/json",
                   "X-Forwarded-For: 203.0.113.9", body=b"{}")
    minutes = 2 + (time.monotonic() - start) // 60  # may have begun
    statuses = [reply.status for reply in replies]
    assert 600 <= statuses.count(400) <= 600 * minutes
    reply = replies[statuses.index(429)]
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert json.loads(reply.body)["error"]["code"] == "rate_limit_exceeded"
    assert set(statuses) == {400, 429}
    stranger = {"X-Forwarded-For": "203.0.113.9"}
    other = {"X-Forwarded-For": "203.0.113.10"}
    assert ask(server, headers=other, input="x").status_code == 200
    assert ask(server, headers={**stranger, **server.bearer()},
               input="x").status_code == 200


def queue_length(server):
    text = server.get("/metrics").text
    return int(next(line.split()[1] for line in text.splitlines()
                    if line.startswith("sheaf_embed_queue ")))


def test_leaving_cancels(desk):
    body = json.dumps({"model": MODEL, "precision": "f32",
                       "input": ["word " * 250] * 5000}).encode()
    head = (f"POST /v1/embeddings HTTP/1.1\r\nHost: {desk.host}\r\n"
            f"Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", desk.port)) as client:
        client.sendall(head + body)
        wait_until(lambda: queue_length(desk) > 0, 20, what="work")
    wait_until(lambda: queue_length(desk) == 0, 10, what="an empty queue")
    assert len(embedded(desk, TEXTS)) == 3


def test_a_query_overtakes(desk):
    """While a large call is worked on, a small one is answered."""
    done = threading.Event()

    def ingest():
        embedded(desk, ["word " * 250] * 300)
        done.set()

    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        wait_until(lambda: queue_length(desk) > 0, 20, what="work")
        embedded(desk, "a question")
        assert not done.is_set()
    finally:
        thread.join()


# -- without a model, or with a wrong one --------------------------------------------

def no_model(server):
    """The message of the 503."""
    reply = ask(server, input="x")
    message = refused(reply, 503, None)
    assert reply.json()["error"]["type"] == "server_error"
    assert reply.headers["X-Should-Retry"] == "false"
    assert server.get("/readyz").status_code == 503
    assert server.get("/healthz").status_code == 200
    assert server.get("/api/papers/").status_code == 200
    return message


def start_unready(factory, name, **settings):
    """A server that will not become ready, once it listens."""
    return factory.make(name, settings={**ALL, **settings}
                        ).start(until="/healthz")


def test_missing_model_and_its_arrival(make_lite, box, model_dir):
    place = box / "model"
    server = start_unready(make_lite, "late", model_dir=place)
    message = no_model(server)
    assert f"scripts/fetch-model.sh {place}" in message
    place.symlink_to(model_dir)
    wait_until(lambda: server.get("/readyz").status_code == 200, 20,
               what="readiness with the model in place")
    assert len(embedded(server, TEXTS)) == 3


def damaged_files(model_dir):
    """Name -> change of the folder's files."""
    def truncate(place):
        with open(place / "model.safetensors", "r+b") as file:
            file.truncate(1 << 20)

    def flip(place):
        with open(place / "model.safetensors", "r+b") as file:
            file.seek(50 << 20)
            byte = file.read(1)[0]
            file.seek(50 << 20)
            file.write(bytes([byte ^ 1]))

    def grow(place):
        with open(place / "model.safetensors", "ab") as file:
            file.write(b"\0" * 4096)

    def header(place):
        with open(place / "model.safetensors", "r+b") as file:
            file.write(b"\xff" * 8)

    def empty(place):
        (place / "model.safetensors").write_bytes(b"")

    def vocabulary(place):
        path = place / "vocab.txt"
        lines = path.read_text().split("\n")
        lines[5000], lines[5001] = lines[5001], lines[5000]
        path.write_text("\n".join(lines))

    return {f.__name__: f for f in (truncate, flip, grow, header, empty,
                                    vocabulary)}


@pytest.mark.parametrize("name", sorted(damaged_files(None)))
def test_damaged_model(make_lite, box, model_dir, name):
    place = box / "model"
    place.mkdir()
    for file in ("model.safetensors", "vocab.txt"):
        shutil.copyfile(model_dir / file, place / file)
    damaged_files(model_dir)[name](place)
    server = start_unready(make_lite, "damaged", model_dir=place)
    message = no_model(server)
    assert ("vocabulary" if name == "vocabulary" else "weights") in message
    assert server.log().count(str(place)) > 0


# -- the clients -----------------------------------------------------------------

def test_openai_client(desk):
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=desk.url + "/v1", api_key="unused")
    reply = client.embeddings.create(model=MODEL, input=TEXTS)
    assert [len(item.embedding) for item in reply.data] == [DIM] * 3
    assert reply.usage.prompt_tokens == reply.usage.total_tokens > 0
    assert reply.model == MODEL
    floats = client.embeddings.create(model=MODEL, input=TEXTS,
                                      encoding_format="float")
    for a, b in zip(reply.data, floats.data):
        assert cosine(a.embedding, b.embedding) > 0.99999
    exact = client.embeddings.create(model=MODEL, input=TEXTS[0],
                                     extra_body={"precision": "f32"})
    assert exact.precision == "f32"
    assert client.embeddings.create(model="text-embedding-3-small",
                                    input="x").model == MODEL
    assert [entry.id for entry in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == "sentence-transformers"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-5")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=MODEL, input="x", dimensions=5)
    assert caught.value.param == "dimensions"


def test_openai_client_without_model(make_lite, box):
    openai = pytest.importorskip("openai")
    server = start_unready(make_lite, "bare", model_dir=box / "none")
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="unused")
    with pytest.raises(openai.InternalServerError) as caught:
        client.embeddings.create(model=MODEL, input="x")
    assert "scripts/fetch-model.sh" in caught.value.message


@pytest.mark.parametrize("model", [MODEL, "text-embedding-ada-002"])
def test_langchain(desk, model):
    langchain = pytest.importorskip("langchain_openai")
    # check_embedding_ctx_length: LangChain's own way to say "not OpenAI's
    # tokens"; see its documentation of OpenAI-compatible servers.
    embeddings = langchain.OpenAIEmbeddings(
        base_url=desk.url + "/v1", api_key="unused", model=model,
        check_embedding_ctx_length=False)
    vectors = embeddings.embed_documents(TEXTS)
    assert cosine(vectors[0], vectors[1]) > 0.7
    assert cosine(embeddings.embed_query(TEXTS[0]), vectors[0]) > 0.999


def test_openai_javascript_client(desk, js_dir):
    done = subprocess.run(["node", "embeddings.mjs", desk.url + "/v1"],
                          cwd=js_dir, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    for a, b in zip(seen["base64"], seen["float"]):
        assert cosine(a, b) > 0.99999
    assert [len(v) for v in seen["float"]] == [DIM, DIM]
    assert seen["usage"]["prompt_tokens"] > 8
    assert seen["model"] == seen["one"] == MODEL
    assert seen["models"] == [MODEL]
    assert seen["missing"] == "model_not_found"
    assert seen["wrong"] == "dimensions"


# -- sheaf embed -------------------------------------------------------------------

def embed(box, model_dir, *args, input=b"", status=0):
    done = subprocess.run(
        [binary(), "embed", "--model-dir", str(model_dir), *map(str, args)],
        input=input, capture_output=True, timeout=120, check=False,
        env=clean_env(box))
    assert done.returncode == status, done.stderr
    return done


def test_command_lines(box, model_dir, desk):
    lines = TEXTS + ["", "\u4e2d\u6587"]
    done = embed(box, model_dir, "--precision", "f32",
                 input="\r\n".join(lines).encode())
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["index"] for row in rows] == list(range(5))
    assert [row["tokens"] for row in rows][3] == 2
    assert ([row["embedding"] for row in rows[:3]]
            == embedded(desk, TEXTS, precision="f32"))
    assert b"5 texts" in done.stderr and b"tokens/s" in done.stderr
    assert list(box.iterdir()) == []  # it leaves nothing behind


def test_command_raw_and_files(box, model_dir):
    for i in range(3):
        (box / f"{i}.txt").write_text(f"{TEXTS[i]}\n")
    files = [box / f"{i}.txt" for i in range(3)]
    raw = embed(box, model_dir, "--format", "f32", "--quiet", *files)
    assert raw.stderr == b""
    assert len(raw.stdout) == 3 * DIM * 4
    vector = array.array("f", raw.stdout[:DIM * 4])
    check_unit(vector)
    embed(box, model_dir, box / "none.txt", status=1)


def test_command_tokens_and_jsonl(box, model_dir):
    done = embed(box, model_dir, "--tokens", "--jsonl",
                 input=b'"caf\\u00e9\\nunbelievable"\n{"text":"a"}\n')
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0]["tokens"] == ["cafe", "unbelievable"]
    assert rows[0]["offsets"] == [[0, 5], [6, 18]]
    assert rows[1]["ids"] == [1037]
    done = embed(box, model_dir, "--jsonl", input=b'"a"\n[1]\n', status=1)
    assert b"line 2" in done.stderr
    embed(box, model_dir, "--format", "xml", status=2)


def test_command_answers_at_a_pause(box, model_dir):
    """A program at the other end of the pipe need not close it."""
    with subprocess.Popen(
            [binary(), "embed", "--model-dir", str(model_dir), "--quiet"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=clean_env(box)) as process:
        for i in range(3):
            process.stdin.write(f"{TEXTS[i]}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["index"] == i
        process.stdin.close()
        assert process.wait(20) == 0


def test_command_without_model(box):
    done = embed(box, box / "none", status=1)
    assert b"scripts/fetch-model.sh" in done.stderr
