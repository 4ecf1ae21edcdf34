"""Two machines and a cable between them that can be cut.

The near machine is this one.  The far one is a network namespace: a process
that enters it has no other way out than the cable.  Between them is a third
namespace with a bridge, as a switch in a rack: cut() takes the near machine's
plug out of it, and neither side is told.  What they send is gone, connections
stay open and silent, as when a line breaks somewhere on the way.

Each namespace lives as long as a process that waits for its standard input to
end, so nothing is left behind, however the tests end.
"""

import ctypes
import ipaddress
import os
import random
import subprocess

CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """Namespaces cannot be made here; the message says why."""


class _Namespace:
    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            why = self.holder.stderr.read().strip()
            self.close()
            raise Unavailable(f"no network namespace: {why}")

    def run(self, *command):
        _run("nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()


def _run(*command):
    done = subprocess.run([str(word) for word in command], check=False,
                          capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{' '.join(map(str, command))}: "
                          f"{done.stderr.strip()}")


class Network:
    """`near` and `far` are the addresses of the two machines."""

    def __init__(self):
        # A subnet of four, of those that are for tests of networks (RFC 2544).
        number = random.SystemRandom().randrange(2 ** 15)
        first = ipaddress.ip_address("198.18.0.0") + 4 * number
        self.near = str(first + 1)
        self.far = str(first + 2)
        self.subnet = f"{first}/30"
        self._near_plug = f"sheaf-{number}"
        self._switch = self._far_side = self._ns = None
        try:
            self._make()
        except FileNotFoundError as err:
            self.close()
            raise Unavailable(f"{err.filename} is not installed") from None
        except BaseException:
            self.close()
            raise

    def _make(self):
        self._switch = _Namespace()
        self._far_side = _Namespace()
        switch, far = self._switch, self._far_side
        switch.run("ip", "link", "add", "bridge", "type", "bridge")
        for plug in "near", "far":
            switch.run("ip", "link", "add", plug, "type", "veth", "peer",
                       "name", plug + "-end")
        switch.run("ip", "link", "set", "near-end", "name", self._near_plug,
                   "netns", os.getpid())
        switch.run("ip", "link", "set", "far-end", "netns",
                   far.holder.pid)
        for plug in "bridge", "near", "far":
            switch.run("ip", "link", "set", plug, "up")
        for plug in "near", "far":
            switch.run("ip", "link", "set", plug, "master", "bridge")
        _run("ip", "address", "add", self.near + "/30", "dev",
             self._near_plug)
        _run("ip", "link", "set", self._near_plug, "up")
        far.run("ip", "address", "add", self.far + "/30", "dev", "far-end")
        far.run("ip", "link", "set", "far-end", "up")
        far.run("ip", "link", "set", "lo", "up")
        self._ns = os.open(f"/proc/{far.holder.pid}/ns/net",
                           os.O_RDONLY | os.O_CLOEXEC)

    def enter(self):
        """For preexec_fn: the process to be is on the far machine."""
        if _LIBC.setns(self._ns, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def cut(self):
        self._switch.run("ip", "link", "set", "near", "nomaster")

    def mend(self):
        self._switch.run("ip", "link", "set", "near", "master", "bridge")

    def close(self):
        if self._ns is not None:
            os.close(self._ns)
        for side in self._far_side, self._switch:
            if side:
                side.close()
