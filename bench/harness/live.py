"""What the live parts share: the peers on Node, servers that are pinned to the
first processor, and the load (live_load.c), which is pinned to the last."""
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from .process import BenchError, Child

FIRST_CORE = ("taskset", "-c", "0")
_LAST_CORE = ("taskset", "-c", str(os.cpu_count() - 1))
_PEER_DIR = Path(__file__).parent.parent / "peer_node"
_PORT = re.compile(r"^(?:http://127.0.0.1:)?(\d+)$", re.M)


def program(bench, name):
    """build/bench/live_load, build/servers/live_server."""
    path = bench.sheaf and bench.sheaf.parent / name
    if not path or not path.exists():
        raise BenchError(f"{path} is missing: `make build/{name}`")
    return path


def install_peer(bench):
    """The peers with their packages, once for all parts."""
    place = bench.work / "peer_node"
    if place.exists():
        return place
    if not shutil.which("node") or not shutil.which("npm"):
        raise BenchError("node is missing: `scripts/node.sh build/node`, and "
                         "put build/node/bin into PATH")
    shutil.copytree(_PEER_DIR, place)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund",
                    "--loglevel=error"], cwd=place, check=True, timeout=300)
    return place


class Pinned:
    """A server that prints its port, on the first processor."""

    def __init__(self, argv, log):
        log.write_text("")
        self.child = Child([*FIRST_CORE, *argv], log=log)
        while not (said := _PORT.search(log.read_text())):
            self.child.check_alive()
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{said[1]}"

    def stop(self):
        self.child.stop()


def load(bench, server, *args):
    """What live_load says about a server, with these of its arguments."""
    done = subprocess.run(
        [*_LAST_CORE, program(bench, "bench/live_load"),
         str(urlsplit(server.url).port), str(server.child.pid),
         *map(str, args)], capture_output=True, text=True, timeout=300,
        check=False)
    if done.returncode:
        raise BenchError(f"the load stopped: {done.stderr}")
    return json.loads(done.stdout)
