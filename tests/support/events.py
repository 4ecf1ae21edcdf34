"""Server-sent events of a streamed reply, as they come."""

import json


def events(reply):
    """(name, data) for each event, (None, text) for each comment."""
    name, pending = None, b""
    for piece in reply.iter_content(None):
        pending += piece
        while b"\n" in pending:
            raw, pending = pending.split(b"\n", 1)
            line = raw.decode()
            if line.startswith(":"):
                yield None, line[1:].strip()
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                yield name, json.loads(line[6:])
            else:
                assert line == "", line


class Told:
    """A whole stream: `order` of the events, `tokens` joined, `done`."""

    def __init__(self, reply):
        assert reply.headers["Content-Type"] == "text/event-stream"
        self.order, self.tokens, self.done, self.sources = [], "", None, None
        for name, data in events(reply):
            if name is None:
                continue
            if name != "token" or self.order[-1] != "token":
                self.order.append(name)
            if name == "token":
                assert data["text"]
                self.tokens += data["text"]
            elif name == "sources":
                self.sources = data["sources"]
            elif name == "done":
                self.done = data
