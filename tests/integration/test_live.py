"""The live server as the product mounts it: who may listen, and what becomes
of listeners when the server stops."""

import json
import signal

import pytest

from support.live import Polling, Ws
from support.raw import Raw


def live(server, path="/socket.io/"):
    """What the clients of support/live.py need to know of a server."""
    server.path = path
    server.target = lambda transport, sid=None: (
        f"{path}?EIO=4&transport={transport}" + (f"&sid={sid}" if sid else ""))
    return server


def joined(ws):
    ws.opened().send("40")
    assert ws.text().startswith('40{"sid":"')
    return ws


def test_both_transports(lite):
    session = Polling(live(lite))
    session.say("40")
    packets = session.get().split("\x1e")
    assert packets[0].startswith('40{"sid":"')
    if len(packets) == 1: # a snapshot is on its way
        packets += session.get().split("\x1e")
    assert packets[1].startswith('42["snapshot"')
    held = session.hold()
    with joined(Ws(lite)):
        assert lite.metric("sheaf_live_sessions") == 2
    session.say("1")
    assert held.reply().body == b"6"


def test_other_sites_may_not_listen(lite):
    live(lite)
    for lines in (["Origin: https://evil.example"],
                  ["Origin: http://localhost:1"]):
        with Ws(lite, lines=lines, upgraded=False) as ws:
            assert ws.reply().status == 403
    with Ws(lite, lines=[f"Origin: http://{lite.host}"]) as ws:
        joined(ws)


def test_private_reads(make_lite):
    server = live(make_lite(private_reads="on"))
    with Raw(server) as raw:
        reply = raw.request("GET", server.target("polling")).reply()
    assert reply.status == 401
    assert b'"code":4' in reply.body
    with Ws(server, upgraded=False) as ws:
        assert ws.reply().status == 401
    token = (server.data_dir / "token").read_text().strip()
    with Ws(server, lines=[f"Authorization: Bearer {token}"]) as ws:
        joined(ws)


def test_a_private_session_is_its_own_token(make_lite):
    """As with the official server: the handshake is what is checked, and the
    session's id, which nobody else knows, is enough from then on."""
    server = live(make_lite(private_reads="on"))

    def ask(raw, sid, *lines):
        return raw.request("GET", server.target("polling", sid),
                           *lines).reply()

    with Raw(server) as raw:
        bearer = f"Authorization: Bearer {server.token()}"
        sid = json.loads(ask(raw, None, bearer).body[1:])["sid"]
        assert raw.request("POST", server.target("polling", sid),
                           "Content-Length: 2", body=b"40").reply().body == b"ok"
        assert ask(raw, sid).body.startswith(b"40{")
        assert ask(raw, sid, "Authorization: Bearer no").status == 401
        for other in sid[:-1], sid + "x", "", "x" * 20:
            assert ask(raw, other).status == 401
        assert raw.request("GET", "/socket.io/?EIO=4&transport=polling"
                           f"&x=1&sid=%73{sid[1:]}").reply().status == 401
        assert raw.request("GET", f"/api/papers/?sid={sid}"
                           ).reply().status == 401
        with Ws(server, sid) as ws:
            ws.send("2probe")
            assert ws.text() == "3probe"
        raw.request("POST", server.target("polling", sid),
                    "Content-Length: 1", body=b"1").reply()
        assert ask(raw, sid).status == 401 # it is over


@pytest.mark.one_process("a limit within a process")
def test_sessions_of_one_address(make_lite):
    """Behind a trusted proxy it is the client that has so many, and whoever
    has gone makes room."""
    server = live(make_lite(trusted_proxies="127.0.0.1",
                            max_connections_per_ip=3))
    with Raw(server) as raw:
        def ask(client, sid=None, body=b""):
            return raw.request(
                "POST" if body else "GET", server.target("polling", sid),
                f"X-Forwarded-For: {client}",
                *([f"Content-Length: {len(body)}"] if body else []),
                body=body).reply()

        def joins(client):
            reply = ask(client)
            assert reply.status == 200, reply
            return json.loads(reply.body[1:])["sid"]

        first = [joins("198.51.100.7") for _ in range(3)][0]
        reply = ask("198.51.100.7")
        assert reply.status == 429
        assert b"too many live sessions of this address" in reply.body
        assert "retry-after" in reply.headers
        joins("2001:db8::7")
        joins("198.51.100.8")
        assert ask("198.51.100.7", first, b"1").status == 200
        joins("198.51.100.7")
        assert ask("198.51.100.7").status == 429


@pytest.mark.one_process("a path that the proxy does not know")
def test_settings_for_tests(make_lite):
    server = live(make_lite(live_path="/live/", live_ping_interval_ms=100,
                            live_ping_timeout_ms=50, live_max_payload=5000,
                            live_connect_timeout_ms=60), "/live/")
    with Ws(server) as ws:
        ws.opened()
        assert ws.open["pingInterval"] == 100
        assert ws.open["pingTimeout"] == 50
        assert ws.open["maxPayload"] == 5000
        assert ws.ended() in (1005, 1006)


def test_only_where_analytics_runs(make_lite):
    server = live(make_lite(services="backend"))
    assert server.get("/socket.io/?EIO=4&transport=polling").status_code == 404


@pytest.mark.one_process("what a process says of itself")
def test_documented(lite):
    paths = lite.get("/openapi.json").json()["paths"]
    assert sorted(paths["/socket.io/"]) == ["get", "post"]


def test_stop_tells_listeners(make_lite):
    server = live(make_lite())
    session = Polling(server)
    held = session.hold()
    with joined(Ws(server)) as ws:
        server.signal(signal.SIGTERM)
        assert held.reply().body == b"1"
        assert ws.ended() == 1005
    assert server.ended() == 0
