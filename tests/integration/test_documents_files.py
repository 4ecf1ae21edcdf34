"""POST /process/file: every kind of file, and everything that is wrong."""

import pytest

from support import files
from support.documents import (DATA, ENDED, GUIDE, SOUP, chunks, documents,
                               ended, query, send)

PAGES = ("Pods are the smallest unit that Kubernetes deploys.",
         "A Service gives a set of pods one stable address.",
         "Volumes keep what a container writes.")
MARKDOWN = """---
title: A Guide
layout: docs
source: nowhere
---
# Guide

Words before any part.

## Pods

### Others

## Services

### Types

A ClusterIP is reachable inside the cluster only.
"""


# -- what can be read -----------------------------------------------------------

@pytest.mark.parametrize("name,data,kind,title", [
    ("a.txt", GUIDE["text"], "text", "a"),
    ("guide.md", MARKDOWN, "markdown", "A Guide"),
    ("a.html", f"<html><title>T</title><nav>menu</nav><p>{SOUP['text']}",
     "html", "T"),
    ("a.pdf", files.pdf(*PAGES), "pdf", "a"),
    ("a.epub", files.epub(*PAGES), "epub", "A Book"),
    ("a.docx", files.docx(*PAGES), "docx", "a"),
    # the content tells, not the name
    ("a.txt", files.pdf(*PAGES), "pdf", "a"),
    ("a.pdf", GUIDE["text"], "text", "a"),
    ("a.jpeg", files.docx(*PAGES), "docx", "a"),
    ("a.md", files.epub(*PAGES), "epub", "A Book"),
])
def test_kinds(lite_desk, name, data, kind, title):
    job = send(lite_desk, name, data)
    assert job["status"] == "completed", job
    assert job["warnings"] == []
    document, = documents(lite_desk)
    assert document["title"] == title and document["source"] is None
    assert document["metadata"]["type"] == kind
    assert document["metadata"]["filename"] == name
    found = query(lite_desk, "pods")["results"][0]
    assert found["metadata"]["document_id"] == job["document_id"]
    assert "menu" not in found["text"]


def test_fields(desk):
    job = send(desk, "guide.md", MARKDOWN, title="Mine", source="docs/guide.md",
               metadata='{"author":"Vasu","layout":"own"}', chunk_size="150",
               chunk_overlap="20")
    document, = documents(desk)
    assert document["id"] == job["document_id"]
    assert document["title"] == "Mine"
    assert document["source"] == "docs/guide.md"
    assert (document["chunk_size"], document["chunk_overlap"]) == (150, 20)
    assert document["metadata"] == {
        "author": "Vasu", "layout": "own", "source": "docs/guide.md",
        "filename": "guide.md", "type": "markdown"}
    found = query(desk, "cluster", where='{"author":"Vasu"}')
    assert found["count"] >= 1


def test_pages(desk):
    pages = [f"{text} " * 15 for text in PAGES]
    job = send(desk, "a.pdf", files.pdf(*pages))
    assert job["status"] == "completed", job
    found = chunks(desk, job["document_id"])
    places = [(c["metadata"]["page"], c["metadata"]["page_end"]) for c in found]
    assert places[0][0] == 1 and places[-1][1] == 3
    assert places == sorted(places)
    for chunk, (first, last) in zip(found, places):
        assert PAGES[first - 1].split()[0] in chunk["text"]
        for number, text in enumerate(PAGES, 1):
            assert (text in chunk["text"]) <= (first <= number <= last)
    assert documents(desk)[0]["metadata"]["pages"] == 3
    path = f"/documents/{job['document_id']}"
    text = desk.get(f"{path}/text").json()["text"]
    begins = desk.get(f"{path}/outline").json()["pages"]
    assert [p["page"] for p in begins] == [1, 2, 3]
    for begin, page in zip(begins, PAGES):
        assert text[begin["start_char"]:].lstrip().startswith(page)
    result = query(desk, "stable address", where='{"page":1}')["results"][0]
    assert result["metadata"]["page"] == 1


@pytest.mark.parametrize("pattern", [
    "pdf/*.pdf", "kubernetes-html/*.html", "kubernetes-zh/*.md", "long/*.md"])
def test_recorded_files(lite_desk, pattern):
    """Real files: each chunk is what stands at its place, on its page."""
    found = sorted((DATA / "documents").glob(pattern))[:2]
    if not found:
        pytest.skip(f"no recorded documents below {DATA}")
    for path in found:
        job = send(lite_desk, path.name, path.read_bytes())
        assert job["status"] == "completed", (path, job["error"])
        document = lite_desk.get(f"/documents/{job['document_id']}").json()
        pages = document["metadata"].get("pages", 0)
        assert (pages > 1) == (path.suffix == ".pdf")
        last = 0
        for chunk in chunks(lite_desk, job["document_id"]):
            m = chunk["metadata"]
            seen = lite_desk.get(chunk["link"]).json()
            assert seen["text"] == chunk["text"]
            assert (seen.get("page"), seen.get("page_end")) == (
                m.get("page"), m.get("page_end"))
            if pages:
                assert last <= m["page"] <= m["page_end"] <= pages
                last = m["page"]
        assert last == 0 or last >= pages - 1


def test_sections(desk):
    job = send(desk, "guide.md", MARKDOWN + "Word. " * 200 + "\n\n# Other\n\n"
               + "More. " * 300)
    sections = [c["metadata"].get("section")
                for c in chunks(desk, job["document_id"])]
    assert sections[0] == "Guide > Services > Types"
    assert sections[-1] == "Other"


def test_pages_of_sources(lite_desk):
    send(lite_desk, "a.pdf", files.pdf(*PAGES))
    source, = lite_desk.post("/ask", json={
        "question": "What gives pods a stable address?"}).json()["sources"]
    assert (source["page"], source["page_end"]) == (1, 3)
    seen = lite_desk.get(source["link"]).json()
    assert seen["text"] == source["text"] == "\n\n".join(PAGES)
    assert (seen["page"], seen["page_end"]) == (1, 3)
    start = seen["text"].index("A Service")
    seen = lite_desk.get(f"/documents/{source['document_id']}/text",
                         params={"from": start, "to": start + 9}).json()
    assert seen["text"] == "A Service"
    assert (seen["page"], seen["page_end"]) == (2, 2)


def test_same_and_changed_file(desk):
    first = send(desk, "a.pdf", files.pdf(*PAGES), source="a.pdf")
    again = send(desk, "a.pdf", files.pdf(*PAGES), source="a.pdf")
    assert again["duplicate_of"] == first["document_id"]
    changed = send(desk, "a.pdf", files.pdf(PAGES[0], "New."), source="a.pdf")
    assert changed["document_id"] == first["document_id"]
    assert "duplicate_of" in changed and changed["duplicate_of"] is None
    assert len(documents(desk)) == 1


def test_idempotency_key(desk):
    """The client invents a new boundary for each request."""
    key = {"Idempotency-Key": "one"}
    first = send(desk, "a.txt", "text", wait=False, headers=key)
    assert send(desk, "a.txt", "text", wait=False, headers=key) == first
    reply = desk.post("/process/file", headers=key,
                      files={"file": ("a.txt", "another")})
    assert reply.status_code == 422, reply.text


@pytest.mark.parametrize("name,kept", [
    ("../../etc/passwd.md", "passwd.md"),
    ("C:\\docs\\guide.md", "guide.md"),
    ("f\u00fcr \u6f22\u5b57 \U0001f600.md", "f\u00fcr \u6f22\u5b57 \U0001f600.md"),
    ("a\r\nb\"c.md", 'ab"c.md'),
    ("<b>.md", "<b>.md"),
])
def test_names(lite_desk, name, kept):
    job = send(lite_desk, name, "Words.")
    assert job["status"] == "completed", job
    document, = documents(lite_desk)
    assert document["metadata"]["filename"] == kept
    assert document["title"] == kept.removesuffix(".md")


def test_without_a_name(lite_desk):
    reply = lite_desk.post("/process/file", files={"file": (None, "Words.")})
    assert reply.status_code == 202, reply.text
    assert ended(lite_desk, reply.json()["job_id"])["status"] == "completed"
    assert documents(lite_desk)[0]["title"] == "Untitled"


# -- what cannot -----------------------------------------------------------------

@pytest.mark.parametrize("data,says", [
    (files.pdf(*PAGES, password=b"secret"), "encrypted and needs a password"),
    (files.pdf(None, None), "pictures (a scan)"),
    (files.pdf(*PAGES)[:40], "damaged"),
    (b"%PDF-1.7\n" + bytes(range(256)) * 20, "damaged"),
    (files.docx(*PAGES)[:200], "damaged"),
    (files.archive({"a.txt": "x"}), "neither EPUB nor DOCX"),
    (files.bomb("docx"), "unpacks to more than"),
    (files.bomb("epub"), "unpacks to more than"),
    (files.archive({"word/document.xml":
                    '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "'
                    + "&b;" * 1000 + '">]><w:document>&c;'}), "damaged"),
    (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG picture"),
    (bytes(range(256)) * 40, "not"),
    (b"\0" * 5000, "not"),
    (b" \n\t ", "no text"),
    ("".encode("utf-16"), "no text"),
    (b"<html><script>alert(1)</script></html>", "no text"),
])
def test_unreadable(lite_desk, data, says):
    """Accepted, for only reading tells; then the job says what is wrong."""
    job = send(lite_desk, "a.bin", data)
    assert job["status"] == "failed", job
    assert says in job["error"]
    assert job["attempts"] <= 1
    assert documents(lite_desk) == []


def test_scan_with_a_little_text(lite_desk):
    job = send(lite_desk, "a.pdf", files.pdf("Words.", None, None))
    assert job["status"] == "completed"
    assert "may be a scan" in job["warnings"][0]


def test_failed_job_can_be_restarted(desk):
    name = send(desk, "a.pdf", files.pdf(None), wait=False)
    assert ended(desk, name)["status"] == "failed"
    assert desk.post(f"/jobs/{name}/retry").status_code == 202
    job = ended(desk, name)
    assert job["status"] == "failed" and "scan" in job["error"]


@pytest.mark.parametrize("parts,says", [
    ({}, "\\\"file\\\" is required"),
    ({"file": ("a", b"")}, "the file is empty"),
    ({"file": ("a", b"x"), "colour": (None, "red")}, "colour"),
    ({"file": ("a", b"x"), "titel": (None, "T")}, "did you mean"),
    ({"file": ("a", b"x"), "title": (None, "T" * 1001)}, "title"),
    ({"file": ("a", b"x"), "title": ("t.txt", "T")}, "title"),
    ({"file": ("a", b"x"), "title": (None, b"\xff")}, "title"),
    ({"file": ("a", b"x"), "title": (None, b"a\0b")}, "title"),
    ({"file": ("a", b"x"), "metadata": (None, "{")}, "metadata"),
    ({"file": ("a", b"x"), "metadata": (None, "[]")}, "metadata"),
    ({"file": ("a", b"x"), "metadata": (None, '{"a":{"b":1}}')}, "metadata.a"),
    ({"file": ("a", b"x"), "metadata": (None, '{"source":"s"}'),
      "source": (None, "t")}, "source"),
    ({"file": ("a", b"x"), "chunk_size": (None, "ten")}, "chunk_size"),
    ({"file": ("a", b"x"), "chunk_size": (None, "10")}, "chunk_size"),
    ({"file": ("a", b"x"), "chunk_overlap": (None, "950")}, "chunk_overlap"),
])
def test_bad_fields(lite_desk, parts, says):
    reply = lite_desk.post("/process/file",
                           files=parts or {"title": (None, "T")})
    assert reply.status_code == 400, (reply.status_code, reply.text)
    assert says in reply.text
    assert lite_desk.json("/jobs/", params={"kind": "process"})["count"] == 0


FORM = "multipart/form-data; boundary=x"
PART = (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
        b"\r\nWords.\r\n")


@pytest.mark.parametrize("content_type,body,status", [
    (FORM, PART + b"--x--\r\n", 202),
    (FORM, PART + b"--x--", 202),
    (None, PART + b"--x--", 415),
    ("application/json", b"{}", 415),
    ("multipart/mixed; boundary=x", PART + b"--x--", 415),
    ("multipart/form-data", PART + b"--x--", 400),
    ("multipart/form-data; boundary=y", PART + b"--x--", 400),
    ("multipart/form-data; boundary=" + "x" * 71, PART + b"--x--", 400),
    (FORM, b"", 400),
    (FORM, b"--x--\r\n", 400),
    (FORM, PART, 400),
    (FORM, PART + b"--x", 400),
    (FORM, PART + b"--x--\r\nmore", 400),
    (FORM, PART + PART + b"--x--", 400),
    (FORM, b"\r\n" + PART + b"--x--", 400),
    (FORM, PART.replace(b"\r\n", b"\n") + b"--x--", 400),
    (FORM, PART.replace(b"form-data", b"attachment") + b"--x--", 400),
    (FORM, PART.replace(b'name="file"; ', b"") + b"--x--", 400),
    (FORM, PART.replace(b'"a"', b'"a') + b"--x--", 400),
    (FORM, PART.replace(b'"a"', b'"\xff"') + b"--x--", 400),
    (FORM, PART.replace(b'"a"', b'"\0"') + b"--x--", 400),
    (FORM, PART.replace(b'"a"', b'"' + b"a" * 2000 + b'"') + b"--x--", 413),
    (FORM, PART.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 5000 + b"\r\n\r\n")
     + b"--x--", 413),
    (FORM, PART * 40 + b"--x--", 400),
    (FORM, bytes(range(256)) * 100, 400),
])
def test_malformed_forms(lite_desk, content_type, body, status):
    headers = {"Content-Type": content_type} if content_type else {}
    reply = lite_desk.post("/process/file", data=body, headers=headers)
    assert reply.status_code == status, (reply.status_code, reply.text)
    if status != 202:
        assert reply.json()["error"]
        assert lite_desk.json("/jobs/", params={"kind": "process"})["count"] == 0


def test_too_large(lite_desk):
    """Of the file, by a byte; of the body, before it is sent."""
    data = bytes((50 << 20) + 1)
    reply = lite_desk.post("/process/file", files={"file": ("a.txt", data)})
    assert reply.status_code == 413 and "50 MiB" in reply.text
    reply = lite_desk.post("/process/file",
                           files={"file": ("a.txt", data + bytes(1 << 20))})
    assert reply.status_code == 413
    assert str(51 << 20) in reply.text
    assert lite_desk.json("/jobs/", params={"kind": "process"})["count"] == 0


def test_large_file(desk):
    """As large as is taken, with more text than is kept."""
    text = ("A sentence of some words. " * 40 + "\n\n").encode()
    data = text * ((50 << 20) // len(text))
    name = send(desk, "a.txt", data, wait=False)
    assert desk.get(f"/jobs/{name}").json()["status"] in ("pending",
                                                          "processing", *ENDED)
    job = ended(desk, name)
    assert job["status"] == "failed" and "too large" in job["error"]


def test_kill_while_a_file_is_read(make_sheaf, model_dir):
    """The bytes are in the database when the client has its answer."""
    server = make_sheaf(model_dir=model_dir, job_lease_ms=1000,
                        services="scraper,backend,processor,analytics,web")
    name = send(server, "a.pdf", files.pdf(*PAGES), wait=False)
    server.kill()
    server.start()
    job = ended(server, name)
    assert job["status"] == "completed", job
    assert [c["metadata"]["page"]
            for c in chunks(server, job["document_id"])] == [1]


@pytest.mark.one_process("what a process says of itself")
def test_openapi(lite_desk):
    post = lite_desk.get("/openapi.json").json()["paths"]["/process/file"][
        "post"]
    schema = post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["properties"]["file"]["format"] == "binary"
    assert schema["required"] == ["file"]
