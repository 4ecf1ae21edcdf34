"""Fixtures: databases, servers, fakes.

`database` runs a test twice, over SQLite and over a real PostgreSQL; those
marked `pgvector` a third time, over one with vectors in pgvector.
`make_sheaf` starts servers of the test's own; `library` is one server per
database, filled once, that tests only read from.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from support import beside, chroma, nginx, papers, postgres, redis
from support import layout as layouts
from support.documents import ALL_SERVICES
from support.fake_arxiv import FakeArxiv
from support.fake_backend import FakeBackend
from support.sheaf import (REPO, SIGNING_SECRET, WEBHOOK_SECRET, binary,
                           scraping)

# Enough for six pages of 20 and for every combination of filters.
LIBRARY_SIZE = 120


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart():
    """What nothing goes without, before workers are started in vain."""
    if not os.access(binary(), os.X_OK):
        pytest.exit(f"no program at {binary()}: run `make` first, or set "
                    "SHEAF_BIN", returncode=2)
    try:
        layouts.chosen().check()
    except (redis.Unavailable, nginx.Unavailable,
            chroma.Unavailable) as err:
        pytest.exit(f"this layout needs it: {err}", returncode=2)


def pytest_collection_modifyitems(config, items):
    """All tests of one database together, so that each library is made once
    and only one is alive at a time.  In other layouts than embedded those that
    start no server in it are left out: they would be the same."""
    if not layouts.chosen().one_process:
        same = [item for item in items if "layout" not in item.fixturenames]
        config.hook.pytest_deselected(items=same)
        items[:] = [item for item in items if "layout" in item.fixturenames]
        for item in items:
            alone = item.get_closest_marker("one_process")
            if alone:
                item.add_marker(pytest.mark.skip(
                    reason="one process: " + alone.args[0]))

    def order(item):
        spec = getattr(item, "callspec", None)
        return str(spec.params.get("database", "")) if spec else ""
    items.sort(key=order)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With a failure, show what the servers of the test wrote."""
    report = yield
    if report.failed:
        for server in getattr(item, "servers", ()):
            report.sections.append((f"log of {server.data_dir}",
                                    server.log_tail(60)))
        if "work_dir" in item.fixturenames:
            report.sections.append(("data and logs are kept",
                                    str(item.funcargs.get("box") or
                                        item.funcargs.get("work_dir"))))
        item.session.config.stash[FAILED] = True
    return report


FAILED = pytest.StashKey()


@pytest.fixture(scope="session")
def sheaf_bin():
    return binary()


@pytest.fixture(scope="session")
def work_dir(request):
    """Data directories and logs; kept when a test failed."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="sheaf-test-"))
    yield path
    if not request.config.stash.get(FAILED, False):
        shutil.rmtree(path)


@pytest.fixture
def box(work_dir, request):
    """An empty directory of the test's own."""
    return pathlib.Path(tempfile.mkdtemp(dir=work_dir, prefix="".join(
        c if c.isalnum() else "-" for c in request.node.name)[:60] + "-"))


@pytest.fixture(scope="session")
def recorded():
    """The folder of recorded answers; tests that need it are skipped where it
    is absent."""
    path = pathlib.Path(os.environ.get("SHEAF_TEST_DATA",
                                       REPO.parent / "shared" / "data"))
    if not (path / "arxiv-api").is_dir():
        pytest.skip(f"recorded data is not at {path} (SHEAF_TEST_DATA)")
    return path


# -- databases ----------------------------------------------------------------

class Sqlite:
    name = "sqlite"
    settings = {}

    def create(self):
        return None

    def drop(self, url):
        pass


class Postgresql:
    name = "postgresql"
    settings = {}

    def __init__(self):
        self.cluster = postgres.Cluster()

    def create(self):
        """URL of a new empty database."""
        return self.cluster.url(self.cluster.create())

    def drop(self, url):
        self.cluster.drop(url.rsplit("/", 1)[1])


class Pgvector(Postgresql):
    """Another PostgreSQL, with vectors in pgvector."""
    name = "pgvector"
    settings = {"vectors": "pgvector"}

    def __init__(self):
        self.cluster = postgres.Cluster(postgres.pgvector_bin_dir(), locale=())


def _server(kind):
    try:
        database = kind()
    except postgres.Unavailable as err:
        pytest.skip(str(err))
    yield database
    database.cluster.stop()


@pytest.fixture(scope="session")
def postgresql():
    yield from _server(Postgresql)


@pytest.fixture(scope="session")
def pgvector():
    yield from _server(Pgvector)


def pytest_generate_tests(metafunc):
    """Each test runs over these databases."""
    if "database" in metafunc.fixturenames:
        kinds = list(layouts.chosen().databases)
        if metafunc.definition.get_closest_marker("pgvector"):
            kinds.append("pgvector")
        metafunc.parametrize("database", kinds, indirect=True,
                             scope="session")


def _database(request, name):
    return Sqlite() if name == "sqlite" else request.getfixturevalue(name)


@pytest.fixture(scope="session")
def database(request):
    return _database(request, request.param)


@pytest.fixture(scope="session")
def lite_database(request, layout):
    """For what no database can change: the quickest of the layout."""
    return _database(request, layout.lite_database)


# -- servers ------------------------------------------------------------------

@pytest.fixture(scope="session")
def layout(sheaf_bin, work_dir):
    """How servers are started: SHEAF_TEST_LAYOUT."""
    chosen = layouts.chosen()(work_dir)
    yield chosen
    chosen.close()


class Factory:
    """Makes servers for one test, and at its end stops all of them."""

    def __init__(self, box, layout, database, node):
        self.box = box
        self.layout = layout
        self.database = database
        self.node = node
        self.servers = node.servers = []
        self.urls = []

    def make(self, name="a", database_url="new", **kw):
        """A Sheaf over BOX/<name>/data, not yet started."""
        if database_url == "new":
            database_url = self.database.create()
            if database_url:
                self.urls.append(database_url)
        kw["settings"] = {**self.database.settings, **(kw.get("settings") or {})}
        server = self.layout.sheaf(self.box / name / "data", database_url, **kw)
        self.servers.append(server)
        return server

    def __call__(self, name="a", args=(), database_url="new", **settings):
        """A started Sheaf with these settings."""
        return self.make(name, database_url, settings=settings,
                         args=args).start()

    def close(self):
        errors = []
        for server in self.servers:
            try:
                server.stop()
            except AssertionError as err:
                errors.append(str(err))
        for url in self.urls:
            self.database.drop(url)
        assert not errors, "\n".join(errors)


def _factory(box, layout, database, request):
    factory = Factory(box, layout, database, request.node)
    yield factory
    factory.close()


@pytest.fixture
def make_sheaf(box, layout, database, request):
    """Factory of servers on each database in turn."""
    yield from _factory(box, layout, database, request)


@pytest.fixture
def make_pgvector(box, layout, pgvector, request):
    """Factory of servers on a PostgreSQL with vectors in pgvector."""
    yield from _factory(box, layout, pgvector, request)


@pytest.fixture
def make_postgresql(box, layout, postgresql, request):
    """Factory of servers on PostgreSQL only: for what needs several."""
    yield from _factory(box, layout, postgresql, request)


@contextlib.contextmanager
def _peers(box, default):
    """Factory of servers of others; they are closed at the end."""
    with contextlib.ExitStack() as stack:
        def make(kind=default, **kw):
            try:
                server = kind(box, **kw)
            except (redis.Unavailable, chroma.Unavailable) as err:
                pytest.skip(str(err))
            stack.callback(server.close)
            return server
        yield make


@pytest.fixture
def make_redis(box):
    """Factory of Redis servers, or clusters, of the test's own."""
    with _peers(box, redis.Redis) as make:
        yield make


@pytest.fixture
def make_desk(make_postgresql):
    """Factory: servers on one database and one Redis."""
    urls = []

    def make(shared, name, **settings):
        if not urls:
            urls.append(make_postgresql.database.create())
            make_postgresql.urls.append(urls[0])
        return make_postgresql(name, database_url=urls[0], **{
            "redis_url": shared.url, "services": "analytics", **settings})
    return make


@pytest.fixture
def make_chroma(box):
    """Factory of Chroma servers of the test's own."""
    with _peers(box, chroma.Chroma) as make:
        yield make


@pytest.fixture(scope="session")
def chroma_server(work_dir):
    """One Chroma server for tests that leave its default database alone."""
    with _peers(work_dir, chroma.Chroma) as make:
        yield make()


@pytest.fixture
def make_lite(box, layout, lite_database, request):
    """Factory of servers on SQLite (of the embedded layout), for what no
    database can change."""
    yield from _factory(box, layout, lite_database, request)


@pytest.fixture
def sheaf(make_sheaf):
    """An empty server of the test's own, on each database."""
    return make_sheaf()


@pytest.fixture
def lite(make_lite):
    """An empty server of the test's own, on SQLite."""
    return make_lite()


@pytest.fixture(scope="session")
def standing(work_dir, layout, lite_database):
    """Context manager: a long-lived server for what no database can change."""
    @contextlib.contextmanager
    def run(name, **settings):
        url = lite_database.create()
        with layout.sheaf(work_dir / name / "data", url,
                          settings=settings) as server:
            yield server
        if url:
            lite_database.drop(url)
    return run


@pytest.fixture(scope="session")
def shared_lite(standing):
    """One long-lived server on SQLite for tests of the HTTP layer."""
    with standing("shared-lite") as server:
        server.delivered(papers.call(papers.papers(1, 30)))
        yield server


@pytest.fixture(scope="session")
def library(work_dir, layout, database):
    """One long-lived server per database, holding LIBRARY_SIZE papers."""
    url = database.create()
    root = work_dir / f"library-{database.name}"
    with layout.sheaf(root / "data", url) as server:
        made = papers.papers(1, LIBRARY_SIZE) + papers.odd_papers()
        counts = server.delivered(papers.call(made))
        assert counts["papers_created"] == len(made)
        server.made = made
        yield server
    if url:
        database.drop(url)


@pytest.fixture(scope="session")
def model_dir():
    path = pathlib.Path(os.environ.get(
        "SHEAF_TEST_MODEL", pathlib.Path(binary()).parent / "model"))
    if not (path / "model.safetensors").is_file():
        pytest.skip(f"no model in {path}: run scripts/fetch-model.sh {path}, "
                    "or set SHEAF_TEST_MODEL")
    return path.resolve()


@pytest.fixture
def desk(make_sheaf, model_dir):
    """A server that runs everything, on each database."""
    return make_sheaf(model_dir=model_dir, services=ALL_SERVICES)


@pytest.fixture
def lite_desk(make_lite, model_dir):
    """The same on SQLite, for what no database can change."""
    return make_lite(model_dir=model_dir, services=ALL_SERVICES)


@pytest.fixture(scope="session")
def js_dir(sheaf_bin):
    """tests/js with its packages, beside the program."""
    if not shutil.which("npm"):
        pytest.skip("no npm here")
    with beside.folder("js") as place:
        # npm writes this file last.
        if beside.stale(place / "node_modules" / ".package-lock.json",
                        place / "package.json"):
            subprocess.run(["npm", "install", "--no-audit", "--no-fund",
                            "--omit=optional", "--loglevel=error"], cwd=place,
                           check=True, timeout=300)
    return place


@pytest.fixture
def arxiv():
    """A fake arXiv with an empty corpus."""
    fake = FakeArxiv()
    yield fake
    fake.close()


@pytest.fixture
def backend():
    """A fake backend that accepts every delivery."""
    fake = FakeBackend(WEBHOOK_SECRET, SIGNING_SECRET)
    yield fake
    fake.close()


@pytest.fixture
def scraper(make_sheaf, arxiv):
    """A server that scrapes the fake arXiv, on each database."""
    return make_sheaf(**scraping(arxiv))


@pytest.fixture
def split_scraper(make_lite, arxiv, backend):
    """Factory: a scraper-only server that delivers to the fake backend."""
    def make(**more):
        return make_lite(args=["--services", "scraper"],
                         **{**scraping(arxiv), "backend_url": backend.url,
                            "webhook_retry_ms": "0,50,50,50,50", **more})
    return make
