"""Page views: counted durably, and told to live clients."""

import concurrent.futures
import json
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
import requests

from support.dashboards import JavaScript, Python
from support.live import Watcher
from support.raw import many
from support.sheaf import REPO, run_cli
from support.waiting import wait_until

ROBOT = "Mozilla/5.0 (compatible; Examplebot/1.0; +https://bot.example)"


@pytest.fixture
def desk(make_sheaf):
    return make_sheaf(services="analytics")


def view(server, page="/projects", session=requests, headers=None, **fields):
    return session.post(server.url + "/events/pageview",
                        json={"page": page, **fields}, headers=headers,
                        timeout=30)


def views_from(server, client, count):
    return many(server, count, "POST", "/events/pageview",
                "Content-Type: application/json",
                f"X-Forwarded-For: {client}", body=b'{"page":"/projects"}')


def counted(server, page="/projects", **kw):
    reply = view(server, page, **kw)
    assert reply.status_code == 202, reply.text
    assert reply.json()["page"] == page
    return reply.json()["count"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("client", [Python, JavaScript])
def test_as_drawn(desk, request, client, transport):
    """Drawn flow 3: a view is counted and told to the official clients."""
    assert counted(desk, title="Projects") == 1
    with client(request, desk, transport) as dashboard:
        assert dashboard.event() == ["snapshot", {
            "totals": {"views": 1, "pages": 1, "bot_views": 0},
            "top_pages": [{"page": "/projects", "title": "Projects",
                           "count": 1}],
            "online": 1}]
        assert counted(desk) == 2
        assert dashboard.event() == ["new_pageview",
                                     {"page": "/projects", "count": 2}]


def test_snapshot_then_counts(desk):
    with Watcher(desk) as one:
        assert one.event() == ["snapshot", {
            "totals": {"views": 0, "pages": 0, "bot_views": 0},
            "top_pages": [], "online": 1}]
        assert counted(desk, "/a") == 1
        assert one.event() == ["new_pageview", {"page": "/a", "count": 1}]
        with Watcher(desk) as two:
            name, snapshot = two.event()
            assert (name, snapshot["online"]) == ("snapshot", 2)
            assert snapshot["totals"]["views"] == 1
            assert counted(desk, "/b") == 1
            for client in one, two:
                assert client.event() == ["new_pageview",
                                          {"page": "/b", "count": 1}]


def test_query_and_fragment_are_dropped(desk):
    assert view(desk, "/a?q=1#x").json() == {"page": "/a", "count": 1}
    assert view(desk, "/a").json() == {"page": "/a", "count": 2}


def test_a_flood_is_told_in_few_words(desk):
    """Many senders, each view counted once, and the last count is told."""
    n, senders = 400, 8
    with Watcher(desk) as watcher:
        assert watcher.event()[0] == "snapshot"

        def send(_):
            with requests.Session() as session:
                return [counted(desk, session=session)
                        for _ in range(n // senders)]

        with concurrent.futures.ThreadPoolExecutor(senders) as pool:
            counts = sorted(c for part in pool.map(send, range(senders))
                            for c in part)
        assert counts == list(range(1, n + 1))
        seen = watcher.count_of("/projects", n)
    assert seen == sorted(set(seen))
    assert len(seen) < n / 2


def test_robots_are_not_told(desk):
    with Watcher(desk) as watcher:
        assert watcher.event()[0] == "snapshot"
        assert counted(desk, headers={"User-Agent": ROBOT}) == 0
        assert counted(desk) == 1
        assert watcher.event() == ["new_pageview",
                                   {"page": "/projects", "count": 1}]
    with Watcher(desk) as watcher:
        assert watcher.event()[1]["totals"] == {"views": 1, "pages": 1,
                                                "bot_views": 1}


def test_other_sites_may_count(lite):
    """As navigator.sendBeacon and fetch do it: no preflight for text/plain."""
    url = lite.url + "/events/pageview"
    reply = requests.post(
        url, data='{"page":"/x"}', timeout=30,
        headers={"Content-Type": "text/plain;charset=UTF-8",
                 "Origin": "https://blog.example"})
    assert reply.status_code == 202
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    reply = requests.options(
        url, timeout=30,
        headers={"Origin": "https://blog.example",
                 "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "content-type"})
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    for kind in "text/html", "text/plain;charset=latin-1", "image/png":
        assert requests.post(url, data='{"page":"/x"}', timeout=30, headers={
            "Content-Type": kind}).status_code == 415


def test_private_reads_do_not_stop_counting(make_lite):
    assert counted(make_lite(private_reads="on")) == 1


BAD = [
    ({}, "page"), ({"page": None}, "page"), ({"page": 5}, "page"),
    ({"page": ["/a"]}, "page"), ({"page": ""}, "page"),
    ({"page": "projects"}, "page"), ({"page": "https://x.org/"}, "page"),
    ({"page": "/" + "x" * 2048}, "page"), ({"page": "/" + "x" * 10000}, "page"),
    ({"page": "/a\n"}, "page"), ({"page": "/a\x1b[2J"}, "page"),
    ({"page": "/a\u202e"}, "page"), ({"page": "/a\x00"}, None),
    ({"page": "/a", "referrer": "x.org"}, "referrer"),
    ({"page": "/a", "referrer": 5}, "referrer"),
    ({"page": "/a", "referrer": "https://x.org/" + "y" * 2048}, "referrer"),
    ({"page": "/a", "title": "t" * 501}, "title"),
    ({"page": "/a", "title": {}}, "title"),
    ({"page": "/a", "count": 7}, "count"),
]


def test_bad_input(lite):
    """Each is refused in words that name the field, and none is counted."""
    for body, field in BAD:
        reply = requests.post(lite.url + "/events/pageview", json=body,
                              timeout=30)
        assert reply.status_code == 400, (body, reply.text)
        assert reply.json().get("detail", {}).get("field") == field, (
            body, reply.text)
    for body in (b"", b"[]", b"x", b'{"page":"/a"', b'{"page":"/\xff"}',
                 b'{"page":"/a","page":"/b"}'):
        reply = requests.post(lite.url + "/events/pageview", data=body,
                              headers={"Content-Type": "application/json"},
                              timeout=30)
        assert reply.status_code == 400, (body, reply.text)
    assert requests.post(lite.url + "/events/pageview", timeout=30,
                         json={"page": "/a", "title": "x" * 70000}
                         ).status_code == 413
    assert requests.get(lite.url + "/events/pageview",
                        timeout=30).status_code == 405
    with Watcher(lite) as watcher:
        assert watcher.event()[1]["totals"] == {"views": 0, "pages": 0,
                                                "bot_views": 0}


def test_rate_from_elsewhere(make_lite):
    """Behind a proxy an address has 600 a minute, of each process; another one
    is not hurt."""
    server = make_lite(trusted_proxies="127.0.0.1")
    allowed = 600 * server.processes
    start = time.monotonic()
    replies = views_from(server, "198.51.100.7", 2 * allowed + 100)
    minutes = 2 + (time.monotonic() - start) // 60  # may have begun
    refused = [r for r in replies if r.status == 429]
    assert refused and "retry-after" in refused[0].headers
    assert 600 <= len(replies) - len(refused) <= allowed * minutes
    assert views_from(server, "198.51.100.8", 1)[0].status == 202


def test_restart_goes_on_counting(desk):
    assert [counted(desk) for _ in range(3)] == [1, 2, 3]
    desk.stop()
    desk.start()
    assert counted(desk) == 4


def test_stop_answers_views_under_way(desk):
    """An orderly stop: whoever sent gets an answer or no connection, and what
    was answered is counted."""
    acknowledged = []

    def send():
        with requests.Session() as session:
            while True:
                try:
                    reply = view(desk, session=session)
                except requests.RequestException:
                    return
                if reply.status_code != 202:
                    assert reply.status_code == 503
                    return
                acknowledged.append(reply.json()["count"])

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    wait_until(lambda: len(acknowledged) >= 50)
    desk.stop()
    for sender in senders:
        sender.join()
    desk.start()
    assert counted(desk) > max(acknowledged)


# -- what has been counted ----------------------------------------------------

def test_top(desk):
    for page, n in ("/a", 1), ("/b", 3), ("/c", 2):
        for _ in range(n):
            counted(desk, page, title=page.upper(),
                    referrer=f"https://{page[1]}.example/x?y")
    counted(desk, "/c", headers={"User-Agent": ROBOT})
    assert desk.json("/stats/top") == {"by": "page", "results": [
        {"page": "/b", "title": "/B", "count": 3},
        {"page": "/c", "title": "/C", "count": 2},
        {"page": "/a", "title": "/A", "count": 1}]}
    assert desk.json("/stats/top?by=referrer&limit=2") == {
        "by": "referrer", "results": [{"referrer": "b.example", "count": 3},
                                      {"referrer": "c.example", "count": 2}]}
    assert desk.json("/stats/top?by=bot") == {
        "by": "bot", "results": [{"bot": "crawler", "count": 1}]}
    assert desk.json("/stats/top?to=2020-01-01")["results"] == []
    live = desk.json("/stats/live")
    assert (live["online"], live["views"]) == (0, 6)
    assert live["totals"] == {"views": 6, "pages": 3, "bot_views": 1}
    assert [p["page"] for p in live["pages"]] == ["/b", "/c", "/a"]


def test_series(desk):
    counted(desk, "/a")
    counted(desk, "/b")
    counted(desk, "/b", headers={"User-Agent": ROBOT})
    for interval, n in ("minute", {60, 61}), ("hour", {24, 25}), ("day", {31}):
        got = desk.json(f"/stats/pageviews?interval={interval}")
        assert len(got["points"]) in n
        assert (got["views"], got["bot_views"]) == (2, 1)
        assert sum(p["views"] for p in got["points"][-2:]) == 2
    assert desk.json("/stats/pageviews?page=/b")["views"] == 1
    assert desk.json("/stats/pageviews?page=/none")["views"] == 0


@pytest.mark.parametrize("tz, hours, first", [
    ("Europe/Berlin", 23, "2026-03-29T00:00:00+01:00"),
    ("UTC", 24, "2026-03-29T00:00:00+00:00"),
    ("Asia/Kolkata", 24, "2026-03-29T00:00:00+05:30"),
    ("America/St_Johns", 24, "2026-03-29T00:00:00-02:30"),
])
def test_zones(shared_lite, tz, hours, first):
    got = shared_lite.json("/stats/pageviews", params={
        "from": "2026-03-29", "to": "2026-03-29", "interval": "hour",
        "tz": tz})
    assert len(got["points"]) == hours
    assert got["points"][0]["local"] == first
    days = shared_lite.json("/stats/pageviews", params={
        "from": "2026-03-01", "to": "2026-03-31", "tz": tz})["points"]
    assert len(days) == 31
    assert all(p["local"][10:19] == "T00:00:00" for p in days)


@pytest.mark.parametrize("query, field", [
    ("interval=week", "interval"), ("tz=Mars/Base", "tz"),
    ("tz=../etc/passwd", "tz"), ("from=yesterday", "from"),
    ("to=2026-13-01", "to"), ("from=2026-01-02&to=2026-01-01", "to"),
    ("interval=minute&from=2020-01-01", "interval"), ("page=a", "page"),
    ("pages=/a", "pages"),
])
def test_bad_queries(shared_lite, query, field):
    reply = shared_lite.get("/stats/pageviews?" + query)
    assert reply.status_code == 400, reply.text
    assert reply.json()["detail"]["field"] == field


def test_visitors(make_sheaf):
    """Told apart by address and browser, behind trusted proxies only; not who
    asks not to be, and not robots."""
    desk = make_sheaf(services="analytics", trusted_proxies="127.0.0.1")

    def visitors():
        days = desk.json("/stats/visitors")["days"]
        assert len(days) <= 2 # it may be midnight
        live = desk.json("/stats/live")["visitors"]
        return [sum(d["visitors"] for d in days), live]

    assert visitors() == [0, 0]
    for headers, n in [
            ({"User-Agent": "A"}, 1), ({"User-Agent": "A"}, 1),
            ({"User-Agent": "B"}, 2),
            ({"User-Agent": "A", "X-Forwarded-For": "198.51.100.7"}, 3),
            ({"User-Agent": "A", "X-Forwarded-For": "198.51.100.7"}, 3),
            ({"User-Agent": "A",
              "X-Forwarded-For": "203.0.113.9, 198.51.100.7"}, 3), # forged
            ({"User-Agent": "C", "DNT": "1"}, 3),
            ({"User-Agent": "C", "Sec-GPC": "1"}, 3),
            ({"User-Agent": ROBOT}, 3),
            ({"User-Agent": "C", "DNT": "0"}, 4)]:
        view(desk, headers=headers).raise_for_status()
        assert visitors() == [n, n], headers
    desk.restart()
    counted(desk, headers={"User-Agent": "A"})
    assert visitors() == [4, 4]


def test_forged_addresses_are_one_visitor(lite):
    for n in range(3):
        lite.post("/events/pageview", json={"page": "/a"}, headers={
            "X-Forwarded-For": f"198.51.100.{n}", "User-Agent": "A"})
    assert lite.json("/stats/visitors")["days"][0]["visitors"] == 1


def test_private_reads(make_lite):
    server = make_lite(private_reads="on")
    for path in "/stats/live", "/stats/top", "/stats/pageviews":
        assert requests.get(server.url + path, timeout=30).status_code == 401


@pytest.mark.one_process("looks into the file of the database")
def test_retention(make_lite):
    """Views older than that are a total of their day."""
    server = make_lite(retention_days=10)
    counted(server, "/a")
    server.stop()
    today = int(time.time()) // 86400
    with sqlite3.connect(server.data_dir / "sheaf.db") as db:
        page = db.execute("SELECT id FROM pages").fetchone()[0]
        for day in 9, 12, 13:
            db.executemany(
                "INSERT INTO page_views VALUES (?, ?, '', '', 1)",
                [((today - day) * 1440 + n, page) for n in (0, 5, 1400)])
    db.close()

    def rows():
        with sqlite3.connect(server.data_dir / "sheaf.db") as db:
            found = dict(db.execute("SELECT minute / 1440, count(*) FROM"
                                    " page_views GROUP BY 1"))
        db.close()
        return [found.get(today - day) for day in (9, 12, 13)]

    server.start()
    wait_until(lambda: rows() == [3, 1, 1])
    start = time.strftime("%Y-%m-%d", time.gmtime((today - 20) * 86400))
    got = server.json("/stats/pageviews?from=" + start)
    assert sorted(p["views"] for p in got["points"])[-4:] == [1, 3, 3, 3]


def test_erasure(desk):
    counted(desk, "/a")
    counted(desk, "/b")
    assert desk.delete("/stats/pages?page=/a").status_code == 204
    assert desk.delete("/stats/pages?page=/a").status_code == 404
    for query, field in ("", "page"), ("?page=a", "page"):
        reply = desk.delete("/stats/pages" + query)
        assert reply.status_code == 400
        assert reply.json()["detail"]["field"] == field
    assert [p["page"] for p in desk.json("/stats/top")["results"]] == ["/b"]
    assert desk.json("/stats/pageviews")["views"] == 1
    assert requests.delete(desk.url + "/stats/pages?page=/b", timeout=30,
                           headers={"Origin": "https://evil.example"}
                           ).status_code == 403
    assert counted(desk, "/a") == 1


# -- the command ---------------------------------------------------------------

def stats(box, *args):
    return run_cli("stats", *args, "--data-dir", box / "a" / "data", home=box)


@pytest.mark.one_process("the command opens the directory itself")
def test_command(lite, box):
    counted(lite, "/a", title="A \x1b[2J", referrer="https://x.example/")
    counted(lite, "/b")
    counted(lite, "/b", headers={"User-Agent": ROBOT})
    for stopped in False, True:
        if stopped: # then the command opens the directory itself
            lite.stop()
        done = stats(box)
        assert done.returncode == 0, done.stderr
        assert "2 views of 2 pages, and 1 by robots" in done.stdout
        assert "/a" in done.stdout and "/b" in done.stdout
        assert "\x1b" not in done.stdout
        done = stats(box, "--by", "referrer", "--json")
        assert json.loads(done.stdout)["top"] == {
            "by": "referrer",
            "results": [{"referrer": "x.example", "count": 1}]}
        done = stats(box, "--to", "2020-01-01")
        assert "Nothing was viewed" in done.stdout
    for args in ["--tz", "Mars/Base"], ["--limit", "0"], ["--by", "day"]:
        done = stats(box, *args)
        assert done.returncode == 1 and args[0][2:] in done.stderr
    assert stats(box, "more").returncode == 2


# -- the tracker --------------------------------------------------------------

def test_tracker(lite):
    reply = lite.get("/sheaf.js?v=2")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/javascript")
    assert "ETag" in reply.headers
    assert "cookie:" not in str(reply.headers).lower()
    assert len(reply.content) < 1000
    assert "document.cookie" not in reply.text
    assert "localStorage" not in reply.text


def test_tracker_counts(lite, js_dir):
    done = subprocess.run(["node", "tracker.mjs", lite.url], cwd=js_dir,
                          capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"page": "/blog/", "count": 1, "type": "string"},
        {"page": "/two", "count": 1, "type": "string"},
        {"page": "/three", "count": 1, "type": "string"},
        {"page": "/blog/", "count": 2, "type": "string"},
        {"page": "/blog/", "count": 3, "type": "string"}]
    assert lite.json("/stats/top?by=referrer")["results"] == [
        {"referrer": "other.example", "count": 1}]
    titles = {p["page"]: p["title"]
              for p in lite.json("/stats/top")["results"]}
    assert titles["/two"] == "Two"


@pytest.mark.one_process("what a process says of itself")
def test_documented(lite):
    row = lite.get("/openapi.json").json()["paths"]["/events/pageview"]["post"]
    assert "202" in row["responses"]
