"""Processes that start at once on one PostgreSQL and all want its schema to be
today's."""

import pytest

from support.papers import call, paper
from support.sheaf import REPO
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("starts processes by itself")

OLD = REPO / "tests" / "fixtures" / "postgres" / "schema-10.sql"
OLD_VERSION = 10


@pytest.fixture(params=["empty", "old"])
def start(request, make_postgresql, postgresql):
    """A database, and how many papers are in it."""
    url = make_postgresql.database.create()
    make_postgresql.urls.append(url)
    if request.param == "empty":
        return url, 0
    postgresql.cluster.script(OLD, url.rsplit("/", 1)[1])
    return url, 2


def versions(cluster, url):
    name = url.rsplit("/", 1)[1]
    exists = cluster.query("SELECT to_regclass('schema_versions') IS NULL",
                           name)
    if exists == [["t"]]:
        return []
    return [int(row[0]) for row in cluster.query(
        "SELECT version FROM schema_versions ORDER BY version", name)]


def whole(found):
    return len(found) > OLD_VERSION and found == list(
        range(1, len(found) + 1))


@pytest.mark.timeout(120)
def test_all_at_once(make_postgresql, postgresql, start):
    url, n = start
    servers = [make_postgresql.make(f"s{i}", url).spawn() for i in range(8)]
    for server in servers:
        server.wait_up("/readyz", 60)
    assert whole(versions(postgresql.cluster, url))
    assert all(len(s.all_papers()) == n for s in servers)
    servers[0].delivered(call([paper(77)]))
    assert all(len(s.all_papers()) == n + 1 for s in servers)


@pytest.mark.timeout(120)
def test_killed_in_the_middle(make_postgresql, postgresql):
    """One dies between two steps, and one waits behind it."""
    cluster = postgresql.cluster
    url = make_postgresql.database.create()
    make_postgresql.urls.append(url)
    name = url.rsplit("/", 1)[1]
    cluster.script(OLD, name)
    waiting = ("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype"
               " = '{}' AND database = (SELECT oid FROM pg_database WHERE"
               f" datname = '{name}')")
    with cluster.session(name) as other:
        # The first new step wants this table.
        other("BEGIN; LOCK TABLE jobs IN SHARE MODE;")
        victim = make_postgresql.make("victim", url).spawn()
        wait_until(lambda: cluster.query(waiting.format("relation"),
                                         name) == [["1"]])
        second = make_postgresql.make("second", url).spawn()
        wait_until(lambda: cluster.query(waiting.format("advisory"),
                                         name) == [["1"]])
        victim.kill()
        assert versions(cluster, url) == list(range(1, OLD_VERSION + 1))
        other("COMMIT;")
    second.wait_up("/readyz", 60)
    assert whole(versions(cluster, url))
    assert len(second.all_papers()) == 2
    assert second.json("/jobs/?kind=embed")["count"] == 1
