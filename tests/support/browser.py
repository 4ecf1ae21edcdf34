"""A real browser: Debian's chromium, driven by Playwright.

A page of a `Pages` is watched: what it writes to the console as an error, what
it throws and what its content security policy refuses fails the test, unless
the test said that it may.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

# Every name leads nowhere but those of the tests' own servers, which stand for
# sites on the web: *.test is kept for that (RFC 6761).
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, "
        "EXCLUDE 127.0.0.1, EXCLUDE localhost"]

# Headless, chromium calls itself HeadlessChrome: to sheaf that is a robot.
PERSON = ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like "
          "Gecko) Chrome/156.0.0.0 Safari/537.36")

TIMEOUT_MS = 15000


def program():
    """Path of the browser, or None."""
    return os.environ.get("SHEAF_TEST_CHROMIUM") or shutil.which("chromium")


@contextlib.contextmanager
def alone(url, box):
    """The browser as a person starts it, without anything that drives it: it
    does more by itself then."""
    with open(box / "chromium.log", "wb") as log:
        process = subprocess.Popen(
            [program(), "--headless", f"--user-data-dir={box / 'alone'}",
             f"--user-agent={PERSON}", *ARGS, url],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Pages:
    """Opens pages for one test: pages() is a new one in a profile of its own,
    with the words of Playwright's new_context() for the profile."""

    def __init__(self, playwright, browser, box):
        self.playwright = playwright
        self.browser = browser
        self.box = box
        self.contexts = []
        self.console = []  # every line, for who has to look into a failure
        self._errors = []
        self._allowed = []

    def __call__(self, counted=False, **options):
        """`counted`: views of the desk by this page count, as they do in a
        browser that was not told otherwise."""
        context = self.browser.new_context(
            **{"user_agent": PERSON, **options})
        if not counted:
            context.add_init_script(
                "try { localStorage.setItem('sheaf.uncounted', 'true') }"
                " catch { /* pages without storage */ }")
        return self.adopt(context).new_page()

    def profile(self, preferences=None, without=(), **options):
        """A page in a profile on disk, for what no other can have: settings
        of the browser, and flags of Playwright that are left out."""
        place = self.box / f"profile-{len(self.contexts)}"
        (place / "Default").mkdir(parents=True)
        (place / "Default" / "Preferences").write_text(
            json.dumps(preferences or {}))
        return self.adopt(self.playwright.chromium.launch_persistent_context(
            place, executable_path=program(), args=ARGS,
            ignore_default_args=list(without),
            **{"user_agent": PERSON, **options})).pages[0]

    def adopt(self, context):
        context.set_default_timeout(TIMEOUT_MS)
        context.on("console", self._said)
        context.on("weberror", lambda e: self._wrong(f"thrown: {e.error}"))
        context.tracing.start(snapshots=True, sources=True)
        self.contexts.append(context)
        return context

    def may_say(self, pattern):
        """Errors in which this regular expression is found are expected."""
        self._allowed.append(re.compile(pattern))

    def errors(self):
        """The errors so far that nobody expected."""
        for context in self.contexts:
            context.cookies()  # an answer of it comes after all it said
        return [text for text in self._errors
                if not any(p.search(text) for p in self._allowed)]

    def _said(self, message):
        place = message.location
        text = (f"{message.type}: {message.text} "
                f"({place['url']}:{place['lineNumber']})")
        if message.type == "error":
            self._wrong(text)
        else:
            self.console.append(text)

    def _wrong(self, text):
        self.console.append(text)
        self._errors.append(text)

    def keep(self, folder):
        """What there is to see of a failed test."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "console.txt").write_text("\n".join(self.console) + "\n")
        for c, context in enumerate(self.contexts, 1):
            for p, page in enumerate(context.pages, 1):
                page.screenshot(path=folder / f"page-{c}-{p}.png")
            context.tracing.stop(path=folder / f"trace-{c}.zip")

    def close(self):
        for context in self.contexts:
            context.close()


class Shots:
    """Screenshots for a person to look at: FOLDER/NAME-WIDTH-SCHEME.png."""

    HEIGHTS = {1440: 900, 1024: 768, 390: 844}

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def take(self, page, name, widths=(1440, 1024, 390),
             schemes=("light", "dark"), full_page=False):
        self.folder.mkdir(parents=True, exist_ok=True)
        before = page.viewport_size
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for width in widths:
                page.set_viewport_size({"width": width,
                                        "height": self.HEIGHTS.get(width, 900)})
                page.evaluate(PAINTED)
                page.screenshot(
                    path=self.folder / f"{name}-{width}-{scheme}.png",
                    full_page=full_page, animations="disabled")
        page.emulate_media(color_scheme="null", reduced_motion="null")
        page.set_viewport_size(before)


PAINTED = """() => document.fonts.ready.then(() => new Promise(done =>
    requestAnimationFrame(() => requestAnimationFrame(() => done()))))"""


class Axe:
    """axe-core, run in a page: WCAG 2.2 AA and its best practices."""

    TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
            "best-practice"]

    def __init__(self, node_modules):
        self.source = (node_modules / "axe-core" / "axe.min.js").read_text()

    def check(self, page, within=None, without=()):
        """Fails with what axe finds in the page, or in an element of it."""
        page.locator("h1").first.wait_for(state="attached")
        # Not a script element: the page's policy would refuse it.
        page.evaluate(self.source + ";undefined")
        found = page.evaluate(
            """([root, options]) => axe.run(root || document, options)""",
            [within, {"runOnly": self.TAGS,
                      "rules": {rule: {"enabled": False} for rule in without},
                      "resultTypes": ["violations"]}])["violations"]
        assert not found, "\n".join(
            f"{v['id']}: {v['help']}\n" + "\n".join(
                f"    {' '.join(map(str, n['target']))}: {n['html'][:200]}"
                for n in v["nodes"]) for v in found)
