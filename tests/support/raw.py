"""HTTP by hand: for requests that no proper client would send."""

import collections
import socket

Reply = collections.namedtuple("Reply", "status headers body")


class Closed(Exception):
    """The peer closed before a whole reply had come."""


class Raw:
    """One TCP connection to the server under test."""

    def __init__(self, sheaf, timeout=10):
        self.host = sheaf.host
        self.socket = socket.create_connection(
            (self.host.rsplit(":", 1)[0], sheaf.port), timeout)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes)
                            else data.encode())
        return self

    def request(self, method="GET", path="/healthz", *lines, body=b""):
        """Send a well-formed request with these extra header lines."""
        head = "\r\n".join([f"{method} {path} HTTP/1.1",
                            f"Host: {self.host}", *lines])
        return self.send(head.encode("latin-1") + b"\r\n\r\n" + body)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Closed(f"closed after {self.pending[:200]!r}")
        self.pending += data

    def _until(self, mark):
        while mark not in self.pending:
            self._more()
        part, self.pending = self.pending.split(mark, 1)
        return part

    def _take(self, count):
        while len(self.pending) < count:
            self._more()
        part, self.pending = self.pending[:count], self.pending[count:]
        return part

    def head(self):
        """Status and headers (names in lower case, repeated ones listed)."""
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status = lines[0].split(" ", 2)[:2]
        assert version == "HTTP/1.1", lines[0]
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            key = name.lower()
            assert key not in headers or key in ("set-cookie", "vary"), line
            headers[key] = value.strip()
        return int(status), headers

    def reply(self, to_head=False):
        """Read one whole reply, by its own framing."""
        status, headers = self.head()
        if to_head or status in (204, 304) or status < 200:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self._chunked()
        elif "content-length" in headers:
            body = self._take(int(headers["content-length"]))
        else:
            body = self.rest()
        return Reply(status, headers, body)

    def _chunked(self):
        body = b""
        while True:
            size = int(self._until(b"\r\n").split(b";")[0], 16)
            if not size:
                assert self._until(b"\r\n") == b""
                return body
            body += self._take(size)
            assert self._take(2) == b"\r\n"

    def rest(self):
        """Everything until the peer closes."""
        try:
            while True:
                self._more()
        except (Closed, ConnectionResetError):
            part, self.pending = self.pending, b""
            return part

    def closed(self, seconds=5):
        """True when the server closes within so many seconds."""
        self.socket.settimeout(seconds)
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False


def many(sheaf, count, method, path, *lines, body=b""):
    """The replies to so many requests that are alike, as fast as it goes."""
    replies = []
    while len(replies) < count:
        with Raw(sheaf, 60) as raw:
            for _ in range(min(100, count - len(replies))):
                replies.append(raw.request(
                    method, path, *lines, f"Content-Length: {len(body)}",
                    body=body).reply())
                if replies[-1].headers.get("connection") == "close":
                    break
    return replies


def exchange(sheaf, data, timeout=10):
    """Send these bytes on a new connection; the first reply, or None when the
    server closes without one."""
    with Raw(sheaf, timeout) as raw:
        try:
            raw.send(data)
        except ConnectionError:
            pass  # it may answer and close before it has all of the bytes
        try:
            return raw.reply()
        except (Closed, ConnectionError):
            return None
