"""A stand-in for an OpenAI-compatible chat server.

`play` is what it does with a request: a function of the handler, made by those
below.  It notes what it is asked, and whether its client closed the connection
before the answer's end.
"""

import collections
import json
import select
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Asked = collections.namedtuple("Asked", "path headers body")


def delta(text, finish=None):
    """One event of a stream."""
    return b"data: " + json.dumps({
        "id": "1", "object": "chat.completion.chunk", "model": "fake-1",
        "choices": [{"index": 0, "finish_reason": finish,
                     "delta": {"content": text}}]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
FIRST = delta(None)  # the role alone, as llama.cpp begins


def says(*pieces, finish="stop"):
    """A stream of these pieces, in order."""
    return sends(FIRST, *map(delta, pieces), delta("", finish), DONE)


def sends(*parts):
    """A stream of these bytes, and its end."""
    def play(handler):
        handler.begin()
        for part in parts:
            handler.chunk(part)
        handler.chunk(b"")
    return play


def breaks(*parts):
    """The same, but the connection is cut before the end."""
    def play(handler):
        handler.begin()
        for part in parts:
            handler.chunk(part)
        handler.cut()
    return play


def stalls(*parts):
    """These bytes, and then nothing until the client has left."""
    def play(handler):
        handler.begin()
        for part in parts:
            handler.chunk(part)
        handler.wait_for_close()
    return play


def steps(*parts):
    """Each part after the first waits for owner.step()."""
    def play(handler):
        handler.begin()
        for i, part in enumerate(parts):
            if i and not handler.server.owner.stepped.acquire(timeout=30):
                return
            handler.chunk(part)
        handler.chunk(b"")
    return play


def endless(part):
    """This part again and again until the client has left."""
    def play(handler):
        handler.begin()
        while not handler.server.owner.closing.is_set():
            handler.chunk(part)
    return play


def silent():
    """Not even a status line."""
    return lambda handler: handler.wait_for_close()


def status(code, body=b"", **headers):
    """This status and body; words of headers use _ for -."""
    def play(handler):
        handler.whole(code, body, **headers)
    return play


def whole(text, finish="stop"):
    """One JSON object: a server that knows no streams."""
    return status(200, json.dumps({
        "id": "1", "object": "chat.completion", "model": "fake-1",
        "choices": [{"index": 0, "finish_reason": finish,
                     "message": {"role": "assistant", "content": text}}]}
    ).encode(), Content_Type="application/json")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def whole(self, code, body, **headers):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def cut(self):
        self.close_connection = True
        self.connection.close()

    def wait_for_close(self):
        owner = self.server.owner
        while not owner.closing.is_set():
            ready, _, _ = select.select([self.connection], [], [], 0.05)
            if ready and not self.connection.recv(1):
                raise ConnectionResetError
        self.close_connection = True

    def do_POST(self):
        owner = self.server.owner
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        owner.requests.append(Asked(self.path, self.headers, json.loads(raw)))
        try:
            owner.play(self)
        except OSError:
            self.close_connection = True
            owner.left.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """A client that goes away is part of the tests, not news."""


class FakeLlm:
    """The server; `url` is what `llm_url` is set to."""

    def __init__(self):
        self.closing = threading.Event()
        self.reset()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.owner = self
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.02,), daemon=True)
        self.thread.start()

    def reset(self):
        self.play = says("I do not know.")
        self.requests = []
        self.left = threading.Event()  # a client did not wait for the end
        self.stepped = threading.Semaphore(0)

    def step(self):
        self.stepped.release()

    @property
    def messages(self):
        """What it was asked last."""
        return self.requests[-1].body["messages"]

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
