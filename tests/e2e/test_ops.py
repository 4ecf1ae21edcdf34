"""Operations in a browser: jobs, schedules, deliveries, health."""

import re

import pytest
from playwright.sync_api import expect

from support.fake_arxiv import Entry, hang, status
from support.fake_backend import answer
from support.sheaf import scraping

# With the processor, papers would be searchable too; here nobody searches.
PAPERS = 12


@pytest.fixture
def arxiv(arxiv):
    arxiv.corpus = [Entry(f"2511.0{1000 + n}", title=f"Agents that plan {n}",
                          categories=("cs.AI",)) for n in range(PAPERS)]
    return arxiv


@pytest.fixture
def desk(make_lite, arxiv):
    return make_lite(**scraping(arxiv))


def jobs(page):
    return page.get_by_role("list", name="Jobs").get_by_role("listitem")


def pane(page):
    return page.get_by_role("complementary")


def fetch(page, server):
    """Fill in and send the form; the job is open then."""
    page.goto(server.url + "/app/ops/jobs")
    page.get_by_role("link", name="Fetch papers").first.click()
    pane(page).get_by_role("button", name="Fetch papers").click()
    expect(page).to_have_url(re.compile(r"/app/ops/jobs/arxiv-\d+"))


def test_fetch_papers_and_see_the_job(desk, page, axe, shots):
    page.goto(desk.url + "/app/ops/jobs")
    expect(page.get_by_text("Nothing was done yet.")).to_be_visible()
    axe.check(page)
    shots.take(page, "jobs-empty")
    page.goto(desk.url + "/app/ops/jobs?fetch=1")
    axe.check(page)
    shots.take(page, "jobs-fetch")

    fetch(page, desk)

    expect(pane(page).get_by_text(f"{PAPERS} papers: {PAPERS} new, 0 known")) \
        .to_be_visible()
    expect(jobs(page).filter(has_text="Fetch papers from arXiv")) \
        .to_contain_text("Done")
    axe.check(page)
    shots.take(page, "jobs-done")
    pane(page).get_by_role("link", name="See its papers").click()
    expect(page.get_by_role("link", name="Agents that plan 3")).to_be_visible()


def test_errors_stand_at_their_fields(desk, pages, page):
    pages.may_say("400")
    page.goto(desk.url + "/app/ops/jobs?fetch=1")
    form = pane(page)
    form.get_by_label("Days").fill("900")
    expect(form.get_by_label("Days")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_role("button", name="Fetch papers")).to_be_disabled()
    form.get_by_label("Days").fill("7")
    form.get_by_label("arXiv’s categories").fill("cs.AI, n/a")

    with page.expect_response("**/scrape") as told:
        form.get_by_role("button", name="Fetch papers").click()

    assert told.value.status == 400
    expect(form.get_by_text("which is no arXiv category")).to_be_visible()
    expect(form.get_by_label("arXiv’s categories")) \
        .to_have_attribute("aria-invalid", "true")
    expect(form.get_by_label("arXiv’s categories")).to_have_value("cs.AI, n/a")


def test_cancel_and_go_on(desk, arxiv, page, axe, shots):
    arxiv.script.append(hang())
    fetch(page, desk)
    expect(pane(page).get_by_text("Running")).to_be_visible()
    shots.take(page, "jobs-running")

    pane(page).get_by_role("button", name="Cancel").click()

    expect(pane(page).get_by_text("Cancelled")).to_be_visible()
    expect(jobs(page).first).to_contain_text("Cancelled")
    axe.check(page)
    pane(page).get_by_role("button", name="Try again").click()
    expect(pane(page).get_by_text("Done")).to_be_visible()


def test_a_failed_job_says_why_and_is_tried_again(desk, arxiv, page, axe, shots):
    arxiv.script.extend([status(400)] * 50)
    fetch(page, desk)
    expect(pane(page).get_by_role("alert")).to_contain_text("arXiv answered 400")
    expect(jobs(page).filter(has_text="Fetch papers")).to_contain_text("Failed")
    axe.check(page)
    shots.take(page, "jobs-failed")
    page.get_by_role("navigation", name="Status") \
        .get_by_role("link", name="Failed").click()
    expect(jobs(page)).to_have_count(1)
    page.get_by_role("navigation", name="Status") \
        .get_by_role("link", name="All").click()
    arxiv.script.clear()

    pane(page).get_by_role("button", name="Try again").click()

    expect(pane(page).get_by_text("Done")).to_be_visible()


def test_a_delivery_is_seen_and_sent_again(make_lite, arxiv, backend, page, axe,
                                           shots):
    backend.always = answer(400, {"error": "<b>no</b>"})
    server = make_lite(args=["--services", "scraper,analytics,web"], backend_url=backend.url,
                       webhook_retry_ms="0,50", **scraping(arxiv))
    server.wait_job(server.scrape(days=7))
    page.goto(server.url + "/app/ops/webhooks")
    row = page.get_by_role("list", name="Deliveries").get_by_role("listitem")
    expect(row).to_contain_text("Given up")
    axe.check(page)
    row.get_by_role("link").click()
    expect(pane(page).get_by_role("region", name="Request body")) \
        .to_contain_text('"title": "Agents that plan')
    expect(pane(page).get_by_role("region", name="Response 1")) \
        .to_contain_text("<b>no</b>")
    axe.check(page)
    shots.take(page, "delivery-dead")
    backend.always = None

    pane(page).get_by_role("button", name="Send again").click()

    expect(pane(page).get_by_text("Delivered", exact=True).first).to_be_visible()
    expect(row).to_contain_text("Delivered")
    assert len(backend.deliveries) >= 2


def test_the_webhook_is_tried(desk, page, axe):
    page.goto(desk.url + "/app/ops/webhooks")
    expect(page.get_by_text("Nothing was delivered yet.")).to_be_visible()
    page.get_by_role("link", name="Test the webhook").click()
    pane(page).get_by_role("button", name="Send a test").click()

    expect(pane(page).get_by_text("Works")).to_be_visible()
    expect(pane(page).get_by_role("region", name="Response")) \
        .to_contain_text('"status": "success"')
    axe.check(page)


def test_a_schedule_from_beginning_to_end(desk, pages, axe, shots):
    page = pages(timezone_id="America/New_York", locale="en-US")
    page.goto(desk.url + "/app/ops/schedules")
    expect(page.get_by_text("Nothing is fetched by itself yet.")).to_be_visible()
    axe.check(page)
    page.get_by_role("link", name="Add a schedule").first.click()
    form = pane(page)
    expect(form.get_by_label("Time zone")).to_have_value("America/New_York")
    form.get_by_label("Category").select_option("llm")
    form.get_by_label("At", exact=True).fill("06:30")
    form.get_by_role("button", name="Add the schedule").click()

    rows = page.get_by_role("list", name="Schedules").get_by_role("listitem")
    expect(rows).to_contain_text("Every day at 06:30 (America/New_York)")
    expect(rows).to_contain_text("6:30 AM")
    axe.check(page)
    shots.take(page, "schedules")
    rows.get_by_role("switch").click()
    expect(rows).to_contain_text("Off")
    rows.get_by_role("link", name="Change Papers on llm").click()
    pane(page).get_by_label("Every").fill("12h")
    pane(page).get_by_role("button", name="Save").click()
    expect(rows).to_contain_text("Every 12 hours")
    rows.get_by_role("button", name="Delete Papers on llm").click()
    expect(rows).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(1)
    rows.get_by_role("button", name="Delete Papers on llm").click()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("Nothing is fetched by itself yet.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Nothing is fetched by itself yet.")).to_be_visible()


def test_gaps_are_seen_and_fetched(desk, arxiv, page, axe, shots):
    # Each day has one: arXiv's answer that a day has none is not believed at once.
    arxiv.corpus = [Entry(f"2511.0{1000 + n}", title=f"Missing {n}",
                          categories=("cs.AI", "cs.LG"), age_days=n)
                    for n in range(1, 15)]
    page.goto(desk.url + "/app/ops/schedules")
    page.get_by_role("button", name="Check the last 14 days").click()
    gaps = page.get_by_role("link", name="Fetch the 1 missing")
    expect(gaps).to_have_count(28)
    axe.check(page)
    shots.take(page, "coverage-gap")

    gaps.nth(3).click()
    pane(page).get_by_role("button", name="Fetch papers").click()

    expect(pane(page).get_by_text("1 paper: 1 new, 0 known")).to_be_visible()
    page.goto(desk.url + "/app/ops/schedules")
    expect(gaps).to_have_count(26)


def test_health_and_logging_out(make_lite, pages, page, axe, shots):
    pages.may_say("401|WebSocket")
    server = make_lite(private_reads="on")
    page.goto(server.url + "/app/ops/health")
    page.get_by_label("Admin token").fill(server.token())
    page.get_by_role("button", name="Open the desk").click()
    expect(page.get_by_text("Does it work?")).to_be_visible()
    expect(page.get_by_text("Works").first).to_be_visible()
    axe.check(page)
    shots.take(page, "health")
    page.get_by_label("Only what differs").check()
    expect(page.get_by_text("private_reads", exact=True)).to_be_visible()
    expect(page.get_by_text("webhook_retry_ms", exact=True)).to_have_count(0)
    page.get_by_label("Only what differs").uncheck()
    page.get_by_label("Find a setting").fill("webhook_secret")
    expect(page.get_by_text("set, not shown")).to_be_visible()

    page.get_by_role("button", name="Log out").click()

    expect(page.get_by_label("Admin token")).to_be_visible()


def test_keyboard_only(desk, page):
    for _ in range(3):
        desk.wait_job(desk.scrape(days=7))
    page.goto(desk.url + "/app/live")
    expect(page.get_by_role("heading", name="Live")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(jobs(page).first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = jobs(page).nth(1).get_by_role("link")
    expect(second).to_be_focused()
    page.keyboard.press("k")
    expect(jobs(page).nth(0).get_by_role("link")).to_be_focused()

    page.keyboard.press("Enter")

    expect(pane(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(pane(page)).to_have_count(0)


def test_a_job_on_a_phone_is_the_page(desk, pages):
    page = pages(viewport={"width": 390, "height": 844})
    fetch(page, desk)
    expect(pane(page).get_by_text("Done")).to_be_visible()
    expect(page.get_by_role("heading", name="Jobs")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Close (Esc)").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
