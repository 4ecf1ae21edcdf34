"""Fixtures of the browser tests; servers, fakes and data are those of
tests/conftest.py."""

import pathlib

import pytest
from playwright.sync_api import expect, sync_playwright

from support.browser import (ARGS, TIMEOUT_MS, Axe, Pages, Shots,
                             program)
from support.sheaf import REPO, binary

# As long as it takes the desk to reach a server that has come back, on a busy
# machine; what is there ends the wait at once.
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="session")
def out_dir():
    """For artefacts, beside the program."""
    return pathlib.Path(binary()).resolve().parent / "e2e"


@pytest.fixture(scope="session")
def driver():
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(driver):
    if not program():
        pytest.skip("no chromium here (scripts/deps.sh test)")
    started = driver.chromium.launch(executable_path=program(), args=ARGS)
    yield started
    started.close()


@pytest.fixture
def pages(driver, browser, box, out_dir, request):
    """Factory of pages, each in a profile of its own; see support/browser.py."""
    made = request.node.pages = Pages(driver, browser, box)
    made.folder = out_dir / box.name.rsplit("-", 1)[0]
    yield made
    made.close()


@pytest.fixture
def page(pages):
    """One page, for tests that need no more."""
    return pages()


@pytest.fixture(scope="session")
def shots(out_dir):
    """shots.take(page, "papers-full") for a person to look at."""
    return Shots(out_dir / "shots")


@pytest.fixture(scope="session")
def axe():
    """axe.check(page) fails with what axe-core finds."""
    return Axe(REPO / "web" / "node_modules")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A page that complained fails its test."""
    result = yield
    if hasattr(item, "pages"):
        errors = item.pages.errors()
        assert not errors, "the browser says:\n" + "\n".join(errors)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With a failure, keep what the browser shows while it still does."""
    report = yield
    if report.failed and call.when == "call" and hasattr(item, "pages"):
        item.pages.keep(item.pages.folder)
        report.sections.append(("browser", "\n".join(
            [*item.pages.console[-40:],
             f"screenshots and traces are in {item.pages.folder}"])))
    return report
