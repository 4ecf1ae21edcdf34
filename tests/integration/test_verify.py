"""`sheaf verify`: beside a server that runs, its exit status, what it says of
damage (each kind: tests/unit/test_verify.c), and what it repairs."""

import contextlib
import sqlite3

import pytest

from support import cli
from support.papers import call, papers
from support.stock import answers, fill
from support.waiting import wait_until


def verify(server, box, *flags, status=0):
    url = server.settings.get("database_url", "sqlite:")
    return cli.run_json(box, "verify", "--data-dir", server.data_dir,
                        "--database-url", url, *flags, status=status)


def change(server, sql):
    """What no sheaf would do."""
    with contextlib.closing(sqlite3.connect(
            server.data_dir / "sheaf.db")) as db, db:
        assert db.execute(sql).rowcount != 0


def test_whole(sheaf, layout, box):
    fill(sheaf)
    said = verify(sheaf, box)
    assert said["problems"] == []
    sheaf.stop()
    said = verify(sheaf, box)
    assert said["problems"] == []
    if layout.one_process:  # others are looked for at an address
        assert any("no server runs" in note for note in said["notes"])
    else:
        assert said["notes"]


def test_while_papers_come(lite, box):
    for start in range(0, 500, 100):
        lite.delivered(call(papers(start, 100), job_id=f"arxiv-{start}"))
        assert verify(lite, box)["problems"] == []


@pytest.mark.one_process("compares what one process has in memory")
def test_index_in_memory(lite_desk, box):
    fill(lite_desk)
    wait_until(lambda: lite_desk.get("/readyz").json()["checks"]["vectors"] ==
               "ok", timeout=60, what="vectors of all papers")
    said = verify(lite_desk, box)
    assert said == {"problems": [], "notes": []}
    # The server does not know of this one.
    change(lite_desk, "DELETE FROM paper_vectors WHERE paper_id = 3")
    said = verify(lite_desk, box, status=1)
    assert any("index in memory has 149 vectors of papers, the database 148"
               in problem for problem in said["problems"]), said


@pytest.mark.one_process("the directory of a process")
def test_repair(lite, box):
    fill(lite)
    before = answers(lite)
    refused = cli.run(box, "verify", "--data-dir", lite.data_dir, "--repair",
                      status=1)
    assert "in use by another sheaf" in refused.stderr
    lite.stop()
    change(lite, "INSERT INTO papers_fts(papers_fts) VALUES ('delete-all')")
    (lite.data_dir / "token.new").write_text("half")
    problems = verify(lite, box, status=1)["problems"]
    assert len(problems) == 2
    assert "full text of papers" in problems[0]
    assert "token.new" in problems[1]
    (lite.data_dir / "token.new").unlink()
    said = verify(lite, box, "--repair", status=1)
    assert any("made anew" in note for note in said["notes"])
    assert verify(lite, box)["problems"] == []
    assert "everything agrees" in cli.run(box, "verify", "--data-dir",
                                          lite.data_dir).stdout
    lite.start()
    assert answers(lite) == before


@pytest.mark.one_process("the file of the database")
def test_damaged_file(lite, box):
    """Bytes that a bad disk changed."""
    fill(lite)
    lite.stop()
    path = lite.data_dir / "sheaf.db"
    page = 4096
    with contextlib.closing(sqlite3.connect(path)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_schema"
                          " WHERE name = 'papers_by_title'").fetchone()[0]
    with open(path, "r+b") as file:
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)
    done = cli.run(box, "verify", "--data-dir", lite.data_dir, status=1)
    assert "damaged" in done.stdout + done.stderr


@pytest.mark.one_process("a backup of one directory")
def test_a_backup(lite, box):
    fill(lite)
    cli.run(box, "backup", "--data-dir", lite.data_dir, box / "saved")
    said = cli.run_json(box, "verify", "--data-dir", box / "saved")
    assert said["problems"] == []
