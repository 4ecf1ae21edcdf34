"""The live server with the clients that others wrote: the official ones of
JavaScript and Java, and python-socketio."""

import json
import shutil
import subprocess
import sys

import pytest

from support import beside
from support.live import LiveServer
from support.ports import Port
from support.sheaf import REPO

TRANSPORTS = ["polling", "websocket", "upgrade"]


@pytest.fixture
def live(box):
    with LiveServer(box) as server:
        yield server


# -- JavaScript ---------------------------------------------------------------

def node(js_dir, live, mode, **kw):
    return subprocess.Popen(["node", "socketio.mjs", live.url, mode],
                            cwd=js_dir, stdout=subprocess.PIPE, text=True, **kw)


@pytest.mark.parametrize("mode", TRANSPORTS)
def test_javascript(live, js_dir, mode):
    with node(js_dir, live, mode, stderr=subprocess.PIPE) as client:
        out, err = client.communicate(timeout=60)
    assert client.returncode == 0, err
    assert json.loads(out) == {
        "auth": {"token": "t"},
        "transport": "websocket" if mode == "upgrade" else mode,
        "echo": [1, "\u00e9\U0001F35C", {"three": [True, None]}],
        "ack": "x",
        "binary": ["00ff07", "01"],
        "binaryAck": "616263",
        "asked": ["why!", "09"],
        "rooms": [["hello", 1], ["hello", 1], ["everybody"]],
        "inOrder": True,
        "big": True,
        "custom": {"who": "me"},
        "apart": ["apart"],
        "refused": ["wrong token", {"code": 7}],
        "unknown": "Invalid namespace",
        "kicked": "io server disconnect",
        "closed": "io server disconnect",
        "still": "here",
    }


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_javascript_reconnects(box, js_dir, how):
    port = Port()
    server = LiveServer(box, listen=port.address)
    with node(js_dir, server, "reconnect") as client:
        assert client.stdout.readline() == "ready\n"
        if how == "kill":
            server.process.kill()
            server.process.wait()
        else:
            server.__exit__()
        with LiveServer(box, listen=port.address):
            assert client.stdout.readline() == "ready\n"
            assert client.stdout.readline() == "back true\n"
            assert client.wait(10) == 0


def test_javascript_heartbeat(box, js_dir):
    """The official client answers pings often enough to stay."""
    with LiveServer(box, ping_interval=100, ping_timeout=10000) as live:
        for mode in TRANSPORTS:
            with node(js_dir, live, mode) as client:
                assert json.loads(client.communicate(timeout=60)[0])["still"]
        assert "ping timeout" not in live.log()


# -- Python -------------------------------------------------------------------

@pytest.mark.parametrize("mode", TRANSPORTS)
def test_python(live, mode):
    """In a process of its own: the client's threads end with it."""
    done = subprocess.run(
        [sys.executable, REPO / "tests" / "support" / "socketio_client.py",
         live.url, mode],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "transport": "websocket" if mode == "upgrade" else mode,
        "auth": [{"token": "t"}],
        "echo": [1, "\u00e9", {"three": [True, None]}],
        "ack": ["x", 2],
        "binary": ["00ff07", {"deep": ["01"]}],
        "asked": ["why!"],
        "room": ["hello", 1],
        "custom": ["apart"],
        "refused":
            "One or more namespaces failed to connect: /secret",
        "kicked": True,
        "closed": True,
    }


# -- Java ---------------------------------------------------------------------

@pytest.fixture(scope="session")
def java_dir(sheaf_bin):
    """tests/java with the official client's archives, beside the program."""
    if not (shutil.which("mvn") and shutil.which("javac")):
        pytest.skip("no javac and mvn here")
    with beside.folder("java") as place:
        if not list(place.glob("jars/socket.io-client-*.jar")):
            subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies",
                            "-DoutputDirectory=jars"], cwd=place, check=True,
                           timeout=300)
        if beside.stale(place / "LiveClient.class", place / "LiveClient.java"):
            subprocess.run(["javac", "-cp", "jars/*", "-d", ".",
                            "LiveClient.java"], cwd=place, check=True,
                           timeout=120)
    return place


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", TRANSPORTS)
def test_java(live, java_dir, mode):
    done = subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-cp",
                           "jars/*:.", "LiveClient", live.url, mode], cwd=java_dir,
                          capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "auth {\"token\":\"t\"}",
        "echo 1 \u00e9 [true]",
        "ack x",
        "binary 00ff07",
        "asked why!",
        "room hello",
        "custom apart",
        "refused wrong token",
        "kicked io server disconnect",
        "transport " + ("websocket" if mode == "upgrade" else mode),
    ]
