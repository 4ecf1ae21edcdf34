"""A desk whose server does not run every service: it shows what there is, asks
for nothing else (a 404 would be in the console, which fails a test), and says
what is missing where somebody looks for it."""

import re

from playwright.sync_api import expect

from support import papers
from support.waiting import wait_until


def opened(page, server, path="/app/"):
    page.goto(server.url + path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def rail(page):
    return [link.get_attribute("href") for link in page.get_by_role(
        "navigation", name="Pages").get_by_role("link").all()]


def missing(page, service):
    """The sentence in the place of a page."""
    expect(page.get_by_text(
        f"The service {service} does not run at this address.")).to_be_visible()


def asked(page):
    """Paths that the page asks for from now on."""
    paths = []
    page.on("request", lambda request: paths.append(
        re.sub(r"^\w+://[^/]*|\?.*$", "", request.url)))
    page.on("websocket", lambda socket: paths.append(
        re.sub(r"^\w+://[^/]*|\?.*$", "", socket.url)))
    return paths


def test_papers_alone(make_lite, page, axe, shots):
    """backend,web: nobody is counted and nothing comes live, and no bar says
    that the server is away."""
    server = make_lite(services="backend,web")
    paths = asked(page)
    opened(page, server)
    expect(page.get_by_text("Papers appear here when a scraper delivers them.")
           ).to_be_visible()
    server.delivered(papers.call(papers.papers(1, 30)))
    page.reload()
    expect(page.get_by_text("30 papers this week")).to_be_visible()
    # for a processor, wherever it runs
    expect(page.get_by_text("Waits for its turn")).to_be_visible()
    assert rail(page) == ["/app/", "/app/papers", "/app/ops"]
    axe.check(page)
    shots.take(page, "services-papers-alone")
    # what comes anyway is seen with the next look
    page.get_by_role("combobox", name="Search or ask").fill("paper?")
    options = page.get_by_role("listbox", name="Results").get_by_role("option")
    expect(options.filter(has_text="Paper").first).to_be_visible()
    expect(options.filter(has_text="Ask")).to_have_count(0)
    page.keyboard.press("Escape")
    for path, service in (("live", "analytics"), ("documents", "processor"),
                          ("documents/x", "processor"), ("ask", "processor"),
                          ("ops/schedules", "scraper"),
                          ("ops/webhooks", "scraper")):
        opened(page, server, f"/app/{path}")
        missing(page, service)
        axe.check(page)
    shots.take(page, "services-no-deliveries")
    tabs = page.get_by_role("navigation", name="Operations")
    expect(tabs.get_by_role("link")).to_have_text(["Jobs", "Health"])
    tabs.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("link", name="Make texts findable by meaning")
           ).to_be_visible()
    expect(page.get_by_role("link", name="Fetch papers")).to_have_count(0)
    expect(page.get_by_text("sheaf does not answer")).to_have_count(0)
    strange = [path for path in paths if re.match(
        r"/(socket\.io|stats|sheaf\.js|documents|query|schedules"
        r"|api/webhook|api/coverage)", path)]
    assert not strange


def test_readers_alone(make_lite, page, axe, shots):
    """analytics,web: the numbers move, and there are no papers."""
    server = make_lite(services="analytics,web")
    opened(page, server)
    missing(page, "backend")
    assert rail(page) == ["/app/", "/app/live", "/app/ops"]
    axe.check(page)
    shots.take(page, "services-readers-alone")
    opened(page, server, "/app/live")
    server.post("/events/pageview", json={"page": "/projects"})
    expect(page.get_by_text("/projects").first).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("reader"))).to_be_visible()


def test_services_come_and_go(make_lite, pages):
    """What was said last time is corrected by what the server says now; until
    then the page asks what it asked last time."""
    pages.may_say("404|WebSocket")
    page = pages()
    server = make_lite(services="backend,analytics,web")
    opened(page, server)
    expect(page.get_by_role("link", name="Live")).not_to_have_count(0)
    # the desk counts its own reader, over the socket's service
    wait_until(lambda: server.metric("sheaf_live_sessions") == 1)
    page.goto("about:blank")
    port = server.port
    for services in "backend,web", "backend,analytics,web":
        server.stop()
        server.settings.update(services=services, listen=f"127.0.0.1:{port}")
        server.start()
        opened(page, server)
        live = page.get_by_role("navigation", name="Pages").get_by_role(
            "link", name="Live")
        expect(live).to_have_count(1 if "analytics" in services else 0)
    wait_until(lambda: server.metric("sheaf_live_sessions") == 1)
