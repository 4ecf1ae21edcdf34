"""A stand-in for arXiv's export API.

Serves either a corpus of made-up entries (filtered by `cat:` terms and
`submittedDate:[a TO b]`, newest first, paged by start and max_results, in the
old or the new Atom layout), or a recorded feed, cut to the page asked for.
Faults are queued in `script` and each spoils one request.  Every request is
kept with its time in `requests`.
"""

import collections
import dataclasses
import gzip
import pathlib
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

ATOM = "http://www.w3.org/2005/Atom"
ARXIV = "http://arxiv.org/schemas/atom"
OPENSEARCH = "http://a9.com/-/spec/opensearch/1.1/"


@dataclasses.dataclass
class Entry:
    """One paper as arXiv would answer it."""
    id: str
    title: str = "A Title"
    summary: str = "An abstract."
    version: int = 1
    authors: tuple = ("Ann Author",)
    categories: tuple = ("cs.AI",)
    age_days: float = 1.0
    updated_age_days: float = None
    comment: str = None
    doi: str = None
    journal_ref: str = None

    def published(self, now):
        return _stamp(now - self.age_days * 86400)

    def updated(self, now):
        age = self.updated_age_days
        return _stamp(now - (self.age_days if age is None else age) * 86400)


def _stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def entry_new(entry, now):
    """The layout in use since November 2025."""
    optional = ""
    if entry.comment:
        optional += f"<arxiv:comment>{escape(entry.comment)}</arxiv:comment>"
    optional += (f'<arxiv:primary_category term="{entry.categories[0]}"/>')
    if entry.journal_ref:
        optional += (f"<arxiv:journal_ref>{escape(entry.journal_ref)}"
                     "</arxiv:journal_ref>")
    page = f"https://arxiv.org/abs/{entry.id}v{entry.version}"
    return (
        f"<entry><id>http://arxiv.org/abs/{entry.id}v{entry.version}</id>"
        f"<title>{escape(entry.title)}</title>"
        f"<updated>{entry.updated(now)}</updated>"
        f'<link href="{page}" rel="alternate" type="text/html"/>'
        f'<link href="{page.replace("/abs/", "/pdf/")}" rel="related" '
        'type="application/pdf" title="pdf"/>'
        f"<summary>{escape(entry.summary)}</summary>"
        + "".join(f'<category term="{escape(c)}" scheme="{ARXIV}"/>'
                  for c in entry.categories)
        + f"<published>{entry.published(now)}</published>" + optional
        + "".join(f"<author><name>{escape(a)}</name></author>"
                  for a in entry.authors)
        + (f"<arxiv:doi>{escape(entry.doi)}</arxiv:doi>" if entry.doi else "")
        + "</entry>\n")


def entry_old(entry, now):
    """The layout in use until October 2025: prefixes declared everywhere."""
    def extra(name, text, attributes=""):
        return (f'<arxiv:{name} xmlns:arxiv="{ARXIV}"{attributes}>'
                f"{escape(text)}</arxiv:{name}>")
    page = f"http://arxiv.org/abs/{entry.id}v{entry.version}"
    return (
        f"<entry><id>{page}</id><updated>{entry.updated(now)}</updated>"
        f"<published>{entry.published(now)}</published>"
        f"<title>{escape(entry.title)}</title>"
        f"<summary>  {escape(entry.summary)}\n</summary>"
        + "".join(f"<author><name>{escape(a)}</name></author>"
                  for a in entry.authors)
        + (extra("doi", entry.doi) if entry.doi else "")
        + (extra("comment", entry.comment) if entry.comment else "")
        + (extra("journal_ref", entry.journal_ref)
           if entry.journal_ref else "")
        + f'<link href="{page}" rel="alternate" type="text/html"/>'
        f'<link title="pdf" href="{page.replace("/abs/", "/pdf/")}" '
        'rel="related" type="application/pdf"/>'
        + extra("primary_category", "", f' term="{entry.categories[0]}" '
                f'scheme="{ARXIV}"')
        + "".join(f'<category term="{escape(c)}" scheme="{ARXIV}"/>'
                  for c in entry.categories) + "</entry>\n")


def feed(entries, total, start=0, per_page=100, layout="new", now=None):
    """A whole feed, as bytes."""
    now = time.time() if now is None else now
    if layout == "old":
        head = ("<?xml version='1.0' encoding='UTF-8'?>\n"
                f'<feed xmlns="{ATOM}">\n'
                '<link href="http://arxiv.org/api/query?x" rel="self" '
                'type="application/atom+xml"/>'
                '<title type="html">ArXiv Query: search_query=x</title>'
                "<id>http://arxiv.org/api/abc</id>"
                "<updated>2025-01-01T00:00:00-05:00</updated>")
        head += "".join(
            f'<opensearch:{name} xmlns:opensearch="{OPENSEARCH}">{value}'
            f"</opensearch:{name}>\n"
            for name, value in (("totalResults", total),
                                ("startIndex", start),
                                ("itemsPerPage", per_page)))
        body = "".join(entry_old(entry, now) for entry in entries)
    else:
        head = ('<?xml version="1.0" encoding="UTF-8"?>\n'
                f'<feed xmlns:opensearch="{OPENSEARCH}" '
                f'xmlns:arxiv="{ARXIV}" xmlns="{ATOM}">\n'
                "<id>https://arxiv.org/api/abc</id>"
                "<title>arXiv Query: search_query=x</title>"
                f"<updated>{_stamp(now)}</updated>"
                '<link href="https://arxiv.org/api/query?x" '
                'type="application/atom+xml"/>'
                f"<opensearch:itemsPerPage>{per_page}"
                "</opensearch:itemsPerPage>"
                f"<opensearch:totalResults>{total}</opensearch:totalResults>"
                f"<opensearch:startIndex>{start}</opensearch:startIndex>\n")
        body = "".join(entry_new(entry, now) for entry in entries)
    return (head + body + "</feed>\n").encode()


ENTRY_RE = re.compile(rb"[ \t]*<entry>.*?</entry>\s*", re.S)


def load_feed(path):
    """The bytes of a recorded feed, unpacked where it is gzip."""
    raw = pathlib.Path(path).read_bytes()
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def cut_feed(recorded, start, count):
    """A recorded feed with only the entries start..start+count of it."""
    entries = list(ENTRY_RE.finditer(recorded))
    if not entries:
        return recorded
    kept = b"".join(match.group() for match in entries[start:start + count])
    return recorded[:entries[0].start()] + kept + recorded[entries[-1].end():]


# -- faults: callables (handler, normal) where normal() is the usual body -----

def status(code, body=b"", ctype="text/html", **headers):
    """Answer with this status; header words use _ for -."""
    def fault(handler, _normal):
        handler.answer(code, body, ctype, {
            name.replace("_", "-"): str(value)
            for name, value in headers.items()})
    return fault


def body(data, ctype="application/atom+xml; charset=utf-8", code=200):
    """Answer 200 with exactly these bytes."""
    return status(code, data, ctype)


def truncated(part=0.5):
    """Promise the whole feed, send a part of it and close."""
    def fault(handler, normal):
        data = normal()
        handler.start(200, len(data))
        handler.wfile.write(data[:int(len(data) * part)])
        handler.wfile.flush()
        handler.drop()
    return fault


def cut_short(part=0.5):
    """A whole answer whose XML ends in the middle."""
    def fault(handler, normal):
        data = normal()
        handler.answer(200, data[:int(len(data) * part)])
    return fault


def trickle(seconds_each=0.05, piece=1):
    """The usual feed, a few bytes at a time."""
    def fault(handler, normal):
        data = normal()
        handler.start(200, len(data))
        for at in range(0, len(data), piece):
            if handler.server.owner.closing.wait(seconds_each):
                return
            handler.wfile.write(data[at:at + piece])
            handler.wfile.flush()
    return fault


def hang():
    """Accept the request and never answer."""
    def fault(handler, _normal):
        handler.server.owner.closing.wait()
        handler.drop()
    return fault


def reset():
    """Close without an answer."""
    def fault(handler, _normal):
        handler.drop()
    return fault


def empty(total=None):
    """A good feed without entries."""
    def fault(handler, _normal):
        owner = handler.server.owner
        count = owner.last_total if total is None else total
        handler.answer(200, feed([], count, layout=owner.layout))
    return fault


def total_of(value):
    """The usual page under another totalResults."""
    def fault(handler, normal):
        handler.answer(200, re.sub(
            rb"(totalResults[^>]*>)\d+", rb"\g<1>%d" % value, normal()))
    return fault


def usual():
    """No fault: place holder in a script."""
    def fault(handler, normal):
        handler.answer(200, normal())
    return fault


Request = collections.namedtuple("Request", "at path params headers")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def start(self, code, length, ctype="application/atom+xml; charset=utf-8",
              headers=None):
        self.send_response(code)
        self.send_header("Content-Type", ctype)
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def answer(self, code, data, ctype="application/atom+xml; charset=utf-8",
               headers=None):
        self.start(code, len(data), ctype, headers)
        self.wfile.write(data)

    def drop(self):
        self.close_connection = True
        self.connection.close()

    def do_GET(self):
        owner = self.server.owner
        parts = urllib.parse.urlsplit(self.path)
        params = dict(urllib.parse.parse_qsl(parts.query,
                                             keep_blank_values=True))
        with owner.lock:
            # before the answer, which a job may end with
            owner.requests.append(Request(time.monotonic(), parts.path, params,
                                          dict(self.headers)))
            owner.in_flight += 1
            owner.most_in_flight = max(owner.most_in_flight, owner.in_flight)
            fault = owner.script.popleft() if owner.script else owner.always
        try:
            if fault:
                fault(self, lambda: owner.page(params))
            else:
                code, data = owner.reply(params)
                self.answer(code, data)
        except OSError:
            self.close_connection = True
        finally:
            with owner.lock:
                owner.in_flight -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, *_):
        """A client that goes away is part of the tests, not news."""


class FakeArxiv:
    """The server; `url` is what `arxiv_url` is set to."""

    def __init__(self, corpus=(), layout="new", address="127.0.0.1"):
        self.corpus = list(corpus)
        self.layout = layout
        self.recorded = None
        self.recorded_status = 200
        self.script = collections.deque()
        self.always = None
        self.requests = []
        self.in_flight = self.most_in_flight = 0
        self.last_total = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.server = _Server((address, 0), _Handler)
        self.server.owner = self
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://{address}:{self.server.server_port}/api/query"

    def record(self, path, code=200):
        """Serve a recorded feed from now on."""
        self.recorded = load_feed(path)
        self.recorded_status = code

    def reply(self, params):
        if self.recorded is not None and self.recorded_status != 200:
            return self.recorded_status, self.recorded
        return 200, self.page(params)

    def page(self, params):
        start = int(params.get("start", 0))
        count = int(params.get("max_results", 10))
        if self.recorded is not None:
            return cut_feed(self.recorded, start, count)
        now = time.time()
        found = self.matching(params.get("search_query", ""), now)
        self.last_total = len(found)
        return feed(found[start:start + count], len(found), start, count,
                    self.layout, now)

    def matching(self, query, now):
        """Corpus entries of a query, newest first as sortBy asks."""
        archives = re.findall(r"cat:\"?([A-Za-z.\-]+)", query)
        span = re.search(r"submittedDate:\s*\[\s*(\d{8,14})\s+TO\s+(\d{8,14})",
                         query)
        found = self.corpus
        if archives:
            found = [e for e in found if set(e.categories) & set(archives)]
        if span:
            first, last = (bound.ljust(14, "0") if at == 0
                           else bound.ljust(14, "9")
                           for at, bound in enumerate(span.groups()))
            found = [e for e in found if first <= re.sub(
                r"\D", "", e.published(now)) <= last]
        return sorted(found, key=lambda e: (e.age_days, e.id))

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
