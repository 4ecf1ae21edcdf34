"""The commands: help, JSON, exit status; settings and where they come from;
and that a command talks to the server that runs."""

import json
import re

import pytest

from support import papers
from support.fake_arxiv import Entry
from support.papers import call, paper
from support.sheaf import run_cli, scraping

COMMANDS = ["serve", "scrape", "papers", "ingest", "query", "docs", "jobs",
            "stats", "tail", "repair", "config", "embed", "openapi", "token", "doctor",
            "version", "move", "backup", "restore", "verify"]


@pytest.fixture
def cli(sheaf_bin, box):
    """Run a command over a data directory of the test's own."""
    def run(*args, **env):
        return run_cli(*args, "--data-dir", box / "data", home=box, **env)
    return run


# -- help and usage -----------------------------------------------------------

@pytest.mark.parametrize("command", COMMANDS)
def test_help(sheaf_bin, box, command):
    done = run_cli(command, "--help", home=box)
    assert done.returncode == 0 and done.stderr == ""
    assert f"sheaf {command}" in done.stdout
    assert not (box / "xdg").exists(), "help touches nothing"


def test_help_of_all(sheaf_bin, box):
    for word in ("--help", "help", "-h"):
        done = run_cli(word, home=box)
        assert done.returncode == 0
        for command in COMMANDS:
            assert re.search(rf"^\s+{command}\s", done.stdout, re.M)
    bare = run_cli(home=box)
    assert bare.returncode == 2 and "Usage" in bare.stderr


@pytest.mark.parametrize("args,named", [
    (["serv"], "serve"), (["paper"], "papers"), (["frobnicate"], ""),
    (["serve", "--lisen", "x"], "listen"),
    (["serve", "--data-dri=x"], "data-dir"),
    (["papers", "--serach", "x"], "search"),
    (["papers", "--limit", "0"], "limit"),
    (["papers", "--limit", "x"], "limit"),
    (["scrape", "--days", "0"], "days"),
    (["scrape", "--days"], "days"),
    (["scrape", "--max-results", "5000"], "max-results"),
    (["scrape", "--replay"], "replay"),
    (["jobs", "shwo"], "shwo"),
    (["serve", "--pool-requests", "0"], "pool"),
    (["serve", "--log-level", "loud"], "log"),
    (["serve", "--services", "scraper,bakend"], "backend"),
    (["serve", "--database-url", "mysql://x/y"], "database"),
    (["serve", "stray"], "stray"),
], ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_wrong_usage(sheaf_bin, box, args, named):
    done = run_cli(*args, home=box, timeout=20)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert named in done.stderr


def test_version(sheaf_bin, box):
    text = run_cli("version", home=box)
    assert text.returncode == 0
    version = json.loads(run_cli("version", "--json", home=box).stdout)
    assert version["version"] in text.stdout


# -- settings -----------------------------------------------------------------

def settings(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["settings"]


def test_origins(cli, box):
    (box / "data").mkdir()
    (box / "data" / "sheaf.conf").write_text(
        "# a comment\n\ncontact = file@example.org\n"
        "arxiv_interval_ms = 4000\nlog_level=warn\n")
    seen = settings(cli("config", "--json", "--arxiv-interval-ms", "6000",
                        SHEAF_ARXIV_INTERVAL_MS="5000",
                        SHEAF_LOG_LEVEL="error"))
    assert seen["arxiv_interval_ms"] == {"value": "6000", "origin": "flag"}
    assert seen["log_level"] == {"value": "error", "origin": "environment"}
    assert seen["contact"] == {"value": "file@example.org", "origin": "file"}
    assert seen["listen"] == {"value": "127.0.0.1:8642",
                              "origin": "default"}
    text = cli("config").stdout
    line = next(x for x in text.splitlines() if x.startswith("contact"))
    assert "file@example.org" in line and "file" in line


def test_every_documented_setting(cli):
    seen = settings(cli("config", "--json"))
    assert set(seen) >= {
        "listen", "data_dir", "services", "public_url", "allowed_origins",
        "trusted_proxies", "private_reads", "database_url", "vectors",
        "redis_url", "backend_url", "webhook_secret",
        "webhook_signing_secret", "model_dir", "precision", "llm_url",
        "llm_model", "llm_key", "llm_context", "arxiv_url",
        "arxiv_interval_ms", "contact", "retention_days", "log_level",
        "log_format"}
    assert seen["services"]["value"] \
        == "scraper,backend,processor,analytics,web"
    assert seen["arxiv_interval_ms"]["value"] == "3000"


def test_secrets_are_hidden(cli):
    for form in ((), ("--json",)):
        done = cli("config", *form, WEBHOOK_SECRET="very-secret-word",
                   SHEAF_LLM_KEY="another-secret-word",
                   SHEAF_DATABASE_URL="postgresql://me:sesame@db.example/x")
        assert done.returncode == 0
        assert "secret-word" not in done.stdout
        assert "sesame" not in done.stdout
    seen = settings(cli("config", "--json", WEBHOOK_SECRET="x" * 30))
    assert seen["webhook_secret"]["origin"] == "environment"


@pytest.mark.parametrize("text,named", [
    ("arxiv_intervall_ms = 1", "arxiv_interval_ms"),
    ("nonsense = 1", "nonsense"),
    ("no equals sign", ""), ("log_level = loud", "log_level"),
    ("pool_jobs = many", "pool_jobs"), ("private_reads = maybe",
                                        "private_reads")])
def test_bad_file(cli, box, text, named):
    (box / "data").mkdir()
    (box / "data" / "sheaf.conf").write_text("# first\n" + text + "\n")
    done = cli("config")
    assert done.returncode != 0
    assert "sheaf.conf" in done.stderr and "2" in done.stderr
    assert named in done.stderr


def test_unknown_variable(cli):
    done = cli("config", SHEAF_ARXIV_ULR="http://x")
    assert done.returncode != 0
    assert "SHEAF_ARXIV_ULR" in done.stderr
    assert "arxiv_url" in done.stderr.lower()


def test_config_makes_its_documents(sheaf_bin, box):
    example = run_cli("config", "example", home=box)
    assert example.returncode == 0 and "arxiv_interval_ms" in example.stdout
    table = run_cli("config", "markdown", home=box)
    assert table.returncode == 0 and "| `arxiv_interval_ms` |" in table.stdout


def test_example_file_is_valid(cli, box):
    example = cli("config", "example").stdout
    whole = re.sub(r"(?m)^# ?(\w+ = .+)$", r"\1", example)
    (box / "data").mkdir()
    (box / "data" / "sheaf.conf").write_text(
        "\n".join(line for line in whole.splitlines()
                  if not line.startswith("data_dir")))
    done = cli("config")
    assert done.returncode == 0, done.stderr


# -- with and without a server ------------------------------------------------

def test_commands_talk_to_the_server(make_sheaf):
    """The server is asked, with the token: here even reading needs it."""
    server = make_sheaf(private_reads="on")
    server.delivered(call(papers.papers(1, 9)))

    def run(*args):
        return run_cli(*args, "--data-dir", server.data_dir,
                       home=server.data_dir.parent)
    listed = run("papers", "--json")
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout)["count"] == 9
    found = json.loads(run("papers", "--search", '"large language"',
                           "--json").stdout)
    assert found["count"] == 1
    number = found["results"][0]["id"]
    text = run("papers").stdout
    assert "Paper 00001" in text and "9 of 9" in text
    assert "Paper 00005" in run("papers", "show", number).stdout
    assert run("papers", "rm", number).returncode == 0
    assert json.loads(run("papers", "--json").stdout)["count"] == 8
    assert run("papers", "restore", number).returncode == 0
    export = run("papers", "export", "jsonl")
    assert len(export.stdout.splitlines()) == 9
    missing = run("papers", "show", 99999999)
    assert missing.returncode == 1 and missing.stderr.strip()
    bad = run("papers", "--order", "size")
    assert bad.returncode == 1 and "ordering" in bad.stderr


def test_scrape_and_jobs(make_sheaf, arxiv):
    arxiv.corpus = [Entry(f"2511.{n:05d}", f"LLM {n}", age_days=n / 10)
                    for n in range(8)]
    server = make_sheaf(**scraping(arxiv))

    def run(*args):
        return run_cli(*args, "--data-dir", server.data_dir,
                       home=server.data_dir.parent)
    done = run("scrape", "--category", "llm", "--json")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert (job["papers_found"], job["papers_created"]) == (8, 8)
    assert "\x1b" not in done.stdout + done.stderr, "no bar off a terminal"
    text = run("scrape", "--category", "llm")
    assert re.search(r"8 papers: 0 new, 8 known", text.stdout)
    listed = json.loads(run("jobs", "--kind", "scrape", "--json").stdout)
    assert listed["count"] == 2
    shown = run("jobs", "show", job["job_id"], "--json")
    assert json.loads(shown.stdout)["job_id"] == job["job_id"]
    assert job["job_id"] in run("jobs").stdout
    assert run("jobs", "cancel", job["job_id"]).returncode == 1
    assert run("jobs", "show", "arxiv-1").returncode == 1
    from support import fake_arxiv
    arxiv.always = fake_arxiv.status(400, b"<html>bad</html>")
    failed = run("scrape")
    assert failed.returncode == 1 and "400" in failed.stderr
    arxiv.always = fake_arxiv.hang()
    started = run("scrape", "--no-wait")
    assert started.returncode == 0
    job_id = started.stdout.strip()
    assert run("jobs", "cancel", job_id).returncode == 0
    assert server.wait_job(job_id, 3)["status"] == "cancelled"
    arxiv.always = None
    assert run("jobs", "retry", job_id).returncode == 0
    assert server.wait_counts(job_id)["papers_found"] == 8


def test_commands_without_a_server(cli, box):
    empty = cli("papers", "--json")
    assert empty.returncode == 0, empty.stderr
    assert json.loads(empty.stdout)["count"] == 0
    jobs = cli("jobs", "--json")
    assert jobs.returncode == 0 and json.loads(jobs.stdout)["count"] == 0
    token = cli("token")
    assert token.returncode == 0 and len(token.stdout.strip()) >= 32
    as_json = json.loads(cli("token", "--json").stdout)
    assert token.stdout.strip() in as_json.values()
    for word in ("papers", "jobs"):
        text = cli(word)
        assert text.returncode == 0 and text.stdout.strip()


@pytest.mark.one_process("what a process says of itself")
def test_openapi_is_what_a_server_says(shared_lite, cli, box):
    def described(**env):
        done = cli("openapi", **env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    ours = described(SHEAF_SERVICES=shared_lite.settings["services"])
    theirs = shared_lite.json("/openapi.json")
    assert ours.pop("servers") == [{"url": "/"}]
    assert theirs.pop("servers") == [{"url": shared_lite.url}]
    assert ours == theirs
    alone = described(SHEAF_SERVICES="scraper",
                      SHEAF_PUBLIC_URL="https://desk.example")
    assert "/scrape" in alone["paths"] and "/api/papers/" not in alone["paths"]
    assert alone["servers"] == [{"url": "https://desk.example"}]
    assert not (box / "data").exists(), "nothing is opened"


def test_doctor(make_lite, arxiv):
    server = make_lite(**scraping(arxiv))

    def run(*args, **env):
        return run_cli(*args, "--data-dir", server.data_dir,
                       home=server.data_dir.parent, SHEAF_ARXIV_URL=arxiv.url,
                       **env)
    done = run("doctor", "--json")
    report = json.loads(done.stdout)
    checks = {check["check"]: check for check in report["checks"]}
    assert set(checks) >= {"disk", "clock", "database", "arxiv", "webhook",
                           "model"}
    assert all(check["text"] for check in checks.values())
    assert done.returncode == (0 if report["healthy"] else 1)
    assert checks["database"]["status"] == "ok"
    assert checks["arxiv"]["status"] == "ok"
    assert arxiv.requests, "it really asked"
    text = run("doctor").stdout
    for name in checks:
        assert name in text


def test_doctor_sees_what_is_wrong(make_lite):
    server = make_lite(arxiv_url="http://127.0.0.1:1/")
    done = run_cli("doctor", "--json", "--data-dir", server.data_dir,
                   home=server.data_dir.parent,
                   SHEAF_ARXIV_URL="http://127.0.0.1:1/",
                   SHEAF_WEBHOOK_SECRET="not-the-secret-of-the-server")
    checks = {c["check"]: c for c in json.loads(done.stdout)["checks"]}
    assert checks["arxiv"]["status"] != "ok"
    assert checks["webhook"]["status"] == "failed"
    assert done.returncode == 1


def test_replay_of_gzip(cli, box):
    import gzip
    from support.sheaf import REPO
    plain = REPO / "tests" / "fixtures" / "atom" / "new_layout.xml"
    packed = box / "feed.xml.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    done = cli("scrape", "--replay", packed, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["papers_created"] == 2
    broken = box / "broken.xml.gz"
    broken.write_bytes(packed.read_bytes()[:-40])
    done = cli("scrape", "--replay", broken)
    assert done.returncode == 1 and "broken.xml.gz" in done.stderr


def test_output_to_a_closed_pipe(make_lite):
    """`sheaf papers export jsonl | head -1` ends without a crash."""
    import subprocess
    from support.sheaf import binary, clean_env
    server = make_lite()
    server.delivered(call([paper(n, abstract="long " * 500)
                           for n in range(300)]))
    process = subprocess.Popen(
        [binary(), "papers", "export", "jsonl", "--data-dir",
         str(server.data_dir)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=clean_env(server.data_dir.parent))
    process.stdout.readline()
    process.stdout.close()
    process.stderr.read()
    process.stderr.close()
    assert process.wait(20) in (0, 1, -13)
