"""A web site of somebody else's: the files of a folder, under any name.

In files ending in .html `{{name}}` becomes what `words` has for it.  A path
that is no file is answered with app.html of its first folder, as servers of
single-page applications do.
"""

import mimetypes
import pathlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """Use as a context manager; `port` is known at once."""

    def __init__(self, folder, files=None):
        self.folder = pathlib.Path(folder)
        self.files = files or {}  # path: file elsewhere
        self.words = {}
        self.headers = {}  # path: {name: value}
        self.posts = {}  # path: function(handler, body) before it is answered
        self.asked = []  # paths with their queries, as they came
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.owner = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       daemon=True)

    def url(self, host="blog.test"):
        return f"http://{host}:{self.port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def find(self, path):
        """(type, bytes) for a path, or None."""
        file = self.files.get(path)
        if not file:
            file = self.folder / (path.strip("/") or "index.html")
            if not file.is_file():
                file = self.folder / path.split("/")[1] / "app.html"
            if not file.is_file():
                return None
        data = pathlib.Path(file).read_bytes()
        kind = mimetypes.guess_type(str(file))[0] or "application/octet-stream"
        if kind == "text/html":
            for name, value in self.words.items():
                data = data.replace(b"{{%s}}" % name.encode(), value.encode())
        return kind, data


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.owner.asked.append(self.path)
        found = self.server.owner.find(path)
        self.send_response(200 if found else 404)
        kind, data = found or ("text/plain", b"there is no such page")
        self.send_header("Content-Type", kind + "; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        headers = self.server.owner.headers.get(path, {})
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.owner.posts[self.path](self, body)
        self.send_response(204)
        self.end_headers()
