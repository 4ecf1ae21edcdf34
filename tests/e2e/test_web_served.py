"""The desk out of the program in a real browser: its pages by link, by address
and after a reload; what is kept; and that its policy holds and forbids it
nothing that it does (an error in the console fails each test here)."""

import re

from playwright.sync_api import expect

# By their addresses; all are in the rail.
PAGES = ["", "/papers", "/documents", "/ask", "/live", "/ops"]


def test_each_page(lite_desk, page):
    page.goto(lite_desk.url + "/")
    expect(page).to_have_url(lite_desk.url + "/app/")
    title = ""
    for path in PAGES:
        link = page.locator(f"nav a[href^='/app{path}']").first
        link.click()
        expect(page).to_have_url(re.compile(
            re.escape(lite_desk.url + "/app" + path) + r"(/|\?|$)"))
        heading = page.get_by_role("heading", level=1)
        expect(heading).not_to_have_text(title)  # of the page before
        title = heading.inner_text()
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_nothing_is_fetched_twice(lite_desk, page):
    fetched = ("() => performance.getEntriesByType('resource')"
               ".filter(e => e.name.includes('/app/assets/'))"
               ".map(e => [e.name, e.transferSize])")
    page.goto(lite_desk.url + "/app/papers")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    first = page.evaluate(fetched)
    assert sum(size for _, size in first) > 100_000, first
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    again = page.evaluate(fetched)
    assert again and all(size == 0 for _, size in again), again


def test_policy_holds(lite_desk, pages):
    """What a text from outside could try, were it ever taken for markup."""
    page = pages()
    pages.may_say("Content Security Policy|Refused to|net::ERR|blocked")
    page.goto(lite_desk.url + "/app/papers")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate("""async wanted => {
        const seen = new Set();
        document.addEventListener('securitypolicyviolation',
            e => seen.add(e.effectiveDirective));
        const add = (tag, more) => document.body.append(
            Object.assign(document.createElement(tag), more));
        add('script', { textContent: 'window.ran = 1' });
        add('style', { textContent: 'body { color: red }' });
        add('img', { src: 'https://elsewhere.test/x.png' });
        add('iframe', { src: 'https://elsewhere.test/' });
        add('object', { data: '/app/icon.svg' });
        add('div', { innerHTML: '<img src=x onerror="window.ran = 2">' });
        add('base', { href: 'https://elsewhere.test/' });
        await fetch('https://elsewhere.test/').catch(() => 0);
        await new Promise(done => {
            const wait = () => wanted.every(w => seen.has(w))
                ? done() : setTimeout(wait, 10);
            wait();
        });
    }""", ["script-src-elem", "script-src-attr", "style-src-elem", "img-src",
           "frame-src", "object-src", "base-uri", "connect-src"])
    assert page.evaluate("window.ran") is None
