"""Clients in other languages: their sources are copied into a folder beside the
program, and what they need is put there once, for all that run side by side."""

import contextlib
import fcntl
import filecmp
import pathlib
import shutil

from .sheaf import REPO, binary


@contextlib.contextmanager
def folder(name):
    """The folder with the files of tests/NAME; nobody else fills it meanwhile."""
    place = pathlib.Path(binary()).resolve().parent / name
    place.mkdir(exist_ok=True)
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for source in (REPO / "tests" / name).iterdir():
            target = place / source.name
            if not target.exists() or not filecmp.cmp(source, target, False):
                shutil.copyfile(source, target)
        yield place


def stale(made, source):
    """Was it made of an older source, or not at all?"""
    return not made.exists() or made.stat().st_mtime < source.stat().st_mtime
