"""`sheaf move`: from one database to the other and back, with all that readers
see; killed at any moment and gone on with; and what is refused."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess

import pytest

from support import cli, papers
from support.documents import ALL_SERVICES
from support.sheaf import Sheaf
from support.stock import answers, fill
from support.waiting import wait_until

SEED = int(os.environ.get("SHEAF_SEED", str(random.randrange(10 ** 6))))


@pytest.fixture
def target(postgresql):
    """URL of an empty database on PostgreSQL."""
    url = postgresql.create()
    yield url
    postgresql.drop(url)


@pytest.fixture
def pgvector_target(pgvector):
    url = pgvector.create()
    yield url
    pgvector.drop(url)


def all_embedded(server):
    wait_until(lambda: server.get("/readyz").json()["checks"]["vectors"] ==
               "ok", timeout=60, what="vectors of all papers")


def serve(box, name, url, **settings):
    return Sheaf(box / name / "data", url, settings=settings,
                 log_path=box / f"{name}.log")


def there_and_back(box, server, target, *flags):
    """The answers of a filled server, of its data on PostgreSQL, and of those
    back in SQLite."""
    with server:
        fill(server)
        if "processor" in server.settings["services"]:
            all_embedded(server)
        before = answers(server)
    there = cli.run_json(box, "move", "--data-dir", server.data_dir, "--from",
                         "sqlite:", "--to", target, *flags)
    settings = {**server.settings,
                **({"vectors": "pgvector"} if flags else {})}
    with serve(box, "there", target, **settings) as other:
        yield before, answers(other)
    back = cli.run_json(box, "move", "--data-dir", box / "back" / "data",
                        "--from", target, "--to", "sqlite:")
    assert back["rows"] > 150 and there["rows"] > 150
    with serve(box, "back", None, **server.settings) as other:
        yield before, answers(other)


def test_there_and_back(sheaf_bin, box, target):
    server = serve(box, "first", None)
    for before, after in there_and_back(box, server, target):
        assert after == before


def test_with_vectors(sheaf_bin, box, model_dir, pgvector_target):
    server = serve(box, "first", None, services=ALL_SERVICES,
                   model_dir=model_dir)
    for before, after in there_and_back(box, server, pgvector_target,
                                        "--vectors", "pgvector"):
        assert after == before


def change(path, sql):
    """What no sheaf would do."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)


# -- killed -------------------------------------------------------------------

def stocked(box, count=3000):
    """A data directory with papers, no longer served."""
    with serve(box, "first", None) as server:
        for start in range(0, count, 500):
            server.delivered(papers.call(papers.papers(start, 500),
                                         job_id=f"arxiv-{start}"))
        return server.data_dir, answers(server)


def tables_and_indexes(postgresql, url):
    return sorted(postgresql.cluster.query(
        "SELECT tablename, '' FROM pg_tables WHERE schemaname = 'public'"
        " UNION ALL SELECT indexname, indexdef FROM pg_indexes"
        " WHERE schemaname = 'public'", url.rsplit("/", 1)[1]))


def as_new(box, postgresql, url):
    """The move takes indexes away and makes them again."""
    new = postgresql.create()
    with serve(box, "new", new):
        pass
    wanted = tables_and_indexes(postgresql, new)
    assert ["papers_by_words", "CREATE INDEX papers_by_words ON public.papers"
            " USING gin (words) WITH (gin_pending_list_limit='1024')"] in wanted
    assert tables_and_indexes(postgresql, url) == wanted
    postgresql.drop(new)


@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_killed_at_any_moment(sheaf_bin, box, target, postgresql, back):
    print(f"SHEAF_SEED={SEED}")
    rng = random.Random(SEED)
    data, before = stocked(box)
    args = ["--from", "sqlite:", "--to", target]
    if back:
        cli.run(box, "move", "--data-dir", data, *args)
        data = box / "back" / "data"
        args = ["--from", target, "--to", "sqlite:"]
    move = ["move", "--data-dir", data, *args]
    killed, longest, status = 0, 0.005, -9
    while status != 0:
        process = cli.start(box, *move)
        try:
            process.wait(rng.uniform(longest / 2, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        said = process.communicate()[1]
        status = process.returncode
        assert status in (0, -signal.SIGKILL), said
        longest *= 1.15
    assert killed > 0
    cli.run(box, *move)  # once more is fine, also after it was done
    as_new(box, postgresql, target)
    url = None if back else target
    name = "back" if back else "there"
    with serve(box, name, url) as other:
        assert answers(other) == before


def test_half_moved_is_not_served(sheaf_bin, box, target):
    """One that was stopped in the middle of its papers."""
    data, before = stocked(box, 1000)
    # NUL is no text in PostgreSQL: what no program of ours writes.
    change(data / "sheaf.db", "INSERT INTO webhook_receipts VALUES"
           " ('bad' || char(0), x'00', 0, 0, 0, 0)")
    move = ["move", "--data-dir", data, "--from", "sqlite:", "--to", target]
    failed = cli.run(box, *move, status=1)
    assert "byte sequence" in failed.stderr, failed.stderr
    said = cli.run(box, "serve", "--data-dir", box / "there" / "data",
                   "--database-url", target, "--listen", "127.0.0.1:0",
                   status=1).stderr
    assert "was not finished" in said and "sheaf move" in said
    change(data / "sheaf.db", "DELETE FROM webhook_receipts"
           " WHERE received_at = 0")
    done = cli.run_json(box, *move)
    assert done["kept"] >= 1000
    with serve(box, "there", target) as other:
        assert answers(other) == before


# -- refused ------------------------------------------------------------------

def test_refusals(sheaf_bin, box, target, postgresql):
    data, _ = stocked(box, 500)
    other = box / "other.db"
    move = ["move", "--data-dir", data]

    def refused(*args, status=1):
        return cli.run(box, *move, *args, status=status).stderr

    assert "--to" in refused("--from", "sqlite:", status=2)
    assert "same database" in refused("--to", "sqlite:", status=2)
    assert "cannot open" in refused("--from", f"sqlite:{box}/none.db", "--to",
                                    target)
    assert "begins with neither" in refused("--to", "mysql://x")
    assert not (box / "none.db").exists()
    shutil.copyfile(data / "sheaf.db", other)
    change(other, "UPDATE papers SET doi = '10.1/x' WHERE id = 1")
    assert "not empty" in refused("--to", f"sqlite:{other}")
    change(other, "PRAGMA user_version = 1000")
    assert "schema 1000" in refused("--to", f"sqlite:{other}")
    change(other, "PRAGMA user_version = 3")
    assert "has schema 3" in refused("--from", f"sqlite:{other}", "--to",
                                     target)
    assert "move" in cli.run(box, "move", "--help").stdout


def test_served_ones_are_left_alone(sheaf_bin, box, target):
    with serve(box, "first", None) as server:
        fill(server)
        said = cli.run(box, "move", "--data-dir", server.data_dir, "--from",
                       "sqlite:", "--to", target, status=1).stderr
        assert "in use by another sheaf" in said and server.url in said
        said = cli.run(box, "move", "--data-dir", box / "else", "--from",
                       f"sqlite:{server.data_dir}/sheaf.db", "--to", target,
                       status=1).stderr
        assert "is open in another program" in said
    cli.run(box, "move", "--data-dir", server.data_dir, "--from", "sqlite:",
            "--to", target)
    with serve(box, "there", target):
        said = cli.run(box, "move", "--data-dir", box / "back", "--from",
                       target, "--to", "sqlite:", status=1).stderr
        assert "connections of sheaf" in said


def test_dry_run(sheaf_bin, box, target, postgresql):
    data, _ = stocked(box, 500)
    move = ["move", "--data-dir", data, "--from", "sqlite:", "--to", target]
    counted = cli.run_json(box, *move, "--dry-run")
    assert counted["tables"]["papers"] == {"rows": 500}
    assert "500  papers" in cli.run(box, *move, "--dry-run").stdout
    moved = cli.run_json(box, *move)
    assert moved["rows"] == counted["rows"]
    assert "not empty" in cli.run(box, *move, "--dry-run", status=1).stderr
