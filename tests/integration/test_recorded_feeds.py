"""Every recorded answer of arXiv gives exactly the entries that its row in the
data's README states, or the stated error: as a file, and over HTTP."""

import json
import re

import pytest

from support import fake_arxiv
from support.sheaf import run_cli, scraping

# File, entries by its README row.  Those of 0 are good answers without entry.
FEEDS = {
    "arxivpy_id_0000.0000_s0_m100.xml": 0,
    "arxivpy_id_0808.05394_s0_m100.xml": 0,
    "arxivpy_id_1605.08386_s0_m100.xml": 1,
    "arxivpy_id_1707.08567_s0_m100.xml": 1,
    "arxivpy_id_astro-ph_0601001_s0_m100.xml": 1,
    "arxivpy_q_testing_s0_m100.xml": 100,
    "arxivpy_q_testing_s0_m10.xml": 10,
    "arxivpy_q_testing_s10_m10.xml": 10,
    "arxivpy_q_testing_s20_m10.xml": 10,
    "arxivpy_q_testing_s30_m10.xml": 10,
    "yanhua_latest_cs_ai.xml": 50,
    "yanhua_agent_arxiv_raw.xml": 10,
    "yanhua_llm.xml": 5,
    "yanhua_self_improving_arxiv.xml": 5,
    "yanhua_agents_strict.xml": 5,
    "yanhua_rsi_arxiv.xml": 5,
    "yanhua_rsi_targeted_arxiv.xml": 5,
    "yanhua_rsi_raw_part1.xml": 10,
    "yanhua_rsi_raw_part2.xml": 10,
    "rag2024_all_rag_1314.xml.gz": 1314,
    "brevio_cs_lg_or_cs_ai.xml": 20,
    "lumen_search.xml": 3,
    "lumen_get_by_id.xml": 1,
    "haitun_bipv.xml": 3,
    "researcharr_api_v2.xml": 10,
    "researcharr_linformer.xml": 10,
    "researcharr_quoted.xml": 1,
    "orijtech_deep_dream_0.xml": 10,
    "orijtech_deep_dream_1.xml": 10,
    "millennium_feed.xml": 5,
    "millennium_results.xml": 5,
}
ERROR_FEED = "arxivpy_id_abc_s0_m100.xml"
CONCATENATED = "malformed/yanhua_rsi_arxiv_raw_concatenated.xml.txt"


def urls_of(path):
    """The canonical URLs in a recorded feed, by plain search."""
    return {"https://arxiv.org/abs/" + found.decode() for found in re.findall(
        rb"<id>https?://arxiv\.org/abs/([^<]+?)(?:v\d+)?</id>",
        fake_arxiv.load_feed(path))}


def test_the_table_above_is_the_readme(recorded):
    rows = re.findall(r"^\| `arxiv-api/([^`]+)` \| (\d+) \|",
                      (recorded / "README.md").read_text(), re.M)
    stated = {name: int(count) for name, count in rows
              if ".xml" in name and name not in (ERROR_FEED, CONCATENATED)}
    assert stated == FEEDS


def replay(box, *files):
    """`sheaf scrape --replay FILE...`, finished."""
    return run_cli("scrape", "--replay", *files, "--json", "--data-dir",
                   box / "data", home=box)


def total(done, field):
    """Sum of a number over the reports, a line for each file."""
    return sum(json.loads(line)[field] for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", FEEDS)
def test_replay_of_a_file(sheaf_bin, box, recorded, name):
    path = recorded / "arxiv-api" / name
    done = replay(box, path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["papers_found"] == FEEDS[name]
    assert report["papers_created"] == len(urls_of(path))
    papers = run_cli("papers", "--json", "--data-dir", box / "data",
                     home=box)
    assert papers.returncode == 0, papers.stderr
    assert json.loads(papers.stdout)["count"] == len(urls_of(path))


def test_replay_of_the_error_feed(sheaf_bin, box, recorded):
    done = replay(box, recorded / "arxiv-api" / ERROR_FEED)
    assert done.returncode != 0
    assert "incorrect id format for abc" in done.stderr + done.stdout


def test_replay_of_two_answers_in_one_file(sheaf_bin, box, recorded):
    """Not well-formed: an error that says so, and nothing half stored."""
    done = replay(box, recorded / "arxiv-api" / CONCATENATED)
    assert done.returncode in (0, 1)
    if done.returncode == 0:  # the README allows to stop after the first
        assert json.loads(done.stdout)["papers_found"] == 10
    else:
        assert done.stderr.strip() or json.loads(done.stdout)["error"]


def test_replay_of_many_files(sheaf_bin, box, recorded):
    """All of them as one import: the union, and again nothing new."""
    files = [recorded / "arxiv-api" / name for name in FEEDS
             if not name.endswith(".gz")]
    wanted = set().union(*map(urls_of, files))
    first = replay(box, *files)
    assert first.returncode == 0, first.stderr
    assert total(first, "papers_created") == len(wanted)
    again = replay(box, *files)
    assert total(again, "papers_created") == 0
    assert total(again, "papers_found") == total(first, "papers_found")


@pytest.fixture(scope="module")
def one_server(standing):
    """One server for all feeds over HTTP: each counts what it created."""
    fake = fake_arxiv.FakeArxiv()
    with standing("feeds", **scraping(fake)) as server:
        server.fake = fake
        yield server
    fake.close()


@pytest.mark.parametrize("name", FEEDS)
def test_scrape_of_a_recorded_answer(one_server, recorded, name):
    path = recorded / "arxiv-api" / name
    one_server.fake.record(path)
    before = {p["url"] for p in one_server.all_papers()}
    job = one_server.wait_counts(one_server.scrape(
        category="all", max_results=max(1, FEEDS[name])))
    # An entry that stands twice in one feed is one paper.
    assert job["papers_found"] == len(urls_of(path))
    assert job["papers_created"] == len(urls_of(path) - before)
    assert {p["url"] for p in one_server.all_papers()} \
        == before | urls_of(path)


def test_scrape_of_the_error_feed(one_server, recorded):
    one_server.fake.record(recorded / "arxiv-api" / ERROR_FEED, 400)
    job = one_server.wait_job(one_server.scrape(category="all"))
    assert job["status"] == "failed"
    assert "incorrect id format for abc" in job["error"]


def test_scrape_of_two_answers_in_one(one_server, recorded):
    data = fake_arxiv.load_feed(recorded / "arxiv-api" / CONCATENATED)
    one_server.fake.always = fake_arxiv.body(data)
    job = one_server.wait_job(one_server.scrape(category="all",
                                                max_results=10))
    one_server.fake.always = None
    if job["status"] == "completed":  # stopped after the first
        assert job["papers_found"] == 10
    else:
        assert job["status"] == "failed" and job["error"]


def test_recorded_pages_follow_one_another(make_lite, arxiv, recorded):
    """The four pages of one recorded search, as start= asks for them."""
    pages = {start: fake_arxiv.load_feed(
        recorded / "arxiv-api" / f"arxivpy_q_testing_s{start}_m10.xml")
        for start in (0, 10, 20, 30)}
    entries = [match.group() for start in (0, 10, 20, 30) for match in
               fake_arxiv.ENTRY_RE.finditer(pages[start])]
    joined = fake_arxiv.ENTRY_RE.sub(b"", pages[0])
    arxiv.recorded = joined.replace(b"</feed>",
                                    b"".join(entries) + b"</feed>")
    server = make_lite(**scraping(arxiv))
    job = server.wait_counts(server.scrape(category="all", max_results=40))
    assert job["papers_found"] == 40
