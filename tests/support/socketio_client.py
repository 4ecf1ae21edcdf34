"""socketio_client.py URL polling|websocket|upgrade - what python-socketio
makes of the test server; prints one JSON object."""

import json
import os
import queue
import sys

import socketio

url, mode = sys.argv[1:]
transports = {"polling": ["polling"], "websocket": ["websocket"]}.get(
    mode, ["polling", "websocket"])


class Client:
    """A client whose events are fetched from queues."""

    def __init__(self, auth=None, namespaces=("/",)):
        self.io = socketio.Client(reconnection=False)
        self.seen = {}
        for nsp in namespaces:
            self.io.on("*", self.note, namespace=nsp)
        self.io.on("connect_error", lambda why: self.note("refused", why),
                   namespace=namespaces[-1])
        self.io.on("disconnect", lambda *_: self.note("gone"))
        self.io.on("question", lambda what: what + "!")
        self.io.connect(url, auth=auth, transports=transports,
                        namespaces=list(namespaces))

    def queue(self, name):
        return self.seen.setdefault(name, queue.Queue())

    def note(self, name, *args):
        self.queue(name).put(list(args))

    def next(self, name):
        return self.queue(name).get(timeout=10)


def hexed(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {k: hexed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [hexed(v) for v in value]
    return value


def main():
    out = {}
    a = Client(auth={"token": "t"})
    out["auth"] = a.next("auth")
    out["transport"] = a.io.transport()
    a.io.emit("message", (1, "\u00e9", {"three": [True, None]}))
    out["echo"] = a.next("message-back")
    out["ack"] = a.io.call("message-with-ack", ("x", 2))
    a.io.emit("message", (b"\0\xff\x07", {"deep": [b"\x01"]}))
    out["binary"] = hexed(a.next("message-back"))
    a.io.emit("ask", "why")
    out["asked"] = a.next("answered")
    b = Client()
    for client in (a, b):
        client.io.call("join", "red")
    a.io.emit("to", ("red", "hello", 1))
    out["room"] = b.next("to")
    c = Client(namespaces=("/", "/custom"))
    c.io.emit("message", "apart", namespace="/custom")
    out["custom"] = c.next("message-back")
    try:
        Client(namespaces=("/secret",))
    except socketio.exceptions.ConnectionError as err:
        out["refused"] = str(err)
    b.io.emit("kick")
    b.next("gone")
    out["kicked"] = True
    c.io.emit("close")
    c.next("gone")
    out["closed"] = True
    print(json.dumps(out), flush=True)
    # over polling the client's threads end with its next ping only
    os._exit(0)


main()
