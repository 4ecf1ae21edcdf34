"""/docs in a real browser."""

from playwright.sync_api import expect


def test_docs(shared_lite, page, axe, shots):
    page.goto(shared_lite.url + "/docs")
    expect(page.locator("body")).to_contain_text("/events/pageview")
    axe.check(page)
    page.emulate_media(color_scheme="dark")
    axe.check(page)
    shots.take(page, "docs")
