"""Papers and Today in a browser: what is shown, keys, marks, states."""

import re

import pytest
from playwright.sync_api import expect

from support import documents, papers
from support.fake_arxiv import Entry
from support.sheaf import scraping
from support.waiting import wait_until

LONG_WORD = "Donaudampfschiffahrtsgesellschaft" * 10


ALL_SERVICES = "scraper,backend,processor,analytics,web"


@pytest.fixture
def desk(make_lite):
    """A server with 150 papers: more than one page of the list."""
    server = make_lite(services=ALL_SERVICES)
    server.delivered(papers.call(papers.papers(1, 150)))
    return server


def rows(page):
    return page.get_by_role("list", name="Papers").get_by_role("listitem")


def pane(page):
    return page.locator("aside")


def open_papers(page, server, query=""):
    page.goto(f"{server.url}/app/papers{query}")
    expect(rows(page).first).to_be_visible()


def test_scrape_from_the_empty_desk(make_lite, arxiv, page, axe, shots):
    """Drawn flow 1 from the browser: fetch, and see the papers arrive."""
    arxiv.corpus = [Entry(f"2511.0{1000 + n}", title=f"Agents that plan {n}",
                          categories=("cs.AI",)) for n in range(12)]
    server = make_lite(services=ALL_SERVICES, **scraping(arxiv))
    page.goto(server.url + "/app/")
    expect(page.get_by_text("Your desk is empty")).to_be_visible()
    axe.check(page)
    shots.take(page, "today-empty")

    page.get_by_role("button", name="Fetch papers").click()

    expect(page.get_by_role("link", name="Agents that plan 3")).to_be_visible()
    expect(page.get_by_text("12 papers this week")).to_be_visible()
    axe.check(page)
    shots.take(page, "today-full")


def test_no_papers_but_documents(lite_desk, page, axe, shots):
    """As after `make run`: our documentation is there, papers are not."""
    documents.add(lite_desk, documents.GUIDE)
    page.goto(lite_desk.url + "/app/")
    expect(page.get_by_text("No papers yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Fetch papers")).to_be_visible()
    axe.check(page)
    shots.take(page, "today-no-papers")
    page.get_by_role("button", name="Ask a question").click()
    expect(page).to_have_url(re.compile("/app/ask$"))


def test_list_opens_and_goes_back(desk, page, axe, shots):
    open_papers(page, desk)
    expect(page.get_by_text("150 papers")).to_be_visible()
    axe.check(page)
    shots.take(page, "papers-full")
    first = rows(page).first.get_by_role("link")
    title = first.inner_text()

    first.click()

    expect(pane(page).get_by_role("heading", name=title)).to_be_visible()
    axe.check(page)
    shots.take(page, "paper-open")
    page.reload()
    expect(pane(page).get_by_role("heading", name=title)).to_be_visible()
    page.go_back()
    expect(pane(page)).to_have_count(0)


def test_keyboard_only(desk, page):
    open_papers(page, desk)
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = rows(page).nth(1).get_by_role("link")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(pane(page).get_by_role("heading").first).to_have_text(second.inner_text())
    # What is open moves with j and k.
    page.keyboard.press("k")
    expect(pane(page).get_by_role("heading").first).to_have_text(
        rows(page).first.inner_text().split("\n")[0])
    page.keyboard.press("s")
    expect(rows(page).first.get_by_label("Starred")).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_label("Note")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(pane(page)).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).to_have_url(re.compile("/app/$"))


def test_marks_are_kept(desk, page):
    open_papers(page, desk)
    rows(page).first.get_by_role("link").click()
    page.get_by_role("button", name="Star (s)").click()
    page.get_by_label("Note").fill("Read *again* for the proof.")
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_role("button", name="Mark read").click()
    expect(page.get_by_role("button", name="Mark unread")).to_be_visible()

    page.reload()
    expect(page.get_by_label("Note")).to_have_value("Read *again* for the proof.")
    expect(page.get_by_role("button", name="Remove the star (s)")).to_be_visible()
    page.get_by_label("State").select_option("starred")
    expect(rows(page)).to_have_count(1)


def test_note_is_saved_when_the_page_is_left(desk, page):
    open_papers(page, desk)
    rows(page).first.get_by_role("link").click()
    page.get_by_label("Note").fill("Left in a hurry")
    page.get_by_role("link", name="Today").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Note")).to_have_value("Left in a hurry")


def test_selection(desk, page):
    open_papers(page, desk)
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.get_by_text("3 papers selected")).to_be_visible()
    page.get_by_role("toolbar").get_by_role("button", name="Star").click()
    page.get_by_role("toolbar").get_by_text("Export").click()
    with page.expect_download() as got:
        page.get_by_role("toolbar").get_by_role("link", name="BibTeX").click()
    assert got.value.path().read_text().count("@") == 3
    assert desk.json("/api/papers/?starred=true")["count"] == 3


def test_the_list_goes_on(desk, page):
    open_papers(page, desk)
    for _ in range(130):
        page.keyboard.press("j")
    expect(page.locator("li[aria-posinset='130'] a")).to_be_focused()
    assert rows(page).count() < 60  # only what is in sight exists


def test_filters_are_in_the_url(desk, page):
    open_papers(page, desk)
    page.get_by_label("Order").select_option("title")
    expect(page).to_have_url(re.compile(r"sort=title"))
    page.get_by_label("Author", exact=True).fill("Nobody At All")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No paper matches.")).to_be_visible()
    page.go_back()
    expect(rows(page).first).to_be_visible()
    page.get_by_role("link", name="Today").click()
    page.go_back()
    expect(page.get_by_label("Order")).to_have_value("title")


def test_words_search(desk, page):
    page.goto(desk.url + "/app/")
    page.keyboard.press("/")
    page.keyboard.type("nothing has these words zzz")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/app/papers\?search="))
    expect(page.get_by_text("No paper matches.")).to_be_visible()


def test_odd_texts_stay_text(make_lite, page, axe, shots):
    lite = make_lite(services=ALL_SERVICES)
    odd = papers.papers(1, 4)
    odd[0]["title"] = "<img src=x onerror=alert(1)> & <b>bold</b>"
    odd[0]["abstract"] = "<script>document.title='owned'</script> $x^2$ end"
    odd[1]["title"] = "מאמר בעברית on attention"
    odd[2]["title"] = LONG_WORD
    odd[3]["authors"] = [f"Author Number {n}" for n in range(3303)]
    odd[3]["title"] = "By many, with $\\mathcal{O}(n^2)$ steps for $5 and $6"
    lite.delivered(papers.call(odd))
    open_papers(page, lite)
    page.get_by_role("link", name="onerror=alert").click()
    expect(pane(page).get_by_text("<script>document.title")).to_be_visible()
    expect(pane(page).locator("article > p .katex")).to_have_count(1)
    assert "owned" not in page.title()
    assert page.locator("img").count() == 0

    rows(page).get_by_role("link", name="By many").click()
    expect(page.get_by_role("button", name="and 3291 more")).to_be_visible()
    page.get_by_role("button", name="and 3291 more").click()
    expect(page.get_by_role("link", name="Author Number 3302")).to_be_attached()
    rows(page).get_by_role("link", name="Donaudampf").click()
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0
    axe.check(page)
    shots.take(page, "papers-odd")


def test_phone(desk, pages, axe):
    page = pages(viewport={"width": 390, "height": 844}, has_touch=True,
                 color_scheme="dark")
    open_papers(page, desk)
    axe.check(page)
    rows(page).first.get_by_role("link").click()
    expect(rows(page)).to_have_count(0)  # what is open is the page
    page.get_by_role("button", name="Close (Esc)").click()
    expect(rows(page).first).to_be_visible()
    page.get_by_role("link", name="Today").click()
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_new_papers_wait_behind_a_pill(desk, page):
    open_papers(page, desk)
    first = rows(page).first.inner_text()
    desk.delivered(papers.call(
        papers.papers(900, 3, published_at=papers.stamp(0)), job_id="arxiv-2"))
    expect(page.get_by_role("button", name="3 new papers")).to_be_visible()
    assert rows(page).first.inner_text() == first
    page.get_by_role("button", name="3 new papers").click()
    expect(page.get_by_text("153 papers")).to_be_visible()


def test_server_away_and_back(desk, pages):
    page = pages()
    open_papers(page, desk)
    pages.may_say("ERR_CONNECTION_REFUSED|WebSocket connection")
    desk.halt()
    expect(page.get_by_text("sheaf does not answer")).to_be_visible()
    expect(rows(page).first).to_be_visible()  # what is there stays
    desk.start()
    desk.delivered(papers.call(papers.papers(700, 1), job_id="arxiv-3"))
    expect(page.get_by_text("sheaf does not answer")).to_have_count(0)
    expect(page.get_by_text("151 papers")).to_be_visible()


def test_failing_list_says_so(desk, pages, axe, shots):
    page = pages(service_workers="block")  # whose requests are not routed
    pages.may_say("500")
    page.route("**/api/papers/**", lambda route: route.fulfill(
        status=500, json={"detail": "The disk is on fire.", "error_id": "ab12"}))
    page.goto(desk.url + "/app/papers")
    expect(page.get_by_text("The papers could not be read.")).to_be_visible()
    expect(page.get_by_text("The disk is on fire.")).to_be_visible()
    axe.check(page)
    shots.take(page, "papers-failing")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(rows(page).first).to_be_visible()


def test_no_paper_of_that_number(desk, pages):
    page = pages()
    pages.may_say("404")
    page.goto(desk.url + "/app/papers/999999")
    expect(page.get_by_text("This paper could not be read.")).to_be_visible()


def test_private_desk_wants_the_token(make_lite, pages, axe, shots):
    server = make_lite(services=ALL_SERVICES, private_reads="on")
    page = pages()
    pages.may_say("401|HTTP Authentication failed")
    page.goto(server.url + "/app/papers?sort=title")
    field = page.get_by_label("Admin token")
    expect(field).to_be_visible()
    axe.check(page)
    shots.take(page, "login")
    field.fill("wrong")
    page.get_by_role("button", name="Open the desk").click()
    expect(page.get_by_text("that is not the admin token")).to_be_visible()
    field.fill(server.token())
    page.get_by_role("button", name="Open the desk").click()
    expect(page).to_have_url(re.compile(r"/app/papers\?sort=title"))
    expect(page.get_by_role("heading", name="Papers")).to_be_visible()


def test_saved_search_says_what_is_new(desk, page):
    open_papers(page, desk, "?category=llm&score=0.6")
    page.get_by_role("button", name="Save this search").click()
    saved = page.get_by_role("navigation", name="Saved searches")
    expect(saved.get_by_role("link", name="llm, from 0.6")).to_be_visible()
    expect(page.get_by_role("button", name="Save this search")).to_have_count(0)

    desk.delivered(papers.call(
        papers.papers(500, 2, category="llm", relevance_score=0.9),
        job_id="arxiv-9"))
    page.goto(desk.url + "/app/papers")
    expect(saved.get_by_role("link", name="llm, from 0.6")).to_contain_text("2")
    saved.get_by_role("link", name="llm, from 0.6").click()
    expect(page).to_have_url(re.compile("category=llm"))
    expect(saved.get_by_role("link", name="llm, from 0.6")).not_to_contain_text("2")

    saved.get_by_role("button", name="Do not keep llm, from 0.6").click()
    expect(saved.get_by_role("link")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(saved.get_by_role("link", name="llm, from 0.6")).to_be_visible()
    saved.get_by_role("button", name="Do not keep llm, from 0.6").click()
    page.get_by_role("button", name="Dismiss").click()
    wait_until(lambda: desk.json("/api/searches/")["count"] == 0)


def test_box_finds_while_one_types(desk, page, axe):
    page.goto(desk.url + "/app/")
    page.keyboard.press("/")
    page.keyboard.type("paper 00012 abo")  # the word is not whole yet
    option = page.get_by_role("option", name="Paper 00012 about cv")
    expect(option).to_be_visible()
    axe.check(page)
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(pane(page).get_by_role("heading", name="Paper 00012")).to_be_visible()


def test_the_desk_counts_its_own_readers(desk, pages):
    page = pages(counted=True)
    open_papers(page, desk)
    rows(page).first.get_by_role("link").click()
    def counted():
        top = desk.json("/stats/top?by=page")["results"]
        return {row["page"]: row["count"] for row in top}
    wait_until(lambda: counted() == {"/app/papers": 1, "/app/papers/1": 1})


def test_stays_readable_without_the_server(desk, pages):
    page = pages()
    open_papers(page, desk)
    page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    open_papers(page, desk)  # now through the service worker
    title = rows(page).first.get_by_role("link").inner_text()
    pages.may_say("ERR_CONNECTION_REFUSED|WebSocket connection|ERR_FAILED")
    desk.stop()
    page.reload()
    expect(rows(page).first.get_by_role("link")).to_have_text(title)
    expect(page.get_by_text("sheaf does not answer")).to_be_visible()
