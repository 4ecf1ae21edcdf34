"""A real Chroma server of a test's own, as one process (`chroma run`), and
its official Python client as another."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import requests

from .ports import Port
from .sheaf import REPO, clean_env
from .waiting import wait_until


CLIENT = REPO / "tests" / "chroma_client"


class Unavailable(Exception):
    """It is not installed; the message says what to do."""


def home():
    """The Python environment that has Chroma: its server and its client."""
    path = pathlib.Path(os.environ.get("SHEAF_TEST_CHROMA",
                                       REPO / "build" / "venv-chroma"))
    if not (path / "ready").is_file():
        raise Unavailable(f"no Chroma in {path}: run scripts/venv.sh {path} "
                          "tests/requirements-chroma.txt, or set "
                          "SHEAF_TEST_CHROMA")
    return path


class Chroma:
    """The server on a free port, of loopback if nothing else is said, over a folder of its own.

    Port and folder stay the same over kill() or stop() and start(), so that
    whoever uses it finds it again; wipe() between them loses everything.
    """

    def __init__(self, box, address="127.0.0.1"):
        self.program = home() / "bin" / "chroma"
        self.address = address
        self.port = Port()
        self.url = f"http://{address}:{self.port}"
        self.place = box / f"chroma-{self.port}"
        self.dir = self.place / "data"
        self.log_path = self.place / "log"
        self.place.mkdir()
        self.process = None
        self.start()

    def start(self, timeout=60):
        """Start, and wait until its heartbeat is heard."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "run", "--path", self.dir, "--host",
                 self.address, "--port", str(self.port)],
                cwd=self.place, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=clean_env(self.place,
                                          ANONYMIZED_TELEMETRY="False"))
        try:
            wait_until(self._alive, timeout, what="a heartbeat of Chroma")
        except BaseException:
            self.kill()
            raise
        return self

    def _alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"chroma ended at start:\n"
                               f"{self.log_path.read_text()[-2000:]}")
        return requests.get(self.url + "/api/v2/heartbeat",
                            timeout=10).status_code == 200

    def running(self):
        return self.process.poll() is None

    def kill(self):
        """As a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As an administrator would."""
        self.process.terminate()
        self.process.wait(30)

    def freeze(self):
        """It keeps its connections and says nothing more."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def wipe(self):
        """Lose all that it holds; it must not be running."""
        assert not self.running()
        shutil.rmtree(self.dir)

    def close(self):
        if self.running():
            self.kill()


def scenarios():
    """What CLIENT can be asked to do, by name."""
    return sorted(name for file in CLIENT.glob("*.py") for name in re.findall(
        r"^@scenario\ndef (\w+)", file.read_text(), re.MULTILINE))


class Client:
    """The official Python client, in its own environment, before a server.

    `embeddings` is the server whose /v1/embeddings it uses where it embeds.
    """

    def __init__(self, url, log_path, token=None, embeddings=""):
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                [home() / "bin" / "python", CLIENT, url,
                 *([token] if token else [])], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True,
                env=clean_env(log_path.parent, PYTHONDONTWRITEBYTECODE="1",
                              SHEAF_TEST_EMBEDDINGS=embeddings))
        self.log_path = log_path

    def ask(self, scenario):
        """The answers to its questions, as plain data."""
        self.process.stdin.write(scenario + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log_path.read_text()[-3000:]
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)
