"""Engine.IO 4 and Socket.IO 5 on the wire, byte by byte: what the official
server does, and what happens to those who break the rules."""

import contextlib
import json
import socket

import pytest

from support.live import (BINARY, CLOSE, PING, PONG, TEXT, LiveServer, Polling,
                          Ws, frame)
from support.raw import Raw
from support.waiting import wait_until


@pytest.fixture(scope="module")
def live(work_dir):
    """A server whose heartbeat does not come within a test."""
    box = work_dir / "live"
    box.mkdir(exist_ok=True)
    with LiveServer(box, max_payload=100000) as server:
        yield server


@pytest.fixture
def make_live(box):
    servers = []

    def make(**options):
        servers.append(LiveServer(box, **options))
        return servers[-1]
    yield make
    for server in servers:
        server.__exit__()


def refused(live, method, target, *lines, body=b""):
    with Raw(live) as raw:
        reply = raw.request(method, target, f"Content-Length: {len(body)}",
                            *lines, body=body).reply()
    return reply.status, json.loads(reply.body)


# -- handshake ----------------------------------------------------------------

def test_open_packet_of_polling(live):
    session = Polling(live)
    assert list(session.open) == ["sid", "upgrades", "pingInterval",
                                  "pingTimeout", "maxPayload"]
    assert session.open == {"sid": session.sid, "upgrades": ["websocket"],
                            "pingInterval": 25000, "pingTimeout": 20000,
                            "maxPayload": 100000}
    assert len(session.sid) == 20
    assert Polling(live).sid != session.sid


def test_open_packet_of_websocket(live):
    with Ws(live).opened() as ws:
        assert ws.open["upgrades"] == []
        assert len(ws.open["sid"]) == 20


@pytest.mark.parametrize("method, query, code, message", [
    ("GET", "EIO=4", 0, "Transport unknown"),
    ("GET", "EIO=4&transport=flashsocket", 0, "Transport unknown"),
    ("GET", "EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown"),
    ("POST", "EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown"),
    ("POST", "EIO=4&transport=polling", 2, "Bad handshake method"),
    ("PUT", "EIO=4&transport=polling", 2, "Bad handshake method"),
    ("HEAD", "EIO=4&transport=polling", 2, None),
    ("GET", "EIO=4&transport=websocket", 3, "Bad request"),
    ("GET", "transport=polling", 5, "Unsupported protocol version"),
    ("GET", "EIO=3&transport=polling", 5, "Unsupported protocol version"),
    ("GET", "EIO=abc&transport=polling", 5, "Unsupported protocol version"),
])
def test_refused_handshakes(live, method, query, code, message):
    with Raw(live) as raw:
        raw.request(method, "/socket.io/?" + query, "Content-Length: 0")
        reply = raw.reply(to_head=method == "HEAD")
    assert reply.status == 400
    assert reply.headers["content-type"] == "application/json"
    if message:
        assert json.loads(reply.body) == {"code": code, "message": message}


@pytest.mark.parametrize("query, message", [
    ("EIO=4&transport=abc", b"Transport unknown"),
    ("EIO=4&transport=polling", b"Bad request"),
    ("EIO=3&transport=websocket", b"Unsupported protocol version"),
    ("EIO=4&transport=websocket&sid=nobody", b"Session ID unknown"),
])
def test_refused_websockets(live, query, message):
    with Ws(live, target="/socket.io/?" + query, upgraded=False) as ws:
        reply = ws.reply()
    assert (reply.status, reply.body) == (400, message)


@pytest.mark.parametrize("drop, instead, field", [
    ("Connection: Upgrade", "Connection: keep-alive", "Upgrade"),
    ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "Version"),
    (None, "Sec-WebSocket-Key: AAAA", "Key"),
])
def test_malformed_upgrades(live, drop, instead, field):
    lines = ["Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Version: 13"]
    lines = [line for line in lines if line != drop] + [instead]
    status, body = refused(live, "GET", live.target("websocket"), *lines)
    assert status == 400 and body["code"] == 3
    assert field in body["message"]


def test_other_sites(make_live):
    live = make_live(origins="https://friend.example")
    target = live.target("polling")
    assert refused(live, "GET", target, "Origin: https://evil.example") == (
        403, {"code": 4, "message": "Forbidden"})
    with Ws(live, lines=["Origin: https://evil.example"], upgraded=False) as ws:
        assert ws.reply().status == 403
    with Ws(live, lines=["Origin: https://friend.example"]) as ws:
        ws.opened()
    with Raw(live) as raw:
        reply = raw.request("GET", target,
                            "Origin: https://friend.example").reply()
        assert reply.status == 200
        origin = reply.headers["access-control-allow-origin"]
        assert origin == "https://friend.example"
        assert "Origin" in reply.headers["vary"]
        # errors, too, or the page sees nothing
        reply = raw.request("GET", live.target("polling", "nobody"),
                            "Origin: https://friend.example").reply()
        assert reply.status == 400
        assert reply.headers["access-control-allow-origin"] == origin


def test_cors_of_a_held_poll(make_live):
    live = make_live(origins="https://friend.example")
    session = Polling(live).joined()
    held = session.hold("Origin: https://friend.example")
    session.say('42["message","x"]')
    reply = held.reply()
    assert reply.body == b'42["message-back","x"]'
    assert (reply.headers["access-control-allow-origin"]
            == "https://friend.example")


def test_path(make_live):
    live = make_live(path="/live/io/")
    Polling(live).joined()
    assert refused(live, "GET", "/socket.io/?EIO=4&transport=polling")[0] == 404


@pytest.mark.parametrize("maximum, refusal, why", [
    ("max_sessions", 503, "temporarily unavailable"),
    ("max_sessions_per_ip", 429, "too many live sessions of this address")])
def test_sessions_have_a_maximum(make_live, maximum, refusal, why):
    live = make_live(**{maximum: 2})
    first = Polling(live)
    Polling(live)
    status, body = refused(live, "GET", live.target("polling"))
    assert status == refusal and why in body["message"]
    with Ws(live, upgraded=False) as ws:
        assert ws.reply().status == refusal
    first.say("1")
    Polling(live)


# -- polling ------------------------------------------------------------------

def test_polling_carries_packets_both_ways(live):
    session = Polling(live).joined()
    session.say('42["message",1]', '42["message","\u00e9"]')
    assert session.get() == (
        '42["message-back",1]\x1e42["message-back","\u00e9"]')


def test_a_held_poll_is_answered_when_there_is_something(live):
    session = Polling(live).joined()
    held = session.hold()
    session.say('42["message",1]')
    assert session.answer(held.reply()) == b'42["message-back",1]'
    # the connection goes on
    held.request("GET", session.target())
    session.say('42["message",2]')
    assert session.answer(held.reply()) == b'42["message-back",2]'


def test_poll_behind_a_poll_waits_its_turn(live):
    """Pipelined bytes behind a held GET are kept, not lost."""
    session = Polling(live).joined()
    held = session.hold()
    held.request("GET", "/socket.io/?EIO=4&transport=abc")
    session.say('42["message",1]')
    assert session.answer(held.reply()) == b'42["message-back",1]'
    assert held.reply().status == 400


def test_binary_over_polling(live):
    session = Polling(live).joined()
    session.say('451-["message",{"_placeholder":true,"num":0}]', "bAQID/w==")
    assert session.get() == (
        '451-["message-back",{"_placeholder":true,"num":0}]\x1ebAQID/w==')


def test_two_polls_at_once_end_the_session(live):
    session = Polling(live)
    held = session.hold()
    reply = session.request("GET", session.target())
    assert (reply.status, reply.body) == (400, b"")
    assert held.reply().body == b"1"
    assert session.unknown()


def test_leaving_a_poll_ends_the_session(live):
    session = Polling(live)
    session.hold().socket.close()
    wait_until(session.unknown, what="end of the session")


def test_client_closes(live):
    session = Polling(live)
    held = session.hold()
    session.say("1")
    assert held.reply().body == b"6"
    assert session.unknown()


def test_server_closes(live):
    session = Polling(live).joined()
    session.say('42["close"]')
    assert session.get() == "41"
    assert session.get() == "1"
    assert session.unknown()


@pytest.mark.parametrize("body", [
    b"", b"abc", b"9", b"\x1e", b"4\x1e", b"4" + b"\xff", b"b!!!!", b"bAQI",
    b"2", b"4abc", b'42["message"', b'42["message",1]\x1e\x1e42["message",1]',
])
def test_malformed_payloads_end_the_session(live, body):
    session = Polling(live).joined()
    assert session.post(body).status in (200, 400)
    bodies = []
    while not session.unknown():
        bodies.append(session.last)
    # what was said before the mistake is answered, then comes the close packet
    assert bodies[-1] == b"1" and len(bodies) <= 2, bodies


def test_body_over_the_maximum(live):
    session = Polling(live).joined()
    reply = session.post("4" * 100001)
    assert reply.status == 413
    assert json.loads(reply.body)["code"] == 3
    session.raw = Raw(live)
    session.say('42["message",1]')
    assert session.get() == '42["message-back",1]'


def test_octet_stream_is_refused(live):
    session = Polling(live)
    reply = session.post(b"\0", "Content-Type: application/octet-stream")
    assert reply.status == 400
    assert session.get() == "1"
    assert session.unknown()


# -- WebSocket ----------------------------------------------------------------

def echo(ws, n=1):
    ws.send(f'42["message",{n}]')
    assert ws.text() == f'42["message-back",{n}]'


def test_fragments_with_a_ping_between(live):
    with Ws(live).joined() as ws:
        ws.send(frame('42["mess', fin=False) + frame("beat", PING) +
                frame('age",', 0, fin=False) + frame("7]", 0))
        assert ws.frame() == (PONG, b"beat")
        assert ws.text() == '42["message-back",7]'


def test_bytes_one_by_one(live):
    with Ws(live).joined() as ws:
        for byte in frame('42["message",8]', mask=b"\xff\0\x80\x7f"):
            ws.send(bytes([byte]))
        assert ws.text() == '42["message-back",8]'


@pytest.mark.parametrize("size", [125, 126, 65535, 65536, 90000])
def test_sizes_of_frames(live, size):
    text = "x" * (size - 15)
    with Ws(live).joined() as ws:
        ws.send(f'42["message","{text}"]')
        assert ws.text() == f'42["message-back","{text}"]'


@pytest.mark.parametrize("data, code", [
    (frame("4", mask=b""), 1002),
    (frame("4", rsv=0x40), 1002),
    (frame("4", 3), 1002),
    (frame("4", 11), 1002),
    (frame("x" * 126, PING), 1002),
    (frame("x", PING, fin=False), 1002),
    (frame("x", 0), 1002),
    (frame("4", fin=False) + frame("4"), 1002),
    (b"\x81\xfe\x00\x05\0\0\0\0", 1002),
    (b"\x81\xff" + b"\0" * 6 + b"\x01\x01\0\0\0\0", 1002),
    (b"\x81\xff\x80" + b"\0" * 7 + b"\0\0\0\0", 1002),
    (frame(b"\xff\xfe"), 1007),
    (frame(b"\xed\xa0\x80"), 1007),
    (frame("x" * 100001), 1009),
    (frame("x" * 60000, fin=False) + frame("x" * 60000, 0), 1009),
    (frame(b"\x03", CLOSE), 1002),
    (frame(b"\x03\xed", CLOSE), 1002),
    (frame(b"\x03\xe8\xff", CLOSE), 1007),
    (frame(b"\x03\xe8bye", CLOSE), 1000),
    (frame(b"\x0f\xa0", CLOSE), 4000),
    (frame(b"", CLOSE), 1005),
    (frame(""), 1005),
    (frame("abc"), 1005),
    (frame("2"), 1005),
    (frame("1"), 1005),
    (frame("4abc"), 1005),
])
def test_ends_of_websockets(live, data, code):
    with Ws(live).joined() as ws:
        ws.send(data)
        assert ws.ended() == code


def test_what_the_official_server_lets_pass(live):
    with Ws(live).joined() as ws:
        for packet in ("3", "5", "6", "0", "42", '43999["x"]'):
            ws.send(packet)
        echo(ws)


# -- upgrade ------------------------------------------------------------------

def probed(live, session):
    ws = Ws(live, session.sid)
    ws.send("2probe")
    assert ws.text() == "3probe"
    return ws


def test_upgrade(live):
    session = Polling(live).joined()
    held = session.hold()
    with probed(live, session) as ws:
        assert held.reply().body == b"6"
        assert session.get() == "6"  # and every later one
        session.say('42["message",1]')  # waits, since nobody polls
        ws.send(frame("5") + frame('42["message",2]'))
        assert ws.text() == '42["message-back",1]'
        assert ws.text() == '42["message-back",2]'
        reply = session.request("GET", session.target())
        assert json.loads(reply.body) == {"code": 3, "message": "Bad request"}
        echo(ws, 3)
        with Ws(live, session.sid) as second:  # accepted, then closed
            assert second.ended() == 1005
        echo(ws, 4)


def test_upgrade_without_waiting_for_the_answer(live):
    session = Polling(live).joined()
    with Ws(live, session.sid) as ws:
        ws.send(frame("2probe") + frame("5") + frame('42["message",5]'))
        assert ws.text() == "3probe"
        assert ws.text() == '42["message-back",5]'


@pytest.mark.parametrize("data", ["5", "2", "probe", "4x", "2probe2", ""])
def test_candidates_that_do_not_probe(live, data):
    session = Polling(live).joined()
    with Ws(live, session.sid) as ws:
        ws.send(data)
        assert ws.ended() == 1005
    session.say('42["message",1]')
    assert session.get() == '42["message-back",1]'
    probed(live, session).send("5")  # another may come


def test_candidates_that_leave(live):
    session = Polling(live).joined()
    for _ in range(3):
        probed(live, session).socket.close()
        session.say('42["message",1]')
        wait_until(lambda: '42["message-back",1]' in session.get())


def test_second_candidate_does_no_harm(live):
    session = Polling(live).joined()
    with probed(live, session) as first:
        with Ws(live, session.sid) as second:
            assert second.ended() == 1005
        first.send("5")
        echo(first)


def test_half_open_upgrade_times_out(make_live):
    live = make_live(upgrade_timeout=1000)
    session = Polling(live).joined()
    with probed(live, session) as ws:
        assert ws.ended() == 1005
    session.say('42["message",1]')
    assert session.get() == '42["message-back",1]'


def test_session_ends_while_upgrading(live):
    session = Polling(live).joined()
    with probed(live, session) as ws:
        session.say("1")
        assert ws.ended() == 1005
    assert session.unknown()


# -- heartbeat ----------------------------------------------------------------

def test_heartbeat(make_live):
    live = make_live(ping_interval=200, ping_timeout=10000)
    session = Polling(live)
    with Ws(live).joined() as ws:
        for _ in range(3):
            assert ws.text() == "2"
            ws.send("3")
            assert session.get() == "2"
            session.say("3")


def test_clients_that_never_answer_pings(make_live):
    live = make_live(ping_interval=200, ping_timeout=200)
    session = Polling(live)
    with Ws(live).joined() as ws:
        assert ws.text() == "2"
        assert ws.ended() == 1006
    wait_until(session.unknown, what="end of the session")
    wait_until(lambda: "ping timeout" in live.log())


def test_clients_that_join_nothing(make_live):
    live = make_live(connect_timeout=1000)
    session = Polling(live)
    with Ws(live).opened() as ws, Ws(live).joined("/custom,") as joined:
        assert ws.ended() == 1005
        assert session.get() == "1"
        joined.send('42/custom,["message",1]')
        assert joined.text() == '42/custom,["message-back",1]'


# -- Socket.IO ----------------------------------------------------------------

def test_namespaces(live):
    with Ws(live).opened() as ws:
        ws.send('40{"token":"123"}')
        root = json.loads(ws.text()[2:])
        assert list(root) == ["sid"] and root["sid"] != ws.open["sid"]
        assert ws.text() == '42["auth",{"token":"123"}]'
        ws.send("40/custom")  # without its comma
        custom = json.loads(ws.text().removeprefix("40/custom,"))
        assert custom["sid"] != root["sid"]
        assert ws.text() == '42/custom,["auth",{}]'
        ws.send("40/nowhere,")
        assert ws.text() == '44/nowhere,{"message":"Invalid namespace"}'
        ws.send("40/custom?x=1,")
        assert ws.text() == '44/custom?x=1,{"message":"Invalid namespace"}'
        ws.send('40/secret,{"token":"no"}')
        assert ws.text() == (
            '44/secret,{"message":"wrong token","data":{"code":7}}')
        ws.send('40/secret,{"token":"abc"}')
        assert ws.text().startswith('40/secret,{"sid":"')
        ws.send("41/custom,")
        ws.send('42["message",1]')
        assert ws.text() == '42["message-back",1]'
        ws.send('42/custom,["message",1]')
        assert ws.ended() == 1005


def test_acks(live):
    with Ws(live).joined() as ws:
        ws.send('42456["message-with-ack",1,"2",{"3":[false]}]')
        assert ws.text() == '43456[1,"2",{"3":[false]}]'
        ws.send('42["ask","?"]')
        assert ws.text() == '420["question","?"]'
        ws.send('43999["unknown"]')
        ws.send('430["!"]')
        assert ws.text() == '42["answered","!"]'
        ws.send('430["twice"]')
        ws.send('42["ask-briefly"]')
        assert ws.text() == '421["question"]'
        assert ws.text() == '42["answered","late"]'  # nobody answered


def test_text_passes_unchanged(live):
    odd = '12345678901234567890123,1e400,"\\u0000\\ud800/\\/",{"a":1,"a":2}'
    with Ws(live).joined() as ws:
        ws.send(f'42["message",{odd}]')
        assert ws.text() == f'42["message-back",{odd}]'


def test_binary(live):
    head = '["message",{"a":[{"_placeholder":true,"num":1}]},' \
           '{"num":0,"_placeholder":true}]'
    with Ws(live).joined() as ws:
        ws.send("452-" + head)
        ws.send(frame(b"\0\xff", BINARY) + frame("3") + frame(b"", BINARY))
        assert ws.text() == "452-" + head.replace("message", "message-back")
        assert ws.frame() == (BINARY, b"\0\xff")
        assert ws.frame() == (BINARY, b"")
        ws.send('451-7["message-with-ack",{"_placeholder":true,"num":0}]')
        ws.send(frame(b"abc", BINARY))
        assert ws.text() == '461-7[{"_placeholder":true,"num":0}]'
        assert ws.frame() == (BINARY, b"abc")
        # in a plain event it is data
        ws.send('42["message",{"_placeholder":true,"num":9}]')
        assert ws.text() == (
            '42["message-back",{"_placeholder":true,"num":9}]')


@pytest.mark.parametrize("packets", [
    ["9"], ["7[]"], ["2/custom,[\"message\"]"], ["2[]"], ["2{}"],
    ["2[true]"], ["2[null]"], ["2[[]]"], ['2["connect"]'],
    ['2["disconnecting"]'], ['2["\\u0063onnect"]'], ['2["newListener"]'],
    ["2abc"], ["2-1"], ['2["a"'], ['2["a"]x'], ['2x["a"]'], ['21.5["a"]'],
    ["0"], ["0[]"], ["0x"], ["1[]"], ["1/custom"], ["4"], ['4{"message":1}'],
    ["3{}"], ['29007199254740992["a"]'],
    ['2["' + "[" * 70 + '"', "]"], ['2["a",' + "[" * 64 + "]" * 64 + "]"],
    ['5["a"]'], ['50-["a"]'], ['511-["a"]'], ['5-["a"]'],
    ['51-["a",{"_placeholder":true,"num":1}]'],
    ['51-["a",{"_placeholder":true,"num":-1}]'],
    ['51-["a",{"_placeholder":true}]'],
    ['51-["a"]', '2["message"]'],
    [b"x"],
    ['51-["message"]', b"x", b"y"],
])
def test_packets_that_end_the_session(live, packets):
    with Ws(live).joined() as ws:
        for packet in packets:
            ws.send(frame(packet, BINARY) if isinstance(packet, bytes)
                    else "4" + packet)
        assert ws.ended() == 1005


def test_attachments_over_the_maximum(make_live):
    live = make_live(max_event=1000)
    with Ws(live).joined() as ws:
        ws.send('452-["message"]')
        ws.send(frame(b"x" * 600, BINARY))
        ws.send(frame(b"x" * 600, BINARY))
        assert ws.ended() == 1005


def test_kicks(live):
    with Ws(live).joined() as ws:
        ws.send('42["kick"]')
        assert ws.text() == "41"
        ws.send("40")
        assert ws.text().startswith("40")
        assert ws.text().startswith('42["auth"')
        ws.send('42["close"]')
        assert ws.text() == "41"
        assert ws.ended() == 1005


def test_rooms(live):
    with Ws(live).joined() as a, Ws(live).joined() as b, \
            Ws(live).joined() as c, Ws(live).joined() as d:
        for ws, rooms in ((a, "xy"), (b, "xy"), (c, "x"), (d, "")):
            for room in rooms:
                ws.send(f'421["join","{room}"]')
                assert ws.text() == "431[]"
        a.send('42["to","y",1]')
        a.send('42["to","x",2]')
        a.send('42["all",3]')
        assert a.text() == '42["all",3]'  # not its own
        assert [b.text() for _ in range(3)] == [
            '42["to",1]', '42["to",2]', '42["all",3]']
        assert [c.text() for _ in range(2)] == ['42["to",2]', '42["all",3]']
        assert d.text() == '42["all",3]'
        b.send('421["leave","y"]')
        assert b.text() == "431[]"
        a.send('42["to","y",4]')
        a.send('42["all",5]')
        assert b.text() == '42["all",5]'


def test_room_of_one(live):
    with Ws(live).opened() as a, Ws(live).joined() as b:
        a.send("40")
        sid = json.loads(a.text()[2:])["sid"]
        a.text()
        b.send(f'42["to","{sid}","you"]')
        assert a.text() == '42["to","you"]'


def test_post_from_another_thread(live):
    with Ws(live).joined() as ws:
        ws.send('42["post",{"n":1}]')
        assert ws.text() == '42["all",{"n":1}]'


# -- load ---------------------------------------------------------------------

def test_clients_that_never_read(make_live):
    """One such client is cut; the others get everything."""
    live = make_live(max_waiting=300000)
    text = "x" * 10000
    with Ws(live).joined() as slow, Ws(live).joined() as ws:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(200):
            ws.send(f'42["all","{text}"]')
            assert ws.text() == f'42["all","{text}"]'
        assert live.stats()["slow"] == 1
        assert slow.ended() == 1006
        echo(ws)


def test_a_crowd(make_live):
    """Some read at once, some late, one leaves: each gets all, in order."""
    live = make_live(max_waiting=8000000)
    texts = [f'42["all",{n},"{"x" * 90000}"]' for n in range(60)]
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(Ws(live).joined()) for _ in range(20)]
        quick, late = crowd[:16], crowd[16:]
        for n, text in enumerate(texts):
            quick[0].send(text)
            for ws in quick:
                assert ws.text() == text
            if n == 30:
                quick.pop().socket.close()
        for ws in late:
            for text in texts:
                assert ws.text() == text
        assert live.stats()["slow"] == 0


def test_pollers_that_never_poll(make_live):
    live = make_live(max_waiting=300000)
    text = "x" * 10000
    session = Polling(live).joined()
    with Ws(live).joined() as ws:
        for _ in range(40):
            ws.send(f'42["all","{text}"]')
            ws.text()
    assert session.unknown()


def test_a_burst_is_no_slowness(make_live):
    """What is said in one turn may be more than may wait."""
    live = make_live(max_waiting=300000)
    text = "x" * 1000
    with Ws(live).joined() as ws:
        ws.send(f'42["flood",100,"{text}"]')
        for _ in range(100):
            assert ws.text() == f'42["flood","{text}"]'
        assert live.stats()["slow"] == 0


def test_pings_of_a_client_that_does_not_read(live):
    with Ws(live).joined() as ws:
        ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ws.socket.settimeout(2)
        try:
            for _ in range(100):
                ws.send(frame("x" * 125, PING) * 100)
        except TimeoutError:
            pass  # the server stopped reading: as good
        before = live.rss_kb()
    assert live.stats()["sockets"] >= 1
    assert live.rss_kb() - before < 1000


def test_ten_thousand_come_and_go(make_live):
    """Polling, WebSocket, upgraded, and those who leave in the middle."""
    live = make_live()

    def round_trip(count):
        for i in range(count):
            if i % 4 == 0:
                Polling(live).joined().say("1")
            elif i % 4 == 1:
                with Ws(live).joined():
                    pass
            elif i % 4 == 2:
                with Ws(live).opened() as ws:
                    ws.send(frame("40")[:4])
            else:
                session = Polling(live)
                with probed(live, session) as ws:
                    ws.send("5")
                session.raw.socket.close()

    round_trip(400)
    wait_until(lambda: live.stats()["sessions"] == 1, what="end of sessions")
    before = live.rss_kb()
    round_trip(10000)
    wait_until(lambda: live.stats()["sessions"] == 1, what="end of sessions")
    assert live.rss_kb() - before < 500


def test_stop_tells_clients(make_live):
    live = make_live()
    session = Polling(live).joined()
    held = session.hold()
    with Ws(live).joined() as ws:
        live.process.terminate()
        assert held.reply().body == b"1"
        assert ws.ended() == 1005
