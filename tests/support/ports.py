"""Ports for servers that must be told theirs.

A port that was free a moment ago may be another test's by now: tests run side
by side.  So it is held, by a socket that is bound and does not listen.  The
kernel then gives it to nobody who asks for any port; who asks for this very one
and sets SO_REUSEADDR, as servers do, gets it.
"""

import socket

LOOPBACK = "127.0.0.1"


class Port:
    """A port of loopback, and nobody else's for as long as this object is
    there.  A number takes that one back, of a server that has just ended."""

    def __init__(self, number=0):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, number))
        self.number = self._socket.getsockname()[1]

    def __str__(self):
        return str(self.number)

    @property
    def address(self):
        return f"{LOOPBACK}:{self.number}"
