"""Documents in a browser: adding, the list, the reader."""

import re

import pytest
from playwright.sync_api import expect

from support import documents, files
from support.waiting import wait_until

LONG_WORD = "Donaudampfschiffahrtsgesellschaft" * 10
HOSTILE = "<b>bold</b><img src=x onerror=alert(1)>"
RTL = "\N{RIGHT-TO-LEFT OVERRIDE}gnihsif\N{POP DIRECTIONAL FORMATTING}"


def rows(page):
    return page.get_by_role("main").locator("li").filter(
        has=page.get_by_role("button", name=re.compile("^Delete ")))


def uploads(page):
    return page.get_by_role("region", name="On the way in")


def open_documents(page, server):
    page.goto(server.url + "/app/documents")
    expect(page.get_by_role("heading", name="Documents", level=1)).to_be_visible()


def drop(page, *dropped):
    """Files from elsewhere, let go above the page."""
    data = page.evaluate_handle(
        """(all) => {
            const data = new DataTransfer();
            for (const [name, bytes] of all)
                data.items.add(new File([new Uint8Array(bytes)], name));
            return data;
        }""", [[name, list(content)] for name, content in dropped])
    for kind in ("dragenter", "dragover", "drop"):
        page.dispatch_event("main", kind, {"dataTransfer": data})


def read(page, server, job, query=""):
    page.goto(f"{server.url}/app/documents/{job['document_id']}{query}")
    return page.get_by_role("region", name="Text")


def long_text():
    """Some 400 kB, each paragraph with a number of its own."""
    return "".join(f"Paragraph {n} \N{GRINNING FACE}. " + "It goes on. " * 10
                   + "\n\n" for n in range(2800))


# -- adding ---------------------------------------------------------------------

def test_drop_a_pdf_and_find_its_passages(lite_desk, page, axe, shots):
    """Drawn flow 2 from the browser."""
    open_documents(page, lite_desk)
    expect(page.get_by_text("Nothing to read yet.")).to_be_visible()
    axe.check(page)
    shots.take(page, "documents-empty")

    drop(page, ("guide.pdf", files.pdf(documents.GUIDE["text"] * 2,
                                       documents.SOUP["text"] * 2)))

    expect(uploads(page).get_by_text("1 text done")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    expect(rows(page).get_by_text("PDF, 2 pages")).to_be_visible()
    axe.check(page)
    page.get_by_role("combobox", name="Search or ask").fill("simmer carrots")
    page.get_by_role("option", name=re.compile("Ask")).click()
    expect(page.get_by_role("article")).to_be_visible()
    page.get_by_label("Words or a question").fill("simmer carrots in broth")
    page.get_by_role("button", name="Search", exact=True).click()
    found = page.get_by_role("region", name="In documents")
    expect(found.get_by_text("Chop onions and carrots")).to_be_visible()
    found.get_by_role("link", name="guide").first.click()
    expect(page).to_have_url(re.compile(r"/documents/doc-\w+\?from=\d+&to=\d+"))
    expect(page.locator("mark").first).to_be_in_viewport()


def test_several_files_each_end_by_themselves(lite_desk, page, axe, shots):
    open_documents(page, lite_desk)
    text = documents.GUIDE["text"].encode()
    page.set_input_files("input[type=file]", [
        {"name": "one.md", "mimeType": "text/markdown", "buffer": text},
        {"name": f"{LONG_WORD}.txt", "mimeType": "text/plain",
         "buffer": documents.SOUP["text"].encode()},
        {"name": "locked.pdf", "mimeType": "application/pdf",
         "buffer": files.pdf("Secret.", password=b"x")}])

    expect(uploads(page).get_by_text("2 texts done, 1 failed")).to_be_visible()
    failed = uploads(page).get_by_role("listitem").filter(has_text="locked.pdf")
    expect(failed.get_by_text("password")).to_be_visible()
    axe.check(page)
    shots.take(page, "documents-added")

    page.set_input_files("input[type=file]", {
        "name": "one.md", "mimeType": "text/markdown", "buffer": text})

    expect(uploads(page).get_by_text("This text is here already")).to_be_visible()
    page.get_by_role("button", name="Clear what has ended").click()
    expect(uploads(page)).to_have_count(0)
    expect(rows(page)).to_have_count(2)


def test_paste_a_text(lite_desk, page, axe):
    open_documents(page, lite_desk)
    page.get_by_role("button", name="Paste text").click()
    dialog = page.get_by_role("dialog", name="Add a text")
    dialog.get_by_label("Text", exact=True).fill("# On soup\n\n" + documents.SOUP["text"])
    axe.check(page)
    dialog.get_by_role("button", name="Add it").click()
    expect(dialog).to_have_count(0)
    expect(rows(page).get_by_role("link", name="On soup")).to_be_visible()


def test_cancel_and_reload(make_lite, page, box):
    """What the server has accepted is found again after a reload; without a
    model it waits, so that it can be cancelled."""
    server = documents.without_model(make_lite, box)
    open_documents(page, server)
    page.set_input_files("input[type=file]", {
        "name": "long.txt", "mimeType": "text/plain", "buffer": b"Words. " * 999})
    row = uploads(page).get_by_role("listitem").filter(has_text="long.txt")
    expect(row.get_by_role("button", name="Cancel long.txt")).to_be_visible()
    wait_until(lambda: server.get("/jobs/").json()["count"] == 1)
    page.reload()
    row.get_by_role("button", name="Cancel long.txt").click()
    expect(row.get_by_text("Cancelled")).to_be_visible()
    wait_until(lambda: server.get("/jobs/?status=cancelled").json()["count"] == 1)


def test_a_server_that_goes_away(lite_desk, pages, page):
    """A file that could not be sent is sent when one asks for it."""
    open_documents(page, lite_desk)
    pages.may_say("ERR_CONNECTION_REFUSED|WebSocket")
    lite_desk.halt()
    page.set_input_files("input[type=file]", {
        "name": "soup.txt", "mimeType": "text/plain",
        "buffer": documents.SOUP["text"].encode()})
    expect(uploads(page).get_by_text("did not answer")).to_be_visible()
    lite_desk.start()
    page.get_by_role("button", name="Try again soup.txt").click()
    expect(uploads(page).get_by_text("1 text done")).to_be_visible()
    expect(rows(page)).to_have_count(1)


# -- the list --------------------------------------------------------------------

@pytest.fixture
def stocked(lite_desk):
    for document in (documents.GUIDE, documents.SOUP,
                     {"title": f"{HOSTILE} {RTL} {LONG_WORD}", "text": HOSTILE}):
        documents.add(lite_desk, document)
    return lite_desk


def test_list(stocked, page, axe, shots):
    open_documents(page, stocked)
    expect(rows(page)).to_have_count(3)
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    axe.check(page)
    shots.take(page, "documents-full")
    page.get_by_label("Order").select_option("title")
    expect(rows(page).nth(1)).to_contain_text("Kubernetes")
    expect(page).to_have_url(re.compile("order=title"))
    page.get_by_label("Find by title or place").fill("soup")
    expect(rows(page)).to_have_count(1)
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Find by title or place").fill("nothing like it")
    expect(page.get_by_text("No document is called")).to_be_visible()
    axe.check(page)


def test_many_documents_come_as_one_scrolls(lite_desk, page):
    for n in range(70):
        documents.add(lite_desk, {"title": f"Note {n}", "text": f"Note {n}."})
    open_documents(page, lite_desk)
    expect(page.get_by_text("70 documents")).to_be_visible()
    expect(page.get_by_role("link", name="Note 69", exact=True)).to_be_visible()
    rows(page).last.scroll_into_view_if_needed()
    expect(rows(page)).to_have_count(70)


def test_delete_and_undo(stocked, page):
    open_documents(page, stocked)
    page.get_by_role("button", name="Delete Soup").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(3)
    assert len(documents.documents(stocked)) == 3

    page.get_by_role("button", name="Delete Soup").click()
    page.get_by_role("button", name="Dismiss").click()

    wait_until(lambda: len(documents.documents(stocked)) == 2)
    expect(rows(page)).to_have_count(2)


def test_a_deletion_is_done_when_the_page_is_left(stocked, page):
    open_documents(page, stocked)
    page.get_by_role("button", name="Delete Soup").click()
    expect(rows(page)).to_have_count(2)
    page.goto("about:blank")
    wait_until(lambda: len(documents.documents(stocked)) == 2)


def test_keyboard(stocked, page):
    open_documents(page, stocked)
    expect(rows(page)).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Soup")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Soup", level=1)).to_be_visible()
    page.keyboard.press("Escape")
    expect(rows(page)).to_have_count(3)


def test_the_list_follows_what_comes_by_other_ways(lite_desk, page):
    open_documents(page, lite_desk)
    expect(page.get_by_text("Nothing to read yet.")).to_be_visible()
    documents.add(lite_desk, documents.SOUP)
    expect(rows(page).get_by_role("link", name="Soup")).to_be_visible()


# -- the reader ---------------------------------------------------------------------

def test_reader_shows_the_text_as_written(lite_desk, page, axe, shots):
    text = (f"# First {HOSTILE}\n\nSome *text* & more.\n\n## Second\n\n"
            f"{LONG_WORD} {RTL}\n" + "Line. \n" * 400 + "\n## Third\n\nThe end.")
    job = documents.send(lite_desk, "notes.md", text)
    body = read(page, lite_desk, job)
    expect(body.get_by_text("Some *text* & more.")).to_be_visible()
    assert body.locator("img").count() == 0
    shown = "".join(body.locator("[data-at]").all_text_contents())
    assert shown == text
    axe.check(page)
    shots.take(page, "reader")
    page.get_by_role("link", name="Third").click()
    expect(body.get_by_text("The end.")).to_be_in_viewport()


def test_reader_on_a_phone(lite_desk, pages, axe):
    page = pages(viewport={"width": 390, "height": 844}, has_touch=True,
                 color_scheme="dark")
    job = documents.send(lite_desk, "notes.md", "# One\n\n" + "Line.\n" * 300
                         + "\n# Two\n\nThe end.", title=LONG_WORD)
    body = read(page, lite_desk, job)
    expect(body.get_by_text("Line.").first).to_be_visible()
    for name in ("Contents", "Delete"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Contents").tap()
    axe.check(page)
    page.get_by_role("link", name="Two").tap()
    expect(body.get_by_text("The end.")).to_be_in_viewport()


def test_a_citation_is_found_in_a_long_text(lite_desk, page):
    """Places are code points; each paragraph here has one beyond 16 bits."""
    text = long_text()
    job = documents.add(lite_desk, {"title": "Long", "text": text})
    assert job["status"] == "completed"
    for wanted in ("Paragraph 2 ", "Paragraph 1400 ", "Paragraph 2799 "):
        begin = text.index(wanted)
        body = read(page, lite_desk, job, f"?from={begin}&to={begin + 40}")
        marked = body.locator("mark")
        expect(marked.first).to_be_in_viewport()
        assert "".join(marked.all_text_contents()) == text[begin:begin + 40]


def test_passages_by_keys(lite_desk, page):
    job = documents.add(lite_desk, {"title": "Long", "text": "A sentence. " * 400})
    read(page, lite_desk, job)
    expect(page.get_by_text("A sentence.").first).to_be_visible()
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(r"from=0&to="))
    page.keyboard.press("j")
    places = documents.chunks(lite_desk, job["document_id"])
    second = places[1]["metadata"]["start_char"]
    expect(page).to_have_url(re.compile(rf"from={second}&"))
    expect(page.locator("mark").first).to_be_in_viewport()
    page.keyboard.press("k")
    expect(page).to_have_url(re.compile(r"from=0&to="))


def test_pages_of_a_pdf(lite_desk, page, shots):
    pages = [f"This is what page {n} says. " * 40 for n in range(1, 6)]
    job = documents.send(lite_desk, "book.pdf", files.pdf(*pages))
    body = read(page, lite_desk, job)
    page.get_by_role("link", name="Page 4").click()
    expect(body.get_by_text("This is what page 4 says.").first).to_be_in_viewport()
    shots.take(page, "reader-pdf")


def test_a_document_that_is_not_here(lite_desk, pages, page, axe):
    pages.may_say("404")
    page.goto(lite_desk.url + "/app/documents/doc-0")
    expect(page.get_by_text("This document is not here any more.")).to_be_visible()
    axe.check(page)
