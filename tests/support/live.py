"""The test server of tests/servers/live_server.c, and clients that say exactly
what they are told: long polling and WebSocket frames by hand."""

import base64
import hashlib
import json
import os
import pathlib
import signal
import struct
import subprocess

from .raw import Closed, Raw
from .sheaf import REPO, clean_env

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, 1.3
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def program():
    folder = os.environ.get("SHEAF_TEST_SERVERS",
                            str(REPO / "build" / "servers"))
    return pathlib.Path(folder) / "live_server"


class LiveServer:
    """One live_server on a free port.  Use as a context manager."""

    def __init__(self, box, **options):
        self.log_path = pathlib.Path(box) / "live.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program(), *(f"{k}={v}" for k, v in options.items())],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                env=clean_env(box), text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.log()
        self.host = self.url.split("//")[1]
        self.port = int(self.host.split(":")[1])
        self.path = options.get("path", "/socket.io/")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert code == 0, f"live_server ended with {code}:\n{self.log()}"

    def log(self):
        return self.log_path.read_text()

    def rss_kb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines()
                        if line.startswith("VmRSS")))

    def target(self, transport, sid=None, eio="4"):
        return (f"{self.path}?EIO={eio}&transport={transport}"
                + (f"&sid={sid}" if sid else ""))

    def stats(self):
        """What the server counts, asked as a client of its own."""
        with Ws(self).joined() as ws:
            ws.send('420["stats"]')
            return json.loads(ws.text().removeprefix("430"))[0]


class Polling:
    """A session over long polling."""

    def __init__(self, server):
        self.server = server
        self.raw = Raw(server)
        self.open = self.open_packet()
        self.sid = self.open["sid"]

    def open_packet(self):
        reply = self.request("GET", self.server.target("polling"))
        assert reply.status == 200, reply
        assert reply.body[:1] == b"0", reply
        return json.loads(reply.body[1:])

    def request(self, method, target, body=b"", *lines):
        if isinstance(body, str):
            body = body.encode()
        if method != "GET":
            lines = (f"Content-Length: {len(body)}", *lines)
        return self.raw.request(method, target, *lines, body=body).reply()

    def get(self):
        """Body of the next poll."""
        return self.answer(self.request("GET", self.target())).decode()

    def hold(self, *lines):
        """A GET that is not waited for: the connection it is on.  That is
        known to the server before, so that the GET is seen before what is sent
        later on another."""
        raw = Raw(self.server)
        assert raw.request("GET", self.server.path).reply().status == 400
        return raw.request("GET", self.target(), *lines)

    def answer(self, reply):
        assert reply.status == 200, reply
        assert reply.headers["content-type"] == "text/plain; charset=UTF-8"
        assert reply.headers["cache-control"] == "no-store"
        return reply.body

    def post(self, body, *lines):
        return self.request("POST", self.target(), body, *lines)

    def say(self, *packets):
        reply = self.post("\x1e".join(packets))
        assert (reply.status, reply.body) == (200, b"ok"), reply

    def target(self):
        return self.server.target("polling", self.sid)

    def joined(self, nsp=""):
        self.say("40" + nsp)
        packets = self.get().split("\x1e")
        assert packets[0].startswith("40"), packets
        return self

    def unknown(self):
        """Is the session gone?"""
        reply = self.request("GET", self.target())
        self.last = reply.body
        return (reply.status, reply.body) == (
            400, b'{"code":1,"message":"Session ID unknown"}')


def frame(payload, opcode=TEXT, fin=True, mask=b"\x01\x02\x03\x04", rsv=0):
    """One frame of a client."""
    if isinstance(payload, str):
        payload = payload.encode()
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    flag = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65536:
        head += bytes([flag | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", len(payload))
    if mask:
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
    return head + (mask or b"") + payload


class Ws(Raw):
    """A WebSocket whose frames are made by hand."""

    def __init__(self, server, sid=None, target=None, lines=(), upgraded=True):
        super().__init__(server)
        self.request("GET", target or server.target("websocket", sid),
                     "Upgrade: websocket", "Connection: Upgrade",
                     "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}",
                     *lines)
        if upgraded:
            status, headers = self.head()
            assert status == 101, (status, headers)
            assert headers["sec-websocket-accept"] == base64.b64encode(
                hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-"
                             b"C5AB0DC85B11").digest()).decode()

    def send(self, data):
        return super().send(frame(data) if isinstance(data, str) else data)

    def frame(self):
        """Opcode and payload of the next frame."""
        head = self._take(2)
        assert head[0] & 0x70 == 0 and head[1] & 0x80 == 0, head
        size = head[1] & 0x7F
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
        assert head[0] & 0x80, "servers need not fragment"
        return head[0] & 0x0F, self._take(size)

    def text(self):
        opcode, payload = self.frame()
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    def opened(self):
        packet = self.text()
        assert packet[0] == "0", packet
        self.open = json.loads(packet[1:])
        return self

    def joined(self, nsp=""):
        self.opened()
        self.send("40" + nsp)
        packet = self.text()
        assert packet.startswith("40"), packet
        assert "auth" in self.text()
        return self

    def ended(self):
        """Close code when the server ends it (1005: none given), 1006 when it
        just leaves."""
        try:
            while True:
                opcode, payload = self.frame()
                if opcode == CLOSE:
                    assert self.closed()
                    return (struct.unpack(">H", payload[:2])[0] if payload
                            else 1005)
        except (Closed, ConnectionError):
            return 1006


class Watcher(Ws):
    """A live client of the product, and the events that it gets."""

    def __init__(self, server):
        super().__init__(server, target="/socket.io/?EIO=4&transport=websocket")
        self.opened().send("40")
        assert self.text().startswith("40")

    def event(self):
        packet = self.text()
        while packet == "2":
            self.send("3")
            packet = self.text()
        assert packet.startswith("42"), packet
        return json.loads(packet[2:])

    def count_of(self, page, wanted):
        """Counts of the page as they come, up to the wanted one."""
        seen = []
        while not seen or seen[-1] < wanted:
            name, data = self.event()
            assert name == "new_pageview"
            if data["page"] == page:
                seen.append(data["count"])
        return seen


def scrape_told(client, job_id, new):
    """What any client is told of a scrape, up to its end and its last new
    paper: data of job_progress, data of paper_added."""
    jobs, added = [], []
    while (sum(event["count"] for event in added) < new
           or not jobs or jobs[-1]["papers_created"] is None):
        name, data = client.event()
        if name == "paper_added":
            added.append(data)
        elif name == "job_progress" and data["job_id"] == job_id:
            jobs.append(data)
    assert [job["progress"] for job in jobs] == sorted(
        job["progress"] for job in jobs)
    assert sum(event["count"] for event in added) == new
    return jobs, added


def document_told(client, job_id):
    """What any client is told of a document on its way in, up to its end: data
    of job_progress, data of the one document_ready."""
    jobs, ready = [], None
    while not ready or not jobs or jobs[-1]["status"] != "completed":
        name, data = client.event()
        if name == "job_progress" and data["job_id"] == job_id:
            jobs.append(data)
        elif name == "document_ready":
            assert ready is None
            ready = data
    return jobs, ready
