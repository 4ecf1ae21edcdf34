"""Chroma's official Python client puts the same questions to any server.

    build/venv-chroma/bin/python tests/chroma_client URL [TOKEN] <names

Runs each scenario that a line of stdin names, in a database of its own, and
answers with a line of JSON.  Answers are plain data in which what no two servers
can have in common (ids of collections, times) is replaced by a word.
"""

import json
import sys

import by_hand  # noqa: F401  each module adds its scenarios
import on_async  # noqa: F401
import on_collections  # noqa: F401
import on_documents  # noqa: F401
import on_purpose  # noqa: F401
import on_query  # noqa: F401
import on_records  # noqa: F401
import on_server  # noqa: F401
import on_sheaf  # noqa: F401
import on_where  # noqa: F401
from asking import SCENARIOS, Desk


def main(url, token=None):
    for line in sys.stdin:
        name = line.strip()
        answers = SCENARIOS[name](Desk(url, token, name))
        print(json.dumps(answers), flush=True)


main(*sys.argv[1:])
