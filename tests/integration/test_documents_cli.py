"""`sheaf ingest`, `sheaf docs`: files and folders from a terminal."""

import json
import os
import pty
import queue
import signal
import subprocess
import threading

import pytest

from support import files
from support.documents import GUIDE, SOUP, documents, query
from support.sheaf import binary, clean_env, run_cli


@pytest.fixture
def cli(lite_desk, box):
    """Commands that speak to a server."""
    def run(*args, status=0, **more):
        done = run_cli(*args, "--data-dir", lite_desk.data_dir, home=box,
                       **more)
        assert done.returncode == status, (done.stdout, done.stderr)
        return done
    run.server = lite_desk
    return run


@pytest.fixture
def folder(box):
    """Files of every kind, and what is left out."""
    root = box / "notes"
    (root / "more" / "deep").mkdir(parents=True)
    (root / "guide.md").write_text(f"# Guide\n\n{GUIDE['text']}\n")
    (root / "more" / "soup.html").write_text(
        f"<html><title>Soup</title><nav>menu</nav><p>{SOUP['text']}</p>")
    (root / "more" / "deep" / "a.pdf").write_bytes(files.pdf("Pods.", "Nodes."))
    (root / ".hidden.md").write_text("secret")
    (root / "guide.md~").write_text("secret")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    (root / "more" / "loop").symlink_to(root)
    os.mkfifo(root / "more" / "pipe")
    return root


# -- once --------------------------------------------------------------------------

def test_folder(cli, folder):
    done = cli("ingest", folder)
    assert done.stdout.splitlines() == [
        f"{folder}/guide.md: 1 chunks",
        f"{folder}/more/deep/a.pdf: 1 chunks",
        f"{folder}/more/soup.html: 1 chunks",
        "3 added, 0 known, 0 failed; 3 chunks"]
    assert {d["source"]: d["title"] for d in documents(cli.server)} == {
        f"{folder}/guide.md": "Guide", f"{folder}/more/deep/a.pdf": "a",
        f"{folder}/more/soup.html": "Soup"}
    assert cli("query", "nodes", "--k", 1).stdout.startswith(
        "1. a, page 1, 0 to 13  (distance 0.")
    again = cli("ingest", folder)
    assert "0 added, 3 known, 0 failed; 0 chunks" in again.stdout
    (folder / "guide.md").write_text("# Guide\n\nAll new.\n")
    assert "1 added, 2 known" in cli("ingest", folder).stdout
    assert len(documents(cli.server)) == 3


def test_the_path_is_absolute(cli, folder):
    """One file is one document, wherever it is named from."""
    cli("ingest", folder / "guide.md")
    done = subprocess.run(
        [binary(), "ingest", "deep/../../guide.md", "--data-dir",
         cli.server.data_dir], cwd=folder / "more", text=True,
        capture_output=True, env=clean_env(folder), check=False)
    assert "1 known" in done.stdout, done.stderr


def test_faults(cli, folder):
    """Each is said; the others are added all the same."""
    (folder / "empty.txt").write_text("")
    (folder / "blank.txt").write_text(" \n")
    (folder / "scan.pdf").write_bytes(files.pdf(None))
    (folder / "large.txt").write_bytes(b"")
    os.truncate(folder / "large.txt", (50 << 20) + 1)
    (folder / "a\x1b[31m\n.bin").write_bytes(bytes(range(256)) * 20)
    with open(os.fsencode(folder) + b"/\xff.md", "w") as file:
        file.write("x")
    done = cli("ingest", folder, folder / "nothing.md", status=1)
    assert "3 added, 0 known, 7 failed" in done.stdout
    for name, says in [("empty.txt", "the file is empty"),
                       ("blank.txt", "no text"), ("scan.pdf", "a scan"),
                       ("large.txt", "larger than 50 MiB"),
                       ("a?[31m?.bin", "not"), ("\ufffd.md", "not UTF-8"),
                       ("nothing.md", "No such file")]:
        assert any(name in line and says in line
                   for line in done.stderr.splitlines()), (name, done.stderr)
    assert "\x1b" not in done.stderr
    assert len(documents(cli.server)) == 3


def test_json(cli, folder):
    (folder / "empty.txt").write_text("")
    done = cli("ingest", "--json", folder, status=1)
    rows = {json.loads(line)["path"].removeprefix(f"{folder}/"):
            json.loads(line) for line in done.stdout.splitlines()}
    assert rows["guide.md"]["status"] == "completed"
    assert rows["empty.txt"]["error"] == "the file is empty"
    assert len(rows) == 4


def test_standard_input(cli):
    done = cli("ingest", "-", "--title", "From a pipe", "--source", "pipe:1",
               "--metadata", '{"team":"search"}', input=GUIDE["text"])
    assert done.stdout.startswith("-: 1 chunks\n")
    document, = documents(cli.server)
    assert document["title"] == "From a pipe"
    assert document["source"] == "pipe:1"
    assert document["metadata"]["team"] == "search"
    cli("ingest", "-", "--source", "pipe:1", input="Other.")
    assert len(documents(cli.server)) == 1


@pytest.mark.parametrize("args,says", [
    ((), "name a file"), (("--title", "T", "a", "b"), "of one file"),
    (("--source", "S", "."), "of one file"), (("--watch", "-"), "no folder"),
    (("--watch", ".", "nothing"), "no folder"), (("--wach", "."), "wach"),
    (("--title", "T"), "name a file"),
])
def test_usage(sheaf_bin, box, args, says):
    done = run_cli("ingest", *args, "--data-dir", box / "data", home=box)
    assert done.returncode == 2 and says in done.stderr
    assert not (box / "data").exists()


def test_bad_metadata(cli, folder):
    done = cli("ingest", "--metadata", "{", folder / "guide.md", status=1)
    assert "metadata" in done.stderr


def test_progress_on_a_terminal(cli, folder):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [binary(), "ingest", str(folder), "--data-dir",
         str(cli.server.data_dir)], stdout=subprocess.DEVNULL, stderr=theirs,
        env=clean_env(folder))
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            part = b""
        if not part:
            break
        seen += part
    os.close(ours)
    assert process.wait() == 0
    assert b"ingest  [" in seen and b"of 3 files" in seen
    assert seen.endswith(b"\r\x1b[K")  # and is wiped


# -- watched -----------------------------------------------------------------------

class Watcher:
    """`sheaf ingest --watch`, line by line."""

    def __init__(self, server, *args):
        self.process = subprocess.Popen(
            [binary(), "ingest", "--watch", *map(str, args), "--data-dir",
             str(server.data_dir)], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=clean_env(server.data_dir.parent))
        self.lines = queue.Queue()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def until(self, part):
        """The lines up to the first that has this in it."""
        seen = []
        while not seen or part not in seen[-1]:
            try:
                seen.append(self.lines.get(timeout=30))
            except queue.Empty:
                raise AssertionError(f"no '{part}' after {seen}") from None
        return seen

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(15)
        self.thread.join()
        return code


@pytest.fixture
def watch(lite_desk):
    made = []

    def start(*args):
        made.append(Watcher(lite_desk, *args))
        made[-1].until("chunks")
        made[-1].until("failed")
        return made[-1]
    yield start
    for watcher in made:
        if watcher.process.poll() is None:
            watcher.process.kill()
            watcher.process.wait()


def test_watch(lite_desk, watch, folder):
    watcher = watch(folder)
    assert len(documents(lite_desk)) == 3
    # new, changed, moved in, in a folder that is new
    (folder / "new.md").write_text("A new note about tomatoes.")
    watcher.until("new.md: 1 chunks")
    (folder / "new.md").write_text("Now about cucumbers.")
    watcher.until("new.md: 1 chunks")
    found = query(lite_desk, "cucumbers")["results"][0]
    assert found["text"] == "Now about cucumbers."
    outside = folder.parent / "outside.md"
    outside.write_text("Peas.")
    outside.rename(folder / "more" / "peas.md")
    watcher.until("more/peas.md: 1 chunks")
    (folder / "fresh" / "inner").mkdir(parents=True)
    (folder / "fresh" / "inner" / "beans.md").write_text("Beans.")
    watcher.until("fresh/inner/beans.md: 1 chunks")
    (folder / "linked.md").hardlink_to(folder / "fresh" / "inner" / "beans.md")
    watcher.until("linked.md: 1 chunks")
    # a whole tree at once
    tree = folder.parent / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "leek.md").write_text("Leek.")
    tree.rename(folder / "tree")
    watcher.until("tree/sub/leek.md: 1 chunks")
    (folder / "tree" / "sub" / "leek.md").write_text("Leeks.")
    watcher.until("tree/sub/leek.md: 1 chunks")
    # one that its writer has not closed yet
    slow = folder.parent / "slow"
    slow.mkdir()
    (slow / "quick.md").write_text("Figs.")
    with open(slow / "plums.md", "w") as half:
        half.write("Plums")
        half.flush()
        slow.rename(folder / "slow")
        lines = watcher.until("slow/quick.md: 1 chunks")
        assert len(lines) == 1, lines
        half.write(" and damsons.")
    lines = watcher.until("slow/plums.md: 1 chunks")
    assert len(lines) == 1, lines
    found = query(lite_desk, "damsons")["results"][0]
    assert found["text"] == "Plums and damsons."
    # what is wrong is said, and is no end
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    watcher.until("bad.pdf: the PDF is damaged")
    # what is left out, and what is gone: the document is kept
    (folder / ".hidden").write_text("secret")
    (folder / "new.md~").write_text("secret")
    (folder / "new.md").unlink()
    (folder / "last.md").write_text("Last.")
    lines = watcher.until("last.md: 1 chunks")
    assert len(lines) == 1, lines
    assert f"{folder}/new.md" in [d["source"] for d in documents(lite_desk)]
    assert watcher.stop() == 1  # one file failed
    assert "1 failed" in watcher.until("failed")[-1]


def test_watch_and_delete(lite_desk, watch, folder):
    cli_args = ("--data-dir", lite_desk.data_dir)
    run_cli("ingest", folder, *cli_args, home=folder)
    (folder / "guide.md").unlink()  # while nobody watches
    watcher = watch("--delete", folder)

    def sources():
        return sorted(d["source"].removeprefix(f"{folder}/")
                      for d in documents(lite_desk))
    assert sources() == ["more/deep/a.pdf", "more/soup.html"]
    (folder / "more" / "soup.html").unlink()
    watcher.until("soup.html: gone, 1 removed")
    assert sources() == ["more/deep/a.pdf"]
    # as editors save: written beside it, then renamed over it
    (folder / "a.md").write_text("One.")
    watcher.until("a.md: 1 chunks")
    (folder / "a.md").rename(folder / "a.md~")
    (folder / ".a.new").write_text("Two.")
    (folder / ".a.new").rename(folder / "a.md")
    watcher.until("a.md: 1 chunks")
    assert sources() == ["a.md", "more/deep/a.pdf"]
    (folder / "more").rename(folder.parent / "away")
    watcher.until("more: gone, 1 removed")
    assert sources() == ["a.md"]
    assert watcher.stop(signal.SIGTERM) == 0


def test_watch_without_a_server(sheaf_bin, box, folder, model_dir):
    """It serves itself meanwhile, and ends cleanly."""
    class Nobody:
        data_dir = box / "data"
    watcher = Watcher(Nobody, folder, "--model-dir", model_dir)
    watcher.until("3 added")
    (folder / "new.md").write_text("A new note.")
    watcher.until("new.md: 1 chunks")
    assert watcher.stop() == 0
    assert "4 added" in watcher.until("added")[-1]


def test_watched_folder_goes(lite_desk, watch, folder):
    watcher = watch(folder)
    folder.rename(folder.parent / "elsewhere")
    assert "gone" in watcher.until("gone")[-1]
    assert watcher.process.wait(15) == 1


# -- docs --------------------------------------------------------------------------

@pytest.fixture
def shelf(cli):
    """A server with three documents; title -> id."""
    for i in range(3):
        cli("ingest", "-", "--title", f"Note {i}", "--source", f"note-{i}",
            "--metadata", '{"year":2025,"open":true}',
            input=f"N\u00f6te {i}. " * 300)
    cli.ids = {d["title"]: d["id"] for d in documents(cli.server)}
    return cli


def test_docs_list(shelf):
    lines = shelf("docs").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        shelf.ids[f"Note {i}"] for i in (2, 1, 0)]
    first = shelf("docs", "list", "--limit", 2).stdout.splitlines()
    assert first[:2] == lines[:2]
    assert first[2] == "1 to 2 of 3; more with --page 2"
    assert shelf("docs", "--limit", 2, "--page", 2).stdout.splitlines() == [
        lines[2]]
    one = json.loads(shelf("docs", "--source", "note-1", "--json").stdout)
    assert [d["title"] for d in one["results"]] == ["Note 1"]
    assert "Invalid page" in shelf("docs", "--page", 9, status=1).stderr


def test_docs_show(shelf):
    shown = shelf("docs", "show", shelf.ids["Note 1"]).stdout
    for part in ("Note 1\n", "source: note-1", "2400 characters", "year: 2025",
                 "open: true", "type: text"):
        assert part in shown
    row = json.loads(shelf("docs", "show", shelf.ids["Note 1"],
                           "--json").stdout)
    assert row["source"] == "note-1"


def test_docs_hostile_title(cli):
    """Nothing that others wrote steers the terminal."""
    cli("ingest", "-", "--title", "a\x1b[2Jb", input="x")
    note = documents(cli.server)[0]["id"]
    for done in (cli("docs"), cli("docs", "show", note)):
        assert "a?[2Jb" in done.stdout and "\x1b" not in done.stdout


def test_docs_text(shelf):
    note = shelf.ids["Note 0"]
    whole = "N\u00f6te 0. " * 300
    assert shelf("docs", "text", note).stdout == whole
    assert shelf("docs", "text", note, "--from", 1, "--to", 9).stdout == (
        whole[1:9])
    part = json.loads(shelf("docs", "text", note, "--from", 5, "--to", 8,
                            "--json").stdout)
    assert (part["text"], part["start_char"]) == (whole[5:8], 5)
    assert "from" in shelf("docs", "text", note, "--from", 9999,
                           status=1).stderr


def test_long_text_whole(cli):
    """Longer than one reply."""
    whole = "\n\n".join(f"Line {i} of many." for i in range(9000))
    cli("ingest", "-", "--title", "Long", input=whole)
    note = documents(cli.server)[0]["id"]
    assert cli("docs", "text", note).stdout == whole


def test_docs_rm(shelf):
    one, two, three = (shelf.ids[f"Note {i}"] for i in range(3))
    assert shelf("docs", "rm", one).stdout == f"{one} removed\n"
    done = shelf("docs", "rm", one, two, "doc-0", status=1)
    assert done.stdout == f"{two} removed\n"
    assert one in done.stderr and "doc-0" in done.stderr
    assert json.loads(shelf("docs", "rm", three, "--json").stdout) == {
        "removed": three}
    assert "No documents" in shelf("docs").stdout


@pytest.mark.parametrize("args,status,says", [
    (("shwo",), 2, "shwo"), (("show",), 2, "needs"), (("rm",), 2, "needs"),
    (("show", "a", "b"), 2, "unexpected word 'b'"),
    (("list", "a"), 2, "unexpected word 'a'"),
    (("--limit", "0"), 2, "limit"), (("--page", "x"), 2, "page"),
    (("show", "../x"), 1, "not a document's id"),
    (("rm", "a" * 300), 1, "not a document's id"),
    (("text", "doc-0", "--from", "x"), 1, "from"),
    (("show", "doc-0"), 1, "doc-0"),
])
def test_docs_usage(cli, args, status, says):
    assert says in cli("docs", *args, status=status).stderr
