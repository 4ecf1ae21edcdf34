"""A real language model's server, as one process."""

import os
import pathlib
import subprocess

import requests

from .sheaf import REPO

CONTEXT = 1024  # tokens


class Unavailable(Exception):
    """It is not installed; the message says what to do."""


class RealLlm:
    """The server; `url` is what `llm_url` is set to."""

    def __init__(self, log_path):
        home = pathlib.Path(os.environ.get("SHEAF_TEST_LLM",
                                           REPO / "build" / "venv-llm"))
        python = home / "bin" / "python"
        if not (home / "ready").is_file():
            raise Unavailable(f"no model server in {home}: run scripts/venv.sh "
                              f"{home} tests/requirements-llm.txt, or set "
                              "SHEAF_TEST_LLM")
        script = pathlib.Path(__file__).with_name("llm_server.py")
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen(
                [python, script, home / "model.gguf", str(CONTEXT)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True)
        self.base = self.process.stdout.readline().strip()
        if not self.base:
            self.process.wait()
            raise RuntimeError("the model server did not start:\n"
                               + log_path.read_text()[-2000:])
        self.url = self.base + "/v1"

    def is_busy(self):
        """Is it saying something?"""
        slots = requests.get(self.base + "/slots", timeout=10).json()
        return any(slot["is_processing"] for slot in slots)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)
