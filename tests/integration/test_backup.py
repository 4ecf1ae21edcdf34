"""`sheaf backup` and `sheaf restore`: of a server that goes on, whole or not at
all, and only into an empty place."""

import json
import random
import resource
import shutil
import signal
import stat
import subprocess
import threading

import pytest

from support import cli, papers
from support.sheaf import Sheaf, binary, clean_env
from support.stock import answers, fill

pytestmark = pytest.mark.one_process("a backup of one directory")


def saved(server, box, name="saved"):
    """A backup of a server, made beside it."""
    folder = box / name
    url = server.settings.get("database_url", "sqlite:")
    done = cli.run_json(box, "backup", "--data-dir", server.data_dir,
                        "--database-url", url, folder)
    assert done["folder"] == str(folder) and done["files"] >= 2
    return folder


def restored(box, folder, name="again", url=None):
    """A server over what was restored; its secrets are the restored ones."""
    data = box / name / "data"
    cli.run(box, "restore", "--data-dir", data, "--database-url",
            url or "sqlite:", folder)
    return Sheaf(data, url, log_path=box / f"{name}.log", secrets=False)


def test_there_and_back(sheaf, box):
    fill(sheaf)
    before = answers(sheaf)
    folder = saved(sheaf, box)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {path.name for path in folder.iterdir()
                                      } - {"manifest.json"}
    sheaf.delivered(papers.call(papers.papers(900, 5)))  # it goes on
    with restored(box, folder) as other:
        assert answers(other) == before
        assert other.token() == sheaf.token()


def test_into_postgresql(lite, box, postgresql):
    fill(lite)
    before = answers(lite)
    folder = saved(lite, box)
    url = postgresql.create()
    with restored(box, folder, url=url) as other:
        assert answers(other) == before
    assert not (box / "again" / "data" / "restoring.db").exists()
    postgresql.drop(url)


def test_a_backup_can_be_served(lite, box):
    """It is a data directory."""
    fill(lite)
    before = answers(lite)
    folder = saved(lite, box)
    with Sheaf(folder, log_path=box / "folder.log", secrets=False) as other:
        assert answers(other) == before


def test_hot(sheaf, box):
    """Papers come while it is made: those acknowledged before are in it, and
    each paper with all that belongs to it."""
    def deliver():
        for start in range(0, 2000, 20):
            sheaf.delivered(papers.call(papers.papers(start, 20),
                                        job_id=f"arxiv-{start}"))
            acknowledged.append(start + 20)
            if stop.is_set():
                break

    acknowledged, stop = [], threading.Event()
    writer = threading.Thread(target=deliver)
    writer.start()
    while len(acknowledged) < 5:
        stop.wait(0.005)
    least = acknowledged[-1]
    try:
        folder = saved(sheaf, box)
    finally:
        stop.set()
        writer.join()
    with restored(box, folder) as other:
        found = other.all_papers()
        assert least <= len(found) <= acknowledged[-1]
        assert len(found) % 20 == 0  # a webhook is whole or not there
        count = other.json("/api/papers/", params={"search": "paper"})["count"]
        assert count == len(found)


def test_killed(lite, box):
    """Whole or not at all."""
    fill(lite)
    rng = random.Random(7)
    made, longest = 0, 0.004
    for number in range(200):
        folder = box / f"saved-{number}"
        process = cli.start(box, "backup", "--data-dir", lite.data_dir, folder)
        try:
            process.wait(rng.uniform(longest / 2, longest))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        longest *= 1.1
        if folder.exists():
            cli.run(box, "restore", "--data-dir", box / f"again-{number}",
                    folder)
        if process.returncode == 0:
            made += 1
            assert folder.exists()
        if made == 2:
            break
    assert made == 2


# -- refused ------------------------------------------------------------------

def test_refusals(lite, box):
    fill(lite)
    folder = saved(lite, box)
    again = cli.run(box, "backup", "--data-dir", lite.data_dir, folder,
                    status=1).stderr
    assert "is there already" in again
    assert "one new folder" in cli.run(box, "backup", status=2).stderr
    none = cli.run(box, "backup", "--data-dir", box / "none", box / "x",
                   status=1).stderr
    assert "cannot open" in none and not (box / "x").exists()
    assert not (box / "none").exists()

    def refused(source=folder, data=box / "target"):
        return cli.run(box, "restore", "--data-dir", data, source,
                       status=1).stderr

    assert "no backup" in refused(lite.data_dir)
    assert "in use by another sheaf" in refused(data=lite.data_dir)
    (box / "other").mkdir()
    (box / "other" / "token").write_text("mine\n")
    assert "another one than in the backup" in refused(data=box / "other")
    assert not (box / "other" / "sheaf.db").exists()
    cli.run(box, "restore", "--data-dir", box / "full", folder)
    assert "empty place" in refused(data=box / "full")


@pytest.mark.parametrize("damage", ["byte", "missing", "cut", "manifest"])
def test_damaged(lite, box, damage):
    fill(lite, 50)
    folder = saved(lite, box)
    path = folder / "sheaf.db"
    if damage == "byte":
        with open(path, "r+b") as file:
            file.seek(5000)
            byte = file.read(1)
            file.seek(5000)
            file.write(bytes([byte[0] ^ 1]))
    elif damage == "missing":
        (folder / "token").unlink()
    elif damage == "cut":
        with open(path, "r+b") as file:
            file.truncate(path.stat().st_size - 1)
    else:
        (folder / "manifest.json").write_text("{\"files\": {}")
    said = cli.run(box, "restore", "--data-dir", box / "again", folder,
                   status=1).stderr
    assert ("manifest" if damage == "manifest" else "damaged") in said, said
    assert not (box / "again").exists()


def test_full_disk(sheaf, box):
    fill(sheaf)
    url = sheaf.settings.get("database_url", "sqlite:")

    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        [binary(), "backup", "--data-dir", str(sheaf.data_dir),
         "--database-url", url, str(box / "saved")],
        env=clean_env(box), preexec_fn=small, capture_output=True, text=True,
        timeout=60)
    assert done.returncode == 1
    assert "no room" in done.stderr or "large" in done.stderr, done.stderr
    assert not [p for p in box.iterdir() if p.name.startswith("saved")]
    assert sheaf.json("/api/papers/")["count"] == 149
    shutil.rmtree(saved(sheaf, box))
