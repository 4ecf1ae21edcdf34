"""Dashboards: official Socket.IO clients that say what they are told."""

import json
import pathlib
import queue
import subprocess
import sys
import threading

# What a test waits for an event that must come.
PATIENCE = 30


class Dashboard:
    """A client in a process of its own.  Use as a context manager; `request`
    is pytest's, for the client's language."""

    def __init__(self, request, server, transport="websocket", token=None):
        command, cwd = self.command(request)
        self.events = queue.Queue()
        self.process = subprocess.Popen(
            [*command, server.url, transport, *([token] if token else [])],
            cwd=cwd, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def event(self):
        """The next one: [name, data]."""
        return self.events.get(timeout=PATIENCE)

    def until(self, name, last=lambda data: True):
        """Data of the events of this name as they come, up to one of which
        `last` is true."""
        seen = []
        while not seen or not last(seen[-1]):
            event, data = self.event()
            if event == name:
                seen.append(data)
        return seen


class Python(Dashboard):
    def command(self, request):
        return [sys.executable,
                pathlib.Path(__file__).parent / "dashboard_client.py"], None


class JavaScript(Dashboard):
    def command(self, request):
        return ["node", "dashboard.mjs"], request.getfixturevalue("js_dir")
