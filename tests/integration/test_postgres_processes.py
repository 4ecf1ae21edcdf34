"""Several processes on one PostgreSQL, without anything else between them."""

import pytest

from support import papers
from support.documents import GUIDE, SOUP, add, documents
from support.waiting import wait_until

pytestmark = pytest.mark.one_process("two processes by themselves")

HOUR_MS = 3600000  # nobody looks for the work of others in that time


@pytest.fixture
def make(make_postgresql):
    """Factory: servers on one database."""
    url = make_postgresql.database.create()
    make_postgresql.urls.append(url)

    def make(name, **settings):
        return make_postgresql(name, **{"database_url": url, **settings})
    make.url = url
    return make


@pytest.fixture
def pair(make, model_dir):
    """One that takes in, and one that works, which both have the processor's
    routes."""
    return (make("a", services="backend"),
            make("b", services="processor", model_dir=model_dir,
                 job_lease_ms=HOUR_MS))


def vectors(server, collection="documents"):
    return server.metric(f'sheaf_index_vectors{{collection="{collection}"}}')


def hears(server):
    return server.metric("sheaf_store_hears") == 1


def jobs_done(server, kind="embed"):
    return len(server.json(f"/jobs/?kind={kind}&status=completed")["results"])


# -- told in the commit ------------------------------------------------------------

@pytest.mark.timeout(120)
def test_work_queued_elsewhere(pair):
    """A webhook comes to a process without workers."""
    a, b = pair
    wait_until(lambda: hears(b))
    for n in range(1, 4):
        a.delivered(papers.call(papers.papers(10 * n, 1)))
        wait_until(lambda k=n: jobs_done(b) == k)


@pytest.mark.timeout(120)
def test_what_was_missed(make, model_dir, postgresql):
    """Work that is queued while the worker's process is not let in."""
    sql = postgresql.cluster.sql
    sql("CREATE ROLE worker LOGIN SUPERUSER")
    a = make("a", services="backend")
    b = make("b", services="processor", model_dir=model_dir,
             job_lease_ms=HOUR_MS,
             database_url=make.url.replace("sheaf@", "worker@"))
    wait_until(lambda: hears(b))
    sql("ALTER ROLE worker NOLOGIN")
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = 'worker'")
    wait_until(lambda: not hears(b))
    a.delivered(papers.call(papers.papers(1, 1)))
    sql("ALTER ROLE worker LOGIN")
    wait_until(lambda: jobs_done(b) == 1)
    b.stop()
    sql("DROP ROLE worker")


@pytest.mark.timeout(120)
def test_vectors_of_others(make, model_dir):
    """The index in memory follows what another process ingests and deletes,
    before anybody asks."""
    a, b = (make(name, services="processor", model_dir=model_dir)
            for name in "ab")
    wait_until(lambda: hears(a) and hears(b))
    add(a, GUIDE)
    wait_until(lambda: vectors(b) == 1)
    add(b, SOUP)
    wait_until(lambda: vectors(a) == 2)
    for document in documents(a):
        a.delete(f"/documents/{document['id']}")
    wait_until(lambda: vectors(a) == vectors(b) == 0)


@pytest.mark.timeout(120)
def test_warm_from_the_start(make, model_dir):
    a = make("a", services="processor", model_dir=model_dir)
    add(a, GUIDE)
    b = make("b", services="processor", model_dir=model_dir)
    wait_until(lambda: vectors(b) == 1)
    wait_until(lambda: b.json("/readyz")["checks"]["vectors"] == "ok")
