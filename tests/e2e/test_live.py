"""Live in a browser: numbers that move, robots apart, the line to paste."""

import re

import pytest
from playwright.sync_api import expect

ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://google.com/bot.html)"


def view(server, page, agent="Mozilla/5.0 (X11; Linux x86_64)", **more):
    reply = server.post("/events/pageview", json={"page": page, **more},
                        headers={"User-Agent": agent})
    assert reply.status_code == 202


@pytest.fixture
def read(lite):
    """A server whose site has been read."""
    for n in range(12):
        view(lite, "/projects" if n % 3 else "/", f"Mozilla/5.0 (X11) {n}",
             title="Projects", referrer="https://news.example/")
    view(lite, "/", ROBOT)
    return lite


def number(page, name):
    """One of the three big ones."""
    return page.locator("dl > div", has=page.get_by_text(name, exact=True)) \
               .locator("dd").first


def stream(page):
    return page.locator("section", has=page.get_by_role(
        "heading", name="As they happen")).get_by_role("listitem")


def opened(page, server, query=""):
    page.goto(f"{server.url}/app/live{query}")
    expect(number(page, "Views today")).to_have_text(re.compile(r"^\d+$"))


def test_an_empty_site_shows_the_line_to_paste(lite, pages, axe, shots):
    page = pages(permissions=["clipboard-read", "clipboard-write"])
    page.goto(lite.url + "/app/live")
    expect(page.get_by_text("Nobody was counted yet.")).to_be_visible()
    axe.check(page)
    shots.take(page, "live-empty")

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == \
        f'<script defer src="{lite.url}/sheaf.js"></script>'
    view(lite, "/first")
    expect(number(page, "Views today")).to_have_text("1")


def test_the_count_moves_as_others_read(read, page, axe, shots):
    opened(page, read)
    expect(number(page, "Views today")).to_have_text("12")
    expect(number(page, "Visitors today")).to_have_text("12")
    expect(number(page, "Readers now")).to_have_text("12")
    # Its connection is up when a view is told.
    expect(page.get_by_text("Quiet since you opened")).to_be_visible()

    view(read, "/about", "Mozilla/5.0 (Macintosh)")

    expect(number(page, "Views today")).to_have_text("13")
    expect(stream(page).first).to_contain_text("/about")
    expect(number(page, "Readers now")).to_have_text("13")
    axe.check(page)
    shots.take(page, "live-full")


def test_the_stream_stands_still_when_paused(read, page):
    opened(page, read)
    expect(page.get_by_text("Quiet since you opened")).to_be_visible()
    view(read, "/one")
    expect(stream(page)).to_have_count(1)
    page.get_by_role("button", name="Pause").click()

    view(read, "/two")

    expect(page.get_by_text("1 more")).to_be_visible()
    expect(stream(page)).to_have_count(1)
    page.get_by_role("button", name="Go on").click()
    expect(stream(page)).to_have_count(2)


def test_robots_are_apart_with_the_reason(read, page, axe):
    opened(page, read)
    page.get_by_role("link", name="Robots").click()

    expect(page.get_by_text("crawler Says that it is a crawler")).to_be_visible()
    expect(number(page, "Views today")).to_have_text("12")
    axe.check(page)
    page.get_by_role("link", name="Referrers").click()
    expect(page.get_by_text("news.example")).to_be_visible()
    page.reload()
    expect(page.get_by_text("news.example")).to_be_visible()


def test_the_chart_is_a_table_too(read, page, axe):
    opened(page, read, "?by=minute")
    expect(page.get_by_role("img", name=re.compile("12 views"))).to_be_visible()
    page.get_by_role("button", name="Table").click()

    cells = page.get_by_role("table").get_by_role("row").get_by_role("cell")
    expect(cells.first).to_have_text(re.compile(r"^\d+$"))
    views = [int(text) for text in cells.all_inner_texts()[::2]]
    assert sum(views) == 12
    axe.check(page)


def test_a_page_is_forgotten_and_may_come_back(read, page):
    opened(page, read)
    pages_ = page.get_by_role("link", name="/projects", exact=True)
    pages_.click()
    page.get_by_role("button", name="Forget its views").click()
    expect(pages_).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(pages_).to_be_visible()
    pages_.click()
    page.get_by_role("button", name="Forget its views").click()
    page.get_by_role("button", name="Dismiss").click()

    expect(number(page, "Views today")).to_have_text("4")
    assert read.json("/stats/live")["totals"]["views"] == 4


def test_names_of_pages_are_text(lite, page):
    """What anybody on the web may send becomes no markup."""
    evil = "/<img src=x onerror=alert(1)>" + "x" * 300
    view(lite, evil)
    view(lite, "/مرحبا")
    opened(page, lite)

    expect(page.get_by_role("link", name=evil)).to_be_visible()
    assert page.evaluate("document.images.length") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_catches_up_after_a_restart(read, pages, page):
    opened(page, read)
    pages.may_say("ERR_CONNECTION_REFUSED|WebSocket|ERR_EMPTY|ERR_CONNECTION_RESET")
    read.halt()
    expect(page.get_by_text("sheaf does not answer")).to_be_visible()
    expect(number(page, "Views today")).to_have_text("12")
    read.start()
    view(read, "/after")

    expect(page.get_by_text("sheaf does not answer")).to_have_count(0)
    expect(number(page, "Views today")).to_have_text("13")
