"""Commands that must end as a test says, or are stopped by it."""

import json
import subprocess

from .sheaf import binary, clean_env, run_cli


def run(home, *args, status=0, **env):
    """`sheaf ARGS` must end with `status`; what it wrote."""
    done = run_cli(*args, home=home, timeout=300, **env)
    assert done.returncode == status, (args, done.returncode, done.stdout,
                                       done.stderr)
    return done


def run_json(home, *args, **more):
    return json.loads(run(home, *args, "--json", **more).stdout)


def start(home, *args):
    """The same, running."""
    return subprocess.Popen(
        [binary(), *map(str, args)], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=clean_env(home))
