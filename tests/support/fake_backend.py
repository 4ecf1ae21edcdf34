"""A stand-in for a backend that receives the scraper's webhook.

Checks the Bearer secret and the Standard Webhooks signature itself, over the
bytes as they came.  Answers are queued in `script`; when it is empty, a
delivery is accepted as a backend accepts it.
"""

import base64
import collections
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .ports import LOOPBACK, Port

Delivery = collections.namedtuple(
    "Delivery", "at path headers body json bearer_ok signature_ok")


def sign(secret, webhook_id, timestamp, payload):
    """The Standard Webhooks signature of these bytes: "v1,<base64>"."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + payload
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def answer(code, data=None, **headers):
    """Answer with this status, JSON and headers (words use _ for -)."""
    def reply(handler, _delivery):
        handler.answer(code, data, {name.replace("_", "-"): str(value)
                                    for name, value in headers.items()})
    return reply


def stall(seconds):
    """Accept, but only after so many seconds."""
    def reply(handler, delivery):
        if not handler.server.owner.closing.wait(seconds):
            handler.accept(delivery)
    return reply


def drop():
    """Close without an answer."""
    def reply(handler, _delivery):
        handler.close_connection = True
        handler.connection.close()
    return reply


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, data=None, headers=None):
        raw = json.dumps(data if data is not None else {}).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def accept(self, delivery):
        count = len(delivery.json["papers"])
        self.answer(201, {"status": "success", "papers_created": count,
                          "papers_updated": 0, "papers_unchanged": 0})

    def do_POST(self):
        owner = self.server.owner
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value
                   for name, value in self.headers.items()}
        delivery = Delivery(
            time.monotonic(), self.path, headers, raw, json.loads(raw),
            headers.get("authorization") == f"Bearer {owner.secret}",
            owner.signature_ok(headers, raw))
        with owner.lock:
            owner.deliveries.append(delivery)
            reply = owner.script.popleft() if owner.script else owner.always
        try:
            if reply:
                reply(self, delivery)
            else:
                self.accept(delivery)
        except OSError:
            self.close_connection = True

    def do_GET(self):
        with self.server.owner.lock:
            self.server.owner.other_requests.append(self.path)
        self.answer(404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """A client that goes away is part of the tests, not news."""


class FakeBackend:
    """The receiver; `url` is what `backend_url` is set to."""

    def __init__(self, secret, signing_secret):
        self.secret = secret
        self.signing_secret = signing_secret
        self.deliveries = []
        self.other_requests = []
        self.script = collections.deque()
        self.always = None
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.port = Port()
        self.open()

    def open(self):
        """Listen; a second time on the same port, after close()."""
        self.closing.clear()
        self.server = _Server((LOOPBACK, self.port.number), _Handler)
        self.server.owner = self
        self.url = f"http://{self.port.address}"
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.02,), daemon=True)
        self.thread.start()

    def signature_ok(self, headers, raw):
        wanted = sign(self.signing_secret, headers.get("webhook-id"),
                      headers.get("webhook-timestamp"), raw)
        return wanted in headers.get("webhook-signature", "").split()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
