"""Embedding programs on pipes: sheaf and its peer, spoken to alike."""
import fcntl
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import numpy as np

from harness.process import BenchError
from harness.servers import sheaf_environment

DIM = 384
_PIPE_BYTES = 1 << 20
_PEER = Path(__file__).resolve().parent.parent / "peer_onnx" / "server.py"


class Embedder:
    """A program that reads texts and writes float32 vectors."""

    def __init__(self, name, argv, cores, log, counted):
        self.name = name
        self.counted = counted  # it is told how many texts come
        self.started = time.perf_counter()
        self.log = log
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                ["taskset", "-c", ",".join(map(str, cores)),
                 *map(str, argv)], env=sheaf_environment(),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        for pipe in (self.process.stdin, self.process.stdout):
            # A whole call fits: neither side waits for the other's pipe.
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def pid(self):
        return self.process.pid

    def embed(self, texts):
        """The vectors, n x 384."""
        data = b"".join(json.dumps(text).encode() + b"\n" for text in texts)
        if self.counted:
            data = b"%d\n" % len(texts) + data
        writer = threading.Thread(target=self._write, args=(data,))
        writer.start()
        raw = self.process.stdout.read(len(texts) * DIM * 4)
        writer.join()
        if len(raw) != len(texts) * DIM * 4:
            raise BenchError(f"{self.name} ended early:\n"
                             + Path(self.log).read_text()[-2000:])
        return np.frombuffer(raw, "<f4").reshape(-1, DIM)

    def _write(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # told by what is read

    def seconds(self, texts):
        """Time of one call."""
        start = time.perf_counter()
        self.embed(texts)
        return time.perf_counter() - start

    def first_vector_ms(self):
        """From its start to its first vector."""
        self.embed(["a"])
        return (time.perf_counter() - self.started) * 1000

    def rss_mb(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024
                    for line in status.splitlines()
                    if line.startswith("VmRSS"))

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def sheaf(binary, model, precision, cores, log, data_dir):
    """`sheaf embed` as a co-process; data_dir: with a cache/ in it, used."""
    return Embedder(
        f"sheaf {precision}",
        [binary, "embed", "--jsonl", "--format", "f32", "--quiet",
         "--model-dir", model, "--precision", precision, "--data-dir",
         data_dir], cores, log, counted=False)


def onnx(python, graph, vocab, batch, cores, log, pad=None):
    return Embedder(
        f"onnxruntime {Path(graph).stem}",
        [python, _PEER, graph, vocab, len(cores), batch,
         *([pad] if pad else [])], cores, log, counted=True)


def usable_cores():
    return sorted(os.sched_getaffinity(0))
