"""/schedules: create, list, change, delete; a run when it is due; a run that
was missed is caught up once.  And /api/coverage/."""

import datetime
import re
import sqlite3
import time
import zoneinfo

import pytest

from support import fake_arxiv
from support.fake_arxiv import Entry
from support.sheaf import scraping
from support.waiting import wait_until

DRAWN = {"source": "arxiv", "category": "llm", "every": "24h", "at": "06:00",
         "tz": "Europe/Berlin"}


def create(server, **body):
    reply = server.post("/schedules", json=body)
    assert reply.status_code == 201, reply.text
    return reply.json()


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_create_list_change_delete(sheaf):
    made = create(sheaf, **DRAWN)
    assert {k: made[k] for k in DRAWN} == DRAWN
    listed = sheaf.json("/schedules/")
    assert listed["count"] == 1 and listed["results"] == [made]
    assert set(listed) == {"count", "next", "previous", "results"}
    where = f"/schedules/{made['id']}"
    assert sheaf.json(where) == made
    changed = sheaf.patch(where + "/", json={"category": "rag", "days": 14})
    assert changed.status_code == 200
    assert (changed.json()["category"], changed.json()["days"]) == ("rag", 14)
    assert changed.json()["at"] == "06:00"
    assert sheaf.patch(where, json={"enabled": False}).json()[
        "enabled"] is False
    sheaf.restart()
    assert sheaf.json(where)["category"] == "rag"
    assert sheaf.delete(where).status_code == 204
    assert sheaf.get(where).status_code == 404
    assert sheaf.delete(where).status_code == 404
    assert sheaf.json("/schedules/")["count"] == 0


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Tehran",
                                  "America/New_York", "UTC",
                                  "Asia/Kathmandu"])
def test_next_run_is_at_that_hour_there(lite, zone):
    made = create(lite, **{**DRAWN, "tz": zone, "at": "06:30"})
    due = moment(made["next_run_at"])
    local = due.astimezone(zoneinfo.ZoneInfo(zone))
    assert (local.hour, local.minute, local.second) == (6, 30, 0)
    now = datetime.datetime.now(datetime.timezone.utc)
    assert now < due <= now + datetime.timedelta(hours=25)


@pytest.mark.parametrize("change,field", [
    ({"every": "sometimes"}, "every"), ({"every": 5}, "every"),
    ({"every": "0h"}, "every"), ({"every": "-1h"}, "every"),
    ({"at": "25:00"}, "at"), ({"at": "6"}, "at"), ({"at": "06:60"}, "at"),
    ({"tz": "Mars/Phobos"}, "tz"), ({"tz": "../../etc/passwd"}, "tz"),
    ({"tz": 1}, "tz"), ({"category": "llms"}, "category"),
    ({"source": "x"}, "source"), ({"days": 0}, "days"),
    ({"max_results": 5000}, "max_results"), ({"enabled": "yes"}, "enabled"),
    ({"evry": "24h"}, "every"),
], ids=repr)
def test_bad_field_is_named(shared_lite, change, field):
    reply = shared_lite.post("/schedules", json={**DRAWN, **change})
    assert reply.status_code == 400, reply.text
    assert field in reply.text
    assert shared_lite.json("/schedules/")["count"] == 0


def test_bad_patch_changes_nothing(lite):
    made = create(lite, **DRAWN)
    where = f"/schedules/{made['id']}/"
    assert lite.patch(where, json={"tz": "Mars/Phobos"}).status_code == 400
    assert lite.patch(where, json={"nonsense": 1}).status_code == 400
    assert lite.json(where) == made
    assert lite.patch("/schedules/999/", json={}).status_code == 404


def scrapes(server):
    return server.json("/jobs/", params={"kind": "scrape"})["results"]


def change_schedules(server, database, change):
    """UPDATE the schedules of a stopped server, as no interface can: what the
    calendar does in days happens at once."""
    if database.name == "postgresql":
        name = server.settings["database_url"].rsplit("/", 1)[1]
        database.cluster.sql("UPDATE schedules SET " + change, name)
        return
    base = sqlite3.connect(server.data_dir / "sheaf.db")
    with base:
        base.execute("UPDATE schedules SET " + change)
    base.close()


DAY_US = 86400 * 1000000


def test_missed_runs_are_caught_up_once(make_sheaf, arxiv, database):
    """Off for ten days: at the start one run, and only one, whose window
    covers the gap and two days more; confirmed when it is delivered."""
    arxiv.corpus = [Entry("2511.00001", age_days=1)]
    server = make_sheaf(**scraping(arxiv, schedule_tick_ms=50))
    made = create(server, source="arxiv", category="all", every="24h",
                  days=1)
    assert made["last_run_at"] is None and made["last_confirmed_at"] is None
    server.stop()
    change_schedules(
        server, database,
        f"next_run_at = next_run_at - {10 * DAY_US}, last_confirmed_at ="
        f" created_at - {10 * DAY_US}, last_run_at = created_at -"
        f" {10 * DAY_US}")
    server.start()
    ran = wait_until(lambda: scrapes(server), 10, what="the catch-up")
    server.wait_counts(ran[0]["job_id"])
    time.sleep(0.5)  # ten ticks: more runs would show
    assert len(scrapes(server)) == 1
    # a coverage check may have asked for some days before it
    begin = min(re.search(r"submittedDate:\[(\d{8})",
                          asked.params["search_query"])[1]
                for asked in arxiv.requests)
    back = (datetime.datetime.now(datetime.timezone.utc)
            - datetime.datetime.strptime(begin + "Z", "%Y%m%d%z")).days
    assert 12 <= back <= 13, begin
    after = server.json(f"/schedules/{made['id']}/")
    now = datetime.datetime.now(datetime.timezone.utc)
    assert moment(after["next_run_at"]) > now
    assert after["last_job_id"] == ran[0]["job_id"]
    assert now - moment(after["last_confirmed_at"]) \
        < datetime.timedelta(minutes=2)


def test_failed_run_is_not_confirmed(make_sheaf, arxiv, database):
    """The window of the next run still reaches back to the last success."""
    arxiv.always = fake_arxiv.status(400, b"<html>no</html>")
    server = make_sheaf(**scraping(arxiv, schedule_tick_ms=50))
    made = create(server, source="arxiv", category="all", every="24h")
    server.stop()
    change_schedules(server, database, f"next_run_at = created_at - {DAY_US}")
    server.start()
    ran = wait_until(lambda: scrapes(server), 10, what="the run")
    assert server.wait_job(ran[0]["job_id"])["status"] == "failed"
    after = server.json(f"/schedules/{made['id']}/")
    assert after["last_job_id"] == ran[0]["job_id"]
    assert after["last_confirmed_at"] is None


def test_disabled_does_not_run(make_sheaf, arxiv, database):
    server = make_sheaf(**scraping(arxiv, schedule_tick_ms=20))
    create(server, source="arxiv", category="all", every="24h",
           enabled=False)
    server.stop()
    change_schedules(server, database, "next_run_at = 1")
    server.start()
    time.sleep(0.3)  # fifteen ticks
    assert scrapes(server) == []


def test_coverage(make_sheaf, arxiv):
    """Per category and day: what arXiv says there is, what is stored."""
    arxiv.corpus = [Entry(f"2511.{n:05d}", age_days=1 + n / 10,
                          categories=("cs.AI",)) for n in range(20)]
    server = make_sheaf(**scraping(arxiv))
    server.wait_counts(server.scrape(category="all", max_results=5))
    reply = server.post("/api/coverage/check", json={"days": 3})
    assert reply.status_code == 202, reply.text
    assert server.wait_job(reply.json()["job_id"])["status"] == "completed"
    listed = server.json("/api/coverage/", params={"page_size": 100})
    assert server.json("/api/coverage?page_size=100") == listed
    rows = [r for r in listed["results"] if r["category"] == "cs.AI"]
    assert len(rows) == 3
    now = time.time()
    for row in rows:
        assert any("check" in key and value for key, value in row.items())
        day = datetime.date.fromisoformat(row["day"]).isoformat()
        assert row["expected"] == sum(
            entry.published(now).startswith(day) for entry in arxiv.corpus)
        assert row["stored"] == sum(
            entry.published(now).startswith(day)
            for entry in arxiv.corpus[:5])
    assert sum(r["expected"] for r in rows) > sum(r["stored"] for r in rows)


def test_coverage_of_one_category(make_lite, arxiv):
    server = make_lite(**scraping(arxiv))
    server.wait_job(server.post("/api/coverage/check", json={
        "days": 1}).json()["job_id"])
    rows = server.json("/api/coverage/?category=cs.LG")["results"]
    assert [r["category"] for r in rows] == ["cs.LG"]
