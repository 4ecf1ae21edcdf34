"""The feed of 1,314 entries, replayed through sheaf, beside feedparser.

Ours is the whole way to papers on disk: parse, classify, score, tag, outbox,
webhook over HTTP, commit.  It is timed twice: as the command
`sheaf scrape --replay`, from its start to its end, and as a job of a running
server, from the request to the moment its delivery is confirmed.  feedparser
only parses, in a process that has already imported it.
"""
import gzip
import json
import subprocess
import time

import feedparser

from harness.load import Http
from harness.process import BenchError
from harness.report import Row, interleave
from harness.servers import Sheaf, sheaf_environment

SECTION = "feed of arXiv entries"
_FEED = "arxiv-api/rag2024_all_rag_1314.xml.gz"
_JOB_TIMEOUT_S = 120


def run(bench):
    """Time all over the same bytes, in turn."""
    print("\n-- feed")
    packed = bench.data / _FEED
    if not packed.exists():
        print(f"  skipped: {packed} is missing (see --data)")
        return
    feed = gzip.decompress(packed.read_bytes())
    entries = len(feedparser.parse(feed).entries)
    contestants = {"peer": lambda _: parse_s(feed, entries)}
    if bench.sheaf:
        file = bench.work / "feed.xml"
        file.write_bytes(feed)
        contestants = {"command": lambda n: command_s(bench, file, n),
                       "server": lambda n: server_s(bench, feed, entries, n),
                       **contestants}
    took = interleave(contestants, bench.args.rounds)
    for way in ("command", "server"):
        for unit, amount in (("entries/s", entries),
                             ("MB/s", len(feed) / 1e6)):
            bench.report.add(Row(
                SECTION, f"{entries:,} entries, {len(feed) / 1e6:.2f} MB, "
                f"by {way}", unit,
                [amount / s for s in took.get(way, [])],
                [amount / s for s in took["peer"]],
                note="sheaf: parsed, delivered, stored; peer: feedparser, "
                     "parsed only"))


def parse_s(feed, entries):
    """Seconds that feedparser takes."""
    start = time.perf_counter()
    found = len(feedparser.parse(feed).entries)
    took = time.perf_counter() - start
    if found != entries:
        raise BenchError(f"feedparser found {found} entries")
    return took


def command_s(bench, file, n):
    """Seconds of `sheaf scrape --replay` on an empty directory."""
    argv = [bench.sheaf, "scrape", "--replay", file, "--data-dir",
            bench.work / f"scrape-command-{n}"]
    start = time.perf_counter()
    done = subprocess.run([str(a) for a in argv], check=False,
                          capture_output=True, text=True,
                          env=sheaf_environment())
    took = time.perf_counter() - start
    if done.returncode:
        raise BenchError(f"sheaf scrape --replay ended with "
                         f"{done.returncode}:\n{done.stdout[-800:]}"
                         f"{done.stderr[-800:]}")
    return took


def server_s(bench, feed, entries, n):
    """Seconds from the request to a running server on an empty directory
    until the webhook's delivery is confirmed; then what was stored."""
    with bench.scope():
        sheaf = bench.start(Sheaf(
            bench.sheaf, bench.work / f"scrape-server-{n}",
            bench.work / f"scrape-server-{n}.log"))
        with Http(sheaf.url) as client:
            start = time.perf_counter()
            status, data, _ = client.request(
                "POST", "/scrape/replay", feed,
                {"Content-Type": "application/atom+xml"})
            if status != 202:
                raise BenchError(f"/scrape/replay -> {status} {data[:300]!r}")
            wait_delivered(client, json.loads(data)["job_id"])
            took = time.perf_counter() - start
        stored = sheaf.count("")
    bench.report.check(f"{stored:,} papers are listed after the feed of "
                       f"{entries:,} entries", stored == entries)
    return took


def wait_delivered(client, job_id):
    """Until the job has ended and its webhook has been answered."""
    deadline = time.monotonic() + _JOB_TIMEOUT_S
    while time.monotonic() < deadline:
        job = client.get_json(f"/jobs/{job_id}")
        if job["status"] == "completed":
            if job["webhook"]["status"] == "delivered":
                return
        elif job["status"] != "running":
            raise BenchError(f"the scrape did not complete: {job}")
        time.sleep(0.001)
    raise BenchError(f"the scrape is not delivered after {_JOB_TIMEOUT_S} s: "
                     f"{job}")
