"""/sheaf.js on somebody else's site, in a real browser, and a page with the
official Socket.IO client that shows the counts."""

import json
import queue
import socket
import threading

import pytest
from playwright.sync_api import expect

from support.browser import alone
from support.sheaf import REPO
from support.site import Site
from support.waiting import wait_until

VIEW = "/events/pageview"


@pytest.fixture
def site(js_dir):
    """Its pages have the tracker, but for /counter.html."""
    with Site(REPO / "tests" / "e2e" / "site", {
            "/socket.io.min.js": js_dir / "node_modules" /
            "socket.io-client" / "dist" / "socket.io.min.js"}) as made:
        yield made


@pytest.fixture
def counting(make_lite, site):
    """A server that counts for the site."""
    server = make_lite(services="analytics",
                       allowed_origins=site.url("desk.test"))
    site.words["sheaf"] = server.url
    return server


@pytest.fixture
def counter(counting, site, pages):
    """The page that shows the counts, connected."""
    page = pages()
    page.goto(site.url("desk.test") + "/counter.html")
    expect(page.locator("#state")).to_have_text("live")
    return page


def shows(counter, path, count):
    expect(counter.locator(f'[data-page="{path}"]')).to_have_text(str(count))


def counts(server):
    """What was counted, once all of it has been told: {page: views}."""
    return {row["page"]: row["count"]
            for row in server.json("/stats/top")["results"]}


def visitors(server):
    # It may be midnight: of two days, then.
    return sum(day["visitors"]
               for day in server.json("/stats/visitors?days=2")["days"])


def sent(page):
    """The bodies of the views that this page sends from now on."""
    found = []
    page.on("request", lambda r: r.url.endswith(VIEW) and
            found.append(r.post_data_json))
    return found


def test_another_pages_counter_moves(counting, site, pages, counter):
    reader = pages()
    reader.goto(site.url() + "/")
    shows(counter, "/", 1)
    reader.click("text=About")
    shows(counter, "/about.html", 1)
    other = pages()
    other.goto(site.url() + "/")
    shows(counter, "/", 2)
    assert counts(counting) == {"/": 2, "/about.html": 1}
    assert counting.json("/stats/top")["results"][0]["title"] == "Home"


def test_single_page_application(counting, site, page, counter):
    views = sent(page)
    page.goto(site.url() + "/shop/")
    shows(counter, "/shop/", 1)
    page.click("text=Lamps")
    expect(page.locator("h1")).to_have_text("lamps")
    shows(counter, "/shop/lamps", 1)
    page.click("text=By price")  # the same page, asked for otherwise
    page.click("text=First")
    page.evaluate("history.replaceState(null, '', '/shop/lamps?sort=name')")
    for _ in range(3):
        page.go_back()
    shows(counter, "/shop/", 2)
    page.go_forward()
    shows(counter, "/shop/lamps", 2)
    page.reload()
    shows(counter, "/shop/lamps", 3)
    assert [(v["page"], v["title"]) for v in views] == [
        ("/shop/", "Shop"), ("/shop/lamps", "lamps"), ("/shop/", "Shop"),
        ("/shop/lamps", "lamps"), ("/shop/lamps", "lamps")]
    assert counts(counting) == {"/shop/": 2, "/shop/lamps": 3}


def test_back_out_of_the_cache(counting, site, pages, counter):
    """The browser shows a kept page again, and runs no script anew."""
    page = pages.profile(without=["--disable-back-forward-cache"])
    page.goto(site.url() + "/")
    shows(counter, "/", 1)
    page.evaluate("addEventListener('pageshow', e => cached = e.persisted)")
    page.click("text=About")
    shows(counter, "/about.html", 1)
    page.go_back(wait_until="commit")
    shows(counter, "/", 2)
    assert page.evaluate("cached") is True
    assert counts(counting) == {"/": 2, "/about.html": 1}


def test_rendered_ahead(counting, site, box, pages, counter):
    """A page that the browser makes ready before it is wanted counts when it is
    shown."""
    with alone(site.url("localhost") + "/ahead.html", box):
        wait_until(lambda: "/ready?true" in site.asked,
                   what="the tracker's run in a page that nobody sees")
        pages().goto(site.url() + "/")
        shows(counter, "/", 1)
        assert counts(counting) == {"/": 1}
        site.files["/go"] = site.folder / "index.html"
        shows(counter, "/wanted.html", 1)
    assert site.asked.count("/wanted.html") == 1


def test_referrer(counting, site, page, counter):
    """Of another site its name is kept, of the own one nothing."""
    views = sent(page)
    page.goto(site.url() + "/")
    page.click("text=About")
    shows(counter, "/about.html", 1)
    page.evaluate("to => { location = to }", site.url("other.test") + "/")
    shows(counter, "/", 2)
    assert [v["referrer"] for v in views] == ["", "", site.url()]
    assert counting.json("/stats/top?by=referrer")["results"] == [
        {"referrer": "blog.test", "count": 1}]


def test_a_page_that_is_left_at_once(counting, site, box, page):
    """The request outlives its page, however long the way is."""
    left, outlived = threading.Event(), queue.Queue()

    def slowly(handler, body):
        assert left.wait(30)
        handler.connection.setblocking(False)
        try:
            open_still = handler.connection.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            open_still = True
        outlived.put((json.loads(body)["page"], open_still))

    (box / "sheaf.js").write_bytes(counting.get("/sheaf.js").content)
    site.files["/slow/sheaf.js"] = box / "sheaf.js"
    site.posts["/slow" + VIEW] = slowly
    page.goto(site.url() + "/leaving.html")
    expect(page.locator("h1")).to_have_text("About")
    left.set()
    assert outlived.get(timeout=15) == ("/leaving.html", True)


def test_do_not_track(counting, site, pages, counter):
    """The view counts, the reader does not."""
    page = pages.profile({"enable_do_not_track": True})
    page.goto(site.url() + "/")
    assert page.evaluate("navigator.doNotTrack") == "1"
    shows(counter, "/", 1)
    # No chromium has it yet: as the header that browsers with it send.
    pages(extra_http_headers={"Sec-GPC": "1"}).goto(site.url() + "/")
    shows(counter, "/", 2)
    assert visitors(counting) == 0
    pages().goto(site.url() + "/")
    shows(counter, "/", 3)
    assert visitors(counting) == 1


def test_nothing_is_left_behind(counting, site, pages, counter):
    """No cookie is sent or set, nothing is stored."""
    page = pages(counted=True)
    page.context.add_cookies([{"name": "theirs", "value": "1",
                               "url": counting.url}])
    before = page.context.storage_state(indexed_db=True)
    with page.expect_response(lambda r: r.url.endswith(VIEW)) as seen:
        page.goto(site.url() + "/shop/")
    page.click("text=Lamps")
    shows(counter, "/shop/lamps", 1)
    assert "cookie" not in seen.value.request.all_headers()
    assert "set-cookie" not in seen.value.all_headers()
    assert page.context.storage_state(indexed_db=True) == before
    assert page.evaluate("""async () => [
        localStorage.length, sessionStorage.length, document.cookie,
        (await indexedDB.databases()).length]""") == [0, 0, "", 0]


def test_strict_policy(counting, site, page, counter):
    """A site needs to allow the one script and the one place it calls."""
    site.headers["/about.html"] = {"Content-Security-Policy":
        f"default-src 'none'; script-src {counting.url}; "
        f"connect-src {counting.url}; img-src data:"}
    page.goto(site.url() + "/about.html")
    shows(counter, "/about.html", 1)


def test_robot(counting, site, pages, counter):
    """The browser as it is says that nobody sits before it."""
    page = pages(user_agent=None)
    with page.expect_response(lambda r: r.url.endswith(VIEW)) as seen:
        page.goto(site.url() + "/")
    assert seen.value.status == 202
    pages().goto(site.url() + "/")
    shows(counter, "/", 1)
    assert counting.json("/stats/live")["totals"]["bot_views"] == 1


def test_server_away(counting, site, pages, page, counter):
    """The site does not notice; the counter comes back by itself."""
    page.goto(site.url() + "/shop/")
    shows(counter, "/shop/", 1)
    pages.may_say("ERR_CONNECTION_REFUSED")
    counting.halt()
    expect(counter.locator("#state")).to_have_text("away")
    with page.expect_event("requestfailed"):
        page.click("text=Lamps")
    expect(page.locator("h1")).to_have_text("lamps")
    counting.start()
    expect(counter.locator("#state")).to_have_text("live")
    page.go_back()
    shows(counter, "/shop/", 2)
    assert counts(counting) == {"/shop/": 2}
