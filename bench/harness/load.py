"""Load: wrk over a list of paths, and sequential requests with their times."""
import http.client
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .process import BenchError

_SCRIPT = Path(__file__).with_name("wrk_paths.lua")
_MARK = "wrk-summary "


@dataclass
class Load:
    """One run of wrk.  `errors` counts replies that were not 2xx/3xx, and
    connect, read, write and timeout errors."""

    requests: int
    seconds: float
    bytes_per_reply: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def per_second(self):
        return self.requests / self.seconds if self.seconds else 0.0


def wrk(url, paths_file, *, seconds, start=0.0, connections=16, threads=1):
    """Ask for the paths of the file in turn for `seconds`, closed loop,
    beginning at the fraction `start` of the file."""
    done = subprocess.run(
        ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s",
         "--timeout", "120s", "-s", str(_SCRIPT), url, "--",
         str(paths_file), str(threads), f"{start:.6f}"],
        capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith(_MARK):
            return Load(**json.loads(line.removeprefix(_MARK)))
    raise BenchError(f"wrk failed on {url}:\n{done.stdout}{done.stderr}")


class Http:
    """Sequential requests to one server.

    With keep_alive off each request is timed with its own connection, as a
    webhook that arrives now and then would pay.
    """

    def __init__(self, url, keep_alive=True, timeout_s=120):
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=timeout_s)
        self.keep_alive = keep_alive

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def request(self, method, path, body=None, headers=None):
        """-> (status, body bytes, milliseconds)"""
        start = time.perf_counter()
        self.connection.request(method, path, body, headers or {})
        reply = self.connection.getresponse()
        data = reply.read()
        took_ms = (time.perf_counter() - start) * 1000
        if not self.keep_alive:
            self.connection.close()
        return reply.status, data, took_ms

    def get_json_timed(self, path):
        """-> (the JSON of a GET, milliseconds); anything but 200 is a
        BenchError."""
        status, data, took_ms = self.request("GET", path)
        if status != 200:
            raise BenchError(f"GET {path} -> {status} {data[:300]!r}")
        return json.loads(data), took_ms

    def get_json(self, path):
        return self.get_json_timed(path)[0]
