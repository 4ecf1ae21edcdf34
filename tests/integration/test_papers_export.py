"""Export in four formats, each parsed back by its own grammar, and the Atom
feed."""

import csv
import io
import json
import re
import xml.etree.ElementTree as tree

import pytest

from support import papers
from support.papers import call, paper

TYPES = {"bibtex": "bibtex", "ris": "research-info-systems", "csv": "csv",
         "jsonl": "json"}


def export(server, form, status=200, **params):
    reply = server.get("/api/papers/export/", params={"format": form,
                                                      **params})
    assert reply.status_code == status, reply.text[:500]
    reply.encoding = "utf-8"
    return reply


def read_bibtex(text):
    """[(type, key, {field: value})], with braces balanced as BibTeX does."""
    entries, at = [], 0
    for start in re.finditer(r"@(\w+)\{([^,\s]+),", text):
        assert start.start() >= at, "an entry inside another"
        depth, end = 1, start.end()
        while depth:
            char = text[end]
            if char == "\\":
                end += 1
            elif char == "{":
                depth += 1
            elif char == "}":
                depth -= 1
            end += 1
        at = end
        fields, body = {}, text[start.end():end - 1]
        for field in re.finditer(r"(?m)^\s*(\w+)\s*=\s*\{", body):
            depth, stop = 1, field.end()
            while depth:
                if body[stop] == "\\":
                    stop += 1
                elif body[stop] == "{":
                    depth += 1
                elif body[stop] == "}":
                    depth -= 1
                stop += 1
            fields[field[1].lower()] = body[field.end():stop - 1]
        entries.append((start[1].lower(), start[2], fields))
    return entries


def read_ris(text):
    """[{tag: [values]}], one per TY ... ER."""
    entries, entry = [], None
    for line in text.splitlines():
        if not line:
            continue
        match = re.fullmatch(r"([A-Z][A-Z0-9])  - ?(.*)", line)
        assert match, f"not a RIS line: {line!r}"
        tag, value = match.groups()
        if tag == "TY":
            assert entry is None
            entry = {}
        entry.setdefault(tag, []).append(value)
        if tag == "ER":
            entries.append(entry)
            entry = None
    assert entry is None
    return entries


@pytest.mark.parametrize("form", TYPES)
def test_type_and_file_name(library, form):
    reply = export(library, form)
    assert TYPES[form] in reply.headers["Content-Type"]
    assert "attachment" in reply.headers["Content-Disposition"]
    assert reply.headers.get("Transfer-Encoding") == "chunked", "streamed"


def test_jsonl(library):
    rows = [json.loads(line) for line in
            export(library, "jsonl").text.splitlines()]
    assert {r["source_id"] for r in rows} == {
        p["source_id"] for p in library.made}
    listed = {p["id"]: p for p in library.all_papers()}
    for row in rows:
        same = set(row) & set(listed[row["id"]])
        assert {"title", "abstract", "url", "authors"} <= same
        assert {k: row[k] for k in same - {"authors"}} \
            == {k: listed[row["id"]][k] for k in same - {"authors"}}


def test_csv(library):
    text = export(library, "csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == len(library.made)
    made = {p["url"]: p for p in library.made}
    for row in rows:
        sent = made[row["url"]]
        assert row["title"] == sent["title"]
        assert row["category"] == sent["category"]
        assert None not in row and None not in row.values()


def test_bibtex(library):
    entries = read_bibtex(export(library, "bibtex").text)
    assert len(entries) == len(library.made)
    keys = [key for _, key, _ in entries]
    assert len(set(keys)) == len(keys), "keys are unique"
    by_id = {fields["eprint"]: fields for _, _, fields in entries}
    zebra = by_id["2501.90005"]
    assert "Zebra crossing detector" in zebra["title"].replace(
        "{", "").replace("}", "")
    assert " and " in zebra["author"]
    assert zebra["url"] == "https://arxiv.org/abs/2501.90005"
    assert re.fullmatch(r"\d{4}", zebra["year"])
    maths = by_id["2501.90002"]
    assert r"$\alpha$" in maths["title"], "LaTeX stays LaTeX"
    signs = by_id["2501.90003"]
    assert r"\&" in signs["title"], "a bare & would break the bibliography"


def test_ris(library):
    entries = read_ris(export(library, "ris").text)
    assert len(entries) == len(library.made)
    zebra = next(e for e in entries
                 if e["UR"] == ["https://arxiv.org/abs/2501.90005"])
    assert (zebra.get("TI") or zebra.get("T1")) == ["Zebra crossing detector"]
    assert len(zebra["AU"]) == 3
    assert zebra["ER"] == [""]


def test_lines_of_a_field_cannot_forge_an_entry(sheaf):
    sheaf.delivered(call([paper(
        1, abstract="One\nER  - \n\nTY  - JOUR\nTI  - Forged",
        comment="} @misc{forged, title={Forged}")]))
    assert len(read_ris(export(sheaf, "ris").text)) == 1
    assert len(read_bibtex(export(sheaf, "bibtex").text)) == 1
    assert len(list(csv.reader(io.StringIO(
        export(sheaf, "csv").text)))) == 2
    assert len(export(sheaf, "jsonl").text.splitlines()) == 1


@pytest.mark.parametrize("params", [
    {"category": "llm"}, {"search": "zebra"}, {"tag": "tag1"},
    {"author": "Bob Common", "category": "cv"}, {"min_relevance": "0.9"},
    {"published_after": "2025-12-30T00:00:00Z"},
    {"search": "nothinglikethis"}, {"source": "arxiv"}], ids=repr)
@pytest.mark.parametrize("form", TYPES)
def test_same_filters_as_the_list(library, form, params):
    count = library.json("/api/papers/", params=params)["count"]
    text = export(library, form, **params).text
    number = {"jsonl": lambda: len(text.splitlines()),
              "csv": lambda: len(list(csv.DictReader(io.StringIO(text)))),
              "bibtex": lambda: len(read_bibtex(text)),
              "ris": lambda: len(read_ris(text))}[form]()
    assert number == count


def test_order_of_an_export(library):
    rows = [json.loads(line) for line in export(
        library, "jsonl", ordering="title").text.splitlines()]
    assert [r["id"] for r in rows] == [
        p["id"] for p in library.all_papers(ordering="title")]


@pytest.mark.parametrize("query,named", [
    ("", "format"), ("format=xml", "format"), ("format=CSV", "format"),
    ("format=csv&page=1", "page"), ("format=csv&catgory=llm", "category"),
    ("formt=csv", "format"), ("format=csv&min_relevance=x",
                              "min_relevance")])
def test_bad_parameter_is_named(library, query, named):
    reply = library.get("/api/papers/export/?" + query)
    assert reply.status_code == 400
    assert named in reply.text


def test_export_of_many_is_whole(lite):
    """More rows than any page or batch inside."""
    for start in range(0, 5000, 1000):
        lite.delivered(call(papers.papers(start, 1000), f"arxiv-{start}"))
    before = lite.rss_kb()
    lines = export(lite, "jsonl").text.splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == 5000
    assert lite.rss_kb() - before < 30000, "streamed, not gathered"


def test_export_while_papers_arrive(sheaf):
    sheaf.delivered(call(papers.papers(0, 1500), "arxiv-0"))
    with sheaf.get("/api/papers/export/", params={"format": "jsonl"},
                   stream=True) as reply:
        lines = reply.iter_lines()
        head = [json.loads(next(lines)) for _ in range(3)]
        sheaf.session().post(
            sheaf.url + "/api/webhooks/scraper-complete/",
            json=call(papers.papers(1500, 50), "arxiv-1"), timeout=10,
            headers={"Authorization": "Bearer "
                     + sheaf.settings["webhook_secret"]})
        rest = [json.loads(line) for line in lines]
    ids = [r["source_id"] for r in head + rest]
    assert len(ids) == len(set(ids))
    assert {p["source_id"] for p in papers.papers(0, 1500)} <= set(ids)


def test_client_that_leaves_an_export(lite):
    """Half read and dropped: the stream's worker is free again."""
    for start in range(0, 6000, 1000):
        lite.delivered(call(papers.papers(start, 1000), f"arxiv-{start}"))
    from support.raw import Raw
    for _ in range(12):
        with Raw(lite) as raw:
            raw.request("GET", "/api/papers/export/?format=jsonl")
            assert raw.head()[0] == 200
    assert len(export(lite, "jsonl").text.splitlines()) == 6000


# -- the feed -----------------------------------------------------------------

ATOM = "{http://www.w3.org/2005/Atom}"


def feed(server, path="/api/papers/feed/", **params):
    reply = server.get(path, params=params)
    assert reply.status_code == 200
    assert "application/atom+xml" in reply.headers["Content-Type"]
    return tree.fromstring(reply.content)


def test_feed(library):
    root = feed(library)
    assert root.tag == ATOM + "feed"
    for name in ("id", "title", "updated"):  # RFC 4287, section 4.1.1
        assert root.find(ATOM + name) is not None, name
    links = {e.get("rel"): e.get("href") for e in root.findall(ATOM + "link")}
    assert links["self"].startswith(library.url + "/api/papers/feed")
    entries = root.findall(ATOM + "entry")
    assert entries
    seen = set()
    for entry in entries:
        for name in ("id", "title", "updated", "author"):
            assert entry.find(ATOM + name) is not None, name
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z",
                            entry.find(ATOM + "updated").text)
        seen.add(entry.find(ATOM + "id").text)
    assert len(seen) == len(entries)
    assert feed(library, "/api/papers/feed") is not None


def test_feed_of_odd_texts(library):
    root = feed(library, tag="odd")
    titles = {e.find(ATOM + "title").text for e in root.iter(ATOM + "entry")}
    assert titles == {p["title"] for p in library.made if "odd" in p["tags"]}


def test_feed_of_nothing(library):
    root = feed(library, search="nothinglikethis")
    assert root.findall(ATOM + "entry") == []
    assert root.find(ATOM + "updated").text


def test_feed_filters_and_bad_parameters(library):
    entries = feed(library, category="rag").findall(ATOM + "entry")
    assert entries
    assert all("Retrieval" in "".join(e.itertext()) for e in entries)
    reply = library.get("/api/papers/feed/?kategory=rag")
    assert reply.status_code == 400 and "category" in reply.text


def test_control_characters_cannot_break_the_feed(sheaf):
    sheaf.delivered(call([paper(1, title="Bell \x07 and escape \x1b here",
                                abstract="FFFE \ufffe and \x0b")]))
    assert len(feed(sheaf).findall(ATOM + "entry")) == 1
