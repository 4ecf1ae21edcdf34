"""A process that stops in the middle of a transaction, and keeps its
connections: the locks that it holds are not held for ever."""

import contextlib
import itertools
import signal
import threading

import pytest
import requests

from support import papers
from support.waiting import wait_until


@pytest.mark.one_process("it is the one that is stopped")
@pytest.mark.timeout(120)
def test_frozen_in_a_transaction(make_postgresql, postgresql):
    """What it holds is free again before others have given up waiting."""
    server = make_postgresql(services="backend")
    database = server.settings["database_url"].rsplit("/", 1)[1]
    over, calls = threading.Event(), itertools.count(1)

    def deliver():
        while not over.is_set():
            with contextlib.suppress(requests.RequestException):
                n = next(calls)
                server.deliver(papers.call(papers.papers(n, 1), f"arxiv-{n}"))

    def open_transactions():
        return int(postgresql.cluster.query(
            "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL"
            f" AND wait_event = 'ClientRead' AND datname = '{database}'",
            "postgres")[0][0])

    def freeze_in_one():
        server.signal(signal.SIGSTOP)
        if open_transactions():
            return True
        server.signal(signal.SIGCONT)
        return False

    writer = threading.Thread(target=deliver, daemon=True)
    writer.start()
    try:
        wait_until(freeze_in_one, 40, 0.005, "a transaction that is open")
        wait_until(lambda: not open_transactions(), 20, 0.1,
                   "the end of a transaction whose owner is silent")
    finally:
        server.signal(signal.SIGCONT)
        over.set()
        writer.join()
    server.delivered(papers.call(papers.papers(1, 1), "arxiv-last"))
