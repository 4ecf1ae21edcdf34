"""What stands around every page of the desk: rail, box, keys, colours, login."""

import re

import pytest
from playwright.sync_api import expect

from support import documents, papers

PAGES = [("Today", "/app", "t"), ("Papers", "/app/papers", "p"),
         ("Documents", "/app/documents", "d"), ("Ask", "/app/ask", "a"),
         ("Live", "/app/live", "l"), ("Operations", "/app/ops", "o")]
AWAY = "sheaf does not answer"


@pytest.fixture(scope="session")
def desk(standing, model_dir):
    """One long-lived desk with papers and documents, only read from."""
    with standing("desk", services=documents.ALL_SERVICES,
                  model_dir=model_dir) as server:
        server.delivered(papers.call(papers.papers(1, 40)))
        for text in documents.GUIDE, documents.SOUP:
            documents.add(server, text)
        yield server


def opened(page, server, path="/app/"):
    page.goto(server.url + path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return page


def box(page):
    return page.get_by_role("combobox", name="Search or ask")


def rail(page):
    return page.get_by_role("navigation", name="Pages")


def at(page, path):
    """The page of this path is shown, and the rail says so."""
    expect(page).to_have_url(re.compile(re.escape(path) + r"(/|\?|$)"))
    expect(rail(page).locator("[aria-current=page]")).to_have_attribute(
        "href", re.compile(re.escape(path) + "/?$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_rail(desk, page):
    """Each page has an address of its own, which reload and back keep."""
    opened(page, desk)
    titles = set()
    for name, path, _ in PAGES:
        rail(page).get_by_role("link", name=name).click()
        at(page, path)
        if path != "/app":  # the title before is another's
            expect(page).not_to_have_title(title)
        title = page.title()
        assert title.endswith(" · sheaf") and title not in titles
        titles.add(title)
    page.reload()
    at(page, "/app/ops")
    page.go_back()
    at(page, "/app/live")


def test_nothing_from_elsewhere(desk, pages):
    """Every page comes from the server alone, and sets no cookie."""
    page, asked = pages(), []
    page.on("request", lambda request: asked.append(request.url))
    for _, path, _ in PAGES:
        page.goto(desk.url + path)
        at(page, path)
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith(desk.url + "/")] == []
    assert page.context.cookies() == []


def test_keys(desk, page):
    opened(page, desk)
    for _, path, key in PAGES[1:] + PAGES[:1]:
        page.keyboard.press("g")
        page.keyboard.press(key)
        at(page, path)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("Go to Papers")
    page.keyboard.press("g")  # the page below does not hear it
    page.keyboard.press("p")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    at(page, "/app")
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()
    page.keyboard.type("g p?")  # what is typed is no command
    expect(box(page)).to_have_value("g p?")
    expect(keys).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(box(page)).not_to_be_focused()


def test_box(desk, page):
    """Words find papers and passages while they are typed."""
    opened(page, desk)
    page.keyboard.press("/")
    page.keyboard.type("kubernetes deploy")
    results = page.get_by_role("listbox", name="Results")
    passage = results.get_by_role("option").filter(has_text="Passage")
    expect(passage.first).to_contain_text("Kubernetes Guide")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/app/papers\?search=kubernetes"))
    expect(page.get_by_role("main")).to_be_focused()
    box(page).fill("paper")
    paper = results.get_by_role("option").filter(has_text="Paper")
    expect(paper.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(results.locator("[aria-selected=true]")).to_contain_text("Paper")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/app/papers/\d+"))
    box(page).fill("how do I deploy?")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/app/ask\?q=how"))


def test_by_tab(desk, page):
    """The first stop leads past the rail; every stop is visible."""
    opened(page, desk)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    opened(page, desk)
    seen = []
    for _ in range(1 + len(PAGES) + 3):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("""() => {
            const on = document.activeElement, css = getComputedStyle(on);
            return [on.ariaLabel || on.innerText.trim(),
                    css.outlineStyle != 'none' || css.boxShadow != 'none'];
        }"""))
    assert [name for name, _ in seen[:1 + len(PAGES)]] == [
        "Skip to the page", *(name for name, _, _ in PAGES)]
    assert [name for name, visible in seen if not visible] == []


def test_colours(desk, pages):
    """As the system has them, until somebody chooses; that is kept."""
    page = opened(pages(color_scheme="dark", service_workers="block"), desk)
    html = page.locator("html")
    expect(html).to_have_attribute("data-mantine-color-scheme", "dark")
    page.get_by_role("button", name="Use light colours").click()
    expect(html).to_have_attribute("data-mantine-color-scheme", "light")
    page.reload()
    expect(page.get_by_role("button", name="Use dark colours")).to_be_visible()
    # Already when nothing is painted, and no part of the application is here.
    pages.may_say("ERR_FAILED")
    page.route("**/assets/*.js", lambda route: route.abort())
    page.reload()
    expect(html).to_have_attribute("data-mantine-color-scheme", "light")


def test_phone(desk, pages):
    """The rail is a bar at the bottom, and nothing is wider than the screen."""
    page = opened(pages(viewport={"width": 390, "height": 844}, has_touch=True,
                        is_mobile=True), desk)
    for i, (name, path, _) in enumerate(PAGES):
        rail(page).get_by_role("link").nth(i).tap()
        at(page, path)
        bar = rail(page).bounding_box()
        assert (bar["y"] + bar["height"], bar["width"]) == (844, 390)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for link in rail(page).get_by_role("link").all():
            size = link.bounding_box()
            assert size["width"] >= 44 and size["height"] >= 44, name


def test_login(make_lite, pages, axe, shots):
    """A private desk asks for the token, and leads back to what was wanted."""
    server = make_lite(private_reads="on")
    server.delivered(papers.call(papers.papers(1, 3)))
    pages.may_say("401|HTTP Authentication failed")
    page = opened(pages(), server, "/app/papers")
    expect(page).to_have_url(re.compile(r"/app/login\?next=%2Fpapers"))
    axe.check(page)
    shots.take(page, "login")
    token = page.get_by_label("Admin token")
    token.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("that is not the admin token")).to_be_visible()
    token.fill(server.token())
    page.keyboard.press("Enter")
    expect(page).to_have_url(server.url + "/app/papers")
    expect(page.get_by_role("main")).to_contain_text("Paper 00001")
    cookie, = page.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    page.reload()
    at(page, "/app/papers")


def test_server_restarted(make_lite, pages):
    """Under an open page: a bar says so, and what came meanwhile is there."""
    server = make_lite()
    server.delivered(papers.call(papers.papers(1, 2)))
    page = opened(pages(), server, "/app/papers")
    expect(page.get_by_role("main")).to_contain_text("Paper 00001")
    pages.may_say("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|WebSocket")
    server.halt()
    expect(page.get_by_text(AWAY)).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Paper 00001")
    server.start()
    server.delivered(papers.call(papers.papers(50, 1)))
    expect(page.get_by_text(AWAY)).to_be_hidden()
    expect(page.get_by_role("main")).to_contain_text("Paper 00050")


def test_no_such_page(desk, page, axe, shots):
    opened(page, desk, "/app/nowhere")
    expect(page.get_by_role("main")).to_contain_text("There is no such page.")
    axe.check(page)
    shots.take(page, "not-found")
    page.get_by_role("main").get_by_role("link", name="Today").click()
    at(page, "/app")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_help_and_box_for_all(desk, pages, axe, shots, scheme):
    """axe, with what opens over a page open."""
    page = opened(pages(color_scheme=scheme), desk)
    axe.check(page)
    box(page).fill("kubernetes")
    expect(page.get_by_role("option").filter(has_text="Passage").first
           ).to_be_visible()
    axe.check(page)
    shots.take(page, "box", schemes=[scheme])
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    axe.check(page)
    shots.take(page, "keys", schemes=[scheme])
