"""GET /api/papers/: the envelope of Django REST framework, its links to the
letter, every filter, every ordering, and cursors that stay put."""

import json
import re
import urllib.parse

import pytest

from support import papers
from support.papers import call, paper

FIELDS = ["id", "title", "abstract", "authors", "url", "source", "source_id",
          "category", "relevance_score", "tags", "published_at",
          "created_at", "updated_at"]


def ids(listed):
    return [p["source_id"] for p in listed["results"]]


# -- envelope -----------------------------------------------------------------

@pytest.mark.parametrize("path", ["/api/papers/", "/api/papers"])
def test_envelope(library, path):
    listed = library.json(path)
    assert list(listed) == ["count", "next", "previous", "results"]
    assert listed["count"] == len(library.made)
    assert len(listed["results"]) == 20
    row = listed["results"][0]
    assert [key for key in row if key in FIELDS] == FIELDS
    assert isinstance(row["id"], int)
    assert isinstance(row["authors"], str)
    assert isinstance(row["author_list"], list)
    assert isinstance(row["tags"], list)


def test_body_is_compact_utf8(library):
    reply = library.get("/api/papers/", params={"search": "評価について"})
    assert reply.headers["Content-Type"].split(";")[0] == "application/json"
    assert "大規模言語モデル".encode() in reply.content
    assert reply.content == json.dumps(
        reply.json(), ensure_ascii=False,
        separators=(",", ":")).encode()


def test_values_round_trip(library):
    made = {p["source_id"]: p for p in library.made}
    seen = library.all_papers()
    assert len(seen) == len(made)
    for row in seen:
        sent = made[row["source_id"]]
        for key in ("title", "url", "category", "tags", "source_id",
                    "published_at", "pdf_url", "version", "comment", "doi",
                    "journal_ref", "primary_category", "arxiv_categories"):
            assert row[key] == sent[key], (key, row[key], sent[key])
        assert row["author_list"] == sent["authors"]
        assert row["authors"] == ", ".join(sent["authors"])
        assert row["relevance_score"] == sent["relevance_score"]
        assert row["source"] == "arxiv"


def test_links_are_those_of_drf(library):
    base = library.url + "/api/papers/"
    one = library.json("/api/papers/")
    assert one["next"] == base + "?page=2"
    assert one["previous"] is None
    two = library.json("/api/papers/?page=2&page_size=2")
    assert two["next"] == base + "?page=3&page_size=2"
    assert two["previous"] == base + "?page_size=2"
    two = library.json("/api/papers/?page=2")
    assert two["previous"] == base
    three = library.json("/api/papers/?page=3&page_size=2")
    assert three["previous"] == base + "?page=2&page_size=2"
    kept = library.json("/api/papers/?category=llm&page=2&page_size=3")
    assert kept["next"] == base + "?category=llm&page=3&page_size=3"
    assert kept["previous"] == base + "?category=llm&page_size=3"
    # As DRF does, which sorts the parameters of a link.
    mixed = library.json("/api/papers/?page_size=3&page=2&category=llm")
    assert mixed["next"] == base + "?category=llm&page=3&page_size=3"
    quoted = library.json("/api/papers/?search=%22large+language%22"
                          "&page_size=2")
    # Compared as Django's urlencode writes it: '+' for a blank, '%22'.
    assert urllib.parse.parse_qsl(urllib.parse.urlsplit(
        quoted["next"]).query) == [("page", "2"), ("page_size", "2"),
                                   ("search", '"large language"')]


def test_links_keep_the_checked_host(library):
    name = f"localhost:{library.port}"
    listed = library.json("/api/papers/", headers={"Host": name})
    assert listed["next"] == f"http://{name}/api/papers/?page=2"


def test_walk_all_pages(library):
    seen, page = [], library.json("/api/papers/?page_size=7")
    pages = 1
    while page["next"]:
        seen += ids(page)
        page = library.session().get(page["next"], timeout=10).json()
        pages += 1
    seen += ids(page)
    assert len(seen) == len(set(seen)) == len(library.made)
    assert pages == -(-len(library.made) // 7)
    back = 1
    while page["previous"]:
        page = library.session().get(page["previous"], timeout=10).json()
        back += 1
    assert back == pages


@pytest.mark.parametrize("query", ["page=999", "page=7&page_size=100",
                                   "category=llm&page=50",
                                   "search=nothinglikethis&page=2"])
def test_page_out_of_range(library, query):
    reply = library.get("/api/papers/?" + query)
    assert reply.status_code == 404
    assert reply.content == b'{"detail":"Invalid page."}'


def test_first_page_of_nothing(library):
    listed = library.json("/api/papers/?search=nothinglikethis")
    assert listed == {"count": 0, "next": None, "previous": None,
                      "results": []}


@pytest.mark.parametrize("query,named,nearest", [
    ("page=0", "page", ""), ("page=-1", "page", ""), ("page=x", "page", ""),
    ("page=1.5", "page", ""), ("page=", "page", ""),
    ("page=99999999999999999999", "page", ""),
    ("page_size=0", "page_size", ""), ("page_size=101", "page_size", ""),
    ("page_size=x", "page_size", ""),
    ("min_relevance=x", "min_relevance", ""),
    ("min_relevance=nan", "min_relevance", ""),
    ("min_relevance=2", "min_relevance", ""),
    ("min_relevance=-1", "min_relevance", ""),
    ("published_after=yesterday", "published_after", ""),
    ("published_after=2025-02-30", "published_after", ""),
    ("published_before=2025-13-01T00:00:00Z", "published_before", ""),
    ("ordering=size", "ordering", ""), ("ordering=-titel", "ordering", ""),
    ("categorie=llm", "categorie", "category"),
    ("pagesize=2", "pagesize", "page_size"),
    ("serach=x", "serach", "search"), ("Category=llm", "Category", ""),
    ("cursor=garbage", "cursor", ""), ("cursor=AAAA", "cursor", ""),
    ("search=-", "search", ""), ("search=%ff", "UTF-8", ""),
    ("category=llm&category=rag", "category", ""),
    ("category=%00", "NUL", ""),
])
def test_bad_parameter_is_named(library, query, named, nearest):
    reply = library.get("/api/papers/?" + query)
    assert reply.status_code == 400, reply.text
    assert named in reply.text and nearest in reply.text


# -- filters ------------------------------------------------------------------

def matching(library, keep):
    return {p["source_id"] for p in library.made if keep(p)}


@pytest.mark.parametrize("query,keep", [
    ({"category": "llm"}, lambda p: p["category"] == "llm"),
    ({"category": "other"}, lambda p: p["category"] == "other"),
    ({"source": "arxiv"}, lambda p: True),
    ({"source": "elsewhere"}, lambda p: False),
    ({"tag": "tag2"}, lambda p: "tag2" in p["tags"]),
    ({"tag": "tag"}, lambda p: False),
    ({"author": "Author17"}, lambda p: "Ann Author17" in p["authors"]),
    ({"author": "ann author17"}, lambda p: "Ann Author17" in p["authors"]),
    ({"author": "José Muñoz"}, lambda p: "José Muñoz" in p["authors"]),
    ({"author": "王小明"}, lambda p: "王小明" in p["authors"]),
    ({"author": "Mausam"}, lambda p: "Mausam" in p["authors"]),
    ({"author": "Bob Common"}, lambda p: "Bob Common" in p["authors"]),
    ({"min_relevance": "0.8"}, lambda p: p["relevance_score"] >= 0.8),
    ({"min_relevance": "1"}, lambda p: p["relevance_score"] >= 1),
    ({"published_after": "2025-12-30T00:00:00Z"},
     lambda p: p["published_at"] >= "2025-12-30T00:00:00Z"),
    ({"published_before": "2025-12-30T00:00:00Z"},
     lambda p: p["published_at"] <= "2025-12-30T00:00:00Z"),
    ({"published_after": "2025-12-30"},
     lambda p: p["published_at"] >= "2025-12-30T00:00:00Z"),
    ({"published_after": "2025-12-30T01:00:00+01:00"},
     lambda p: p["published_at"] >= "2025-12-30T00:00:00Z"),
    ({"published_after": "2025-12-29T00:00:00Z",
      "published_before": "2025-12-30T00:00:00Z", "category": "rag",
      "tag": "tag1", "min_relevance": "0.5"},
     lambda p: "2025-12-29T00:00:00Z" <= p["published_at"]
     <= "2025-12-30T00:00:00Z" and p["category"] == "rag"
     and "tag1" in p["tags"]),
    ({"category": "llm", "search": "transformer"}, lambda p: False),
], ids=lambda v: repr(v)[:60] if isinstance(v, dict) else "")
def test_filter(library, query, keep):
    wanted = matching(library, keep)
    listed = library.json("/api/papers/", params={**query,
                                                  "page_size": 100})
    assert listed["count"] == len(wanted)
    found = {p["source_id"] for p in library.all_papers(**query)}
    assert found == wanted


# -- ordering -----------------------------------------------------------------

ORDERS = {
    "published_at": lambda p: p["published_at"],
    "relevance_score": lambda p: p["relevance_score"],
    "title": lambda p: p["title"].lower().encode(),
    "created_at": lambda p: p["created_at"],
}


@pytest.mark.parametrize("field", ORDERS)
@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("by", ["page", "cursor"])
def test_ordering(library, field, down, by):
    """The key, then id in the same direction; pages and cursors agree."""
    order = ("-" if down else "") + field
    if by == "cursor":
        rows = library.all_papers(ordering=order, page_size=9)
    else:
        rows, page = [], library.json("/api/papers/", params={
            "ordering": order, "page_size": 9})
        rows += page["results"]
        while page["next"]:
            page = library.session().get(page["next"], timeout=10).json()
            rows += page["results"]
    assert rows == sorted(rows, key=lambda p: (ORDERS[field](p), p["id"]),
                          reverse=down)
    assert len(rows) == len(library.made)


def test_default_is_newest_first(library):
    assert library.json("/api/papers/") == {
        **library.json("/api/papers/?ordering=-published_at"),
        "next": library.url + "/api/papers/?page=2"}


# -- cursors ------------------------------------------------------------------

def follow(server, url):
    reply = server.session().get(url, timeout=10)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_cursor_page(library):
    first = library.json("/api/papers/?cursor=&page_size=10")
    assert list(first) == ["count", "next", "previous", "results"]
    assert first["count"] is None
    assert first["previous"] is None
    assert first["next"].startswith(library.url + "/api/papers/?")
    assert re.search(r"[?&]cursor=[^&]+", first["next"])
    second = follow(library, first["next"])
    assert len(second["results"]) == 10
    back = follow(library, second["previous"])
    assert back["results"] == first["results"]
    by_page = library.json("/api/papers/?page=2&page_size=10")
    assert second["results"] == by_page["results"]


def test_cursor_walks_back_as_it_came(library):
    page = library.json("/api/papers/?cursor=&page_size=25&category=llm")
    forward = [ids(page)]
    while page["next"]:
        page = follow(library, page["next"])
        forward.append(ids(page))
    backward = [ids(page)]
    while page["previous"]:
        page = follow(library, page["previous"])
        backward.append(ids(page))
    assert backward[::-1] == forward


@pytest.mark.parametrize("order", ["-published_at", "title",
                                   "-relevance_score", "-created_at",
                                   "created_at"])
def test_cursor_is_stable_while_rows_arrive(sheaf, order):
    """Rows that come in on every side neither repeat nor hide old ones."""
    sheaf.delivered(call(papers.papers(1000, 60), "arxiv-0"))
    known = {p["source_id"] for p in sheaf.all_papers()}
    page = sheaf.json("/api/papers/", params={
        "cursor": "", "page_size": 7, "ordering": order})
    seen, step = ids(page), 0
    while page["next"]:
        step += 1
        sheaf.delivered(call([paper(step), paper(5000 + step),
                              paper(1000, version=step + 1)],
                             f"arxiv-{step}"))
        if step == 2:
            gone = page["results"][-1]["id"]
            assert sheaf.delete(f"/api/papers/{gone}/").status_code == 204
        page = follow(sheaf, page["next"])
        seen += ids(page)
        assert step < 60
    assert len(seen) == len(set(seen))
    assert known <= set(seen)


def test_cursor_of_another_ordering_is_refused(library):
    first = library.json("/api/papers/?cursor=&page_size=5&ordering=title")
    cursor = urllib.parse.parse_qs(urllib.parse.urlsplit(
        first["next"]).query)["cursor"][0]
    reply = library.get("/api/papers/", params={
        "cursor": cursor, "ordering": "-published_at"})
    assert reply.status_code == 400
    assert "cursor" in reply.text


def test_page_and_cursor_exclude_each_other(library):
    reply = library.get("/api/papers/?cursor=&page=2")
    assert reply.status_code == 400
    assert "cursor" in reply.text and "page" in reply.text


# -- exactness while things change --------------------------------------------

def test_count_follows_every_change(sheaf):
    """The count is exact at once after each commit, for every filter."""
    for number in range(1, 8):
        sheaf.delivered(call([paper(number)], f"arxiv-{number}"))
        assert sheaf.json("/api/papers/")["count"] == number
        assert sheaf.json("/api/papers/?category=llm")["count"] \
            == number // 5
        assert sheaf.json("/api/papers/?search=paper")["count"] == number
    gone = sheaf.json("/api/papers/")["results"][0]["id"]
    sheaf.delete(f"/api/papers/{gone}/")
    assert sheaf.json("/api/papers/")["count"] == 6
    sheaf.post(f"/api/papers/{gone}/restore/")
    assert sheaf.json("/api/papers/")["count"] == 7


def test_a_page_is_fresh_after_each_change(sheaf):
    """No cached page outlives a write, seen from a new connection."""
    for version in range(1, 12):
        sheaf.delivered(call([paper(1, version=version,
                                    title=f"Title {version}")],
                             f"arxiv-{version}"))
        listed = sheaf.json("/api/papers/")
        assert listed["results"][0]["title"] == f"Title {version}"


def test_conditional_get(library):
    first = library.get("/api/papers/?page_size=5")
    tag = first.headers["ETag"]
    again = library.get("/api/papers/?page_size=5",
                        headers={"If-None-Match": tag})
    assert again.status_code == 304
    assert again.content == b""
    other = library.get("/api/papers/?page_size=6",
                        headers={"If-None-Match": tag})
    assert other.status_code == 200
    for value in ("*", f'"other", {tag}', f"W/{tag.removeprefix('W/')}"):
        assert library.get("/api/papers/?page_size=5", headers={
            "If-None-Match": value}).status_code == 304


def test_etag_changes_with_the_data(sheaf):
    sheaf.delivered(call([paper(1)]))
    tag = sheaf.get("/api/papers/").headers["ETag"]
    sheaf.delivered(call([paper(2)]))
    reply = sheaf.get("/api/papers/", headers={"If-None-Match": tag})
    assert reply.status_code == 200
    assert reply.headers["ETag"] != tag


def test_gzip(library):
    plain = library.get("/api/papers/", headers={"Accept-Encoding":
                                                 "identity"})
    packed = library.get("/api/papers/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["Content-Length"]) < len(plain.content)
    assert "accept-encoding" in packed.headers["Vary"].lower()
    refused = library.get("/api/papers/", headers={
        "Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in refused.headers


def test_head(library):
    get = library.get("/api/papers/", headers={"Accept-Encoding":
                                               "identity"})
    head = library.request("HEAD", "/api/papers/", headers={
        "Accept-Encoding": "identity"})
    assert head.status_code == 200 and head.content == b""
    assert head.headers["Content-Length"] == str(len(get.content))
    assert head.headers["ETag"] == get.headers["ETag"]
