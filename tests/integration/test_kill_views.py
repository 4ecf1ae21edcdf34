"""kill -9 at random moments of many page views: every view that was answered is
counted, once, and live clients were told of nothing that is lost.

SHEAF_KILLS says how many times (8); SHEAF_SEED repeats a run.
"""

import concurrent.futures
import os
import random
import time

import pytest
import requests

from support.live import Watcher
from support.raw import Closed

pytestmark = pytest.mark.one_process("kills the process while it counts")

KILLS = int(os.environ.get("SHEAF_KILLS", "8"))
SEED = int(os.environ.get("SHEAF_SEED", str(random.randrange(10 ** 6))))
SENDERS = 16 # so that a commit has many views
ROBOT = "Mozilla/5.0 (compatible; Examplebot/1.0; +https://bot.example)"


class Page:
    """A page that one sender views, one view after the other: so its count is
    known but for the one view that was under way."""

    def __init__(self, number, is_robot):
        self.path = f"/page/{number}"
        self.headers = {"User-Agent": ROBOT} if is_robot else {}
        self.step = 0 if is_robot else 1 # of the count, with each view
        self.count = self.robots = 0
        self.in_doubt = 0 # views of robots, which have no count to look at

    def view(self, session, url, doubt=0):
        reply = session.post(url + "/events/pageview", timeout=30,
                             json={"page": self.path}, headers=self.headers)
        assert reply.status_code == 202, reply.text
        count = reply.json()["count"]
        assert self.count + self.step <= count
        assert count <= self.count + self.step * (1 + doubt), (
            f"{self.path}: {self.count} were acknowledged, then {count}")
        self.count = count
        self.robots += 1 - self.step

    def until_death(self, url):
        with requests.Session() as session:
            while True:
                try:
                    self.view(session, url)
                except requests.RequestException:
                    self.in_doubt += 1 - self.step
                    return


def hear(server):
    """What a live client hears until the server dies: page -> last count."""
    heard = {}
    try:
        with Watcher(server) as watcher:
            while True:
                name, data = watcher.event()
                if name == "new_pageview":
                    assert data["count"] > heard.get(data["page"], 0)
                    heard[data["page"]] = data["count"]
    except (Closed, OSError):
        return heard


def run(server, pages, seconds):
    """Load the server, kill it; what a client has heard by then."""
    with concurrent.futures.ThreadPoolExecutor(SENDERS + 1) as pool:
        client = pool.submit(hear, server)
        senders = [pool.submit(page.until_death, server.url) for page in pages]
        time.sleep(seconds)
        alive = server.process.poll() is None
        server.kill()
        assert alive, "it died by itself"
        for sender in senders:
            sender.result()
        return client.result()


def check(server, pages):
    """All that is said of views agrees."""
    totals = server.json("/stats/live")["totals"]
    assert totals["views"] == sum(page.count for page in pages)
    robots = sum(page.robots for page in pages)
    assert robots <= totals["bot_views"] <= robots + sum(
        page.in_doubt for page in pages)
    top = server.json("/stats/top", params={"limit": 100})["results"]
    assert {row["page"]: row["count"] for row in top} == {
        page.path: page.count for page in pages if page.count}
    for page in pages:
        points = server.json("/stats/pageviews", params={
            "interval": "day", "page": page.path,
            "from": time.strftime("%Y-%m-%d",
                                  time.gmtime(time.time() - 86400)),
        })["points"]
        assert sum(point["views"] for point in points) == page.count


@pytest.mark.timeout(60 + 6 * KILLS)
def test_kill_counts_each_view_once(make_sheaf):
    print(f"SHEAF_SEED={SEED}")
    chance = random.Random(SEED)
    server = make_sheaf(services="analytics")
    pages = [Page(n, is_robot=n % 8 == 7) for n in range(SENDERS)]
    told = 0
    for _ in range(KILLS):
        heard = run(server, pages, chance.uniform(0.02, 0.4))
        server.start()
        with requests.Session() as session:
            for page in pages:
                page.view(session, server.url, doubt=1)
        for page in pages: # the view just made is one more
            assert heard.get(page.path, 0) < max(page.count, 1)
        check(server, pages)
        told += len(heard)
    assert sum(page.count for page in pages) > 10 * KILLS, "there was no load"
    assert told > 0
