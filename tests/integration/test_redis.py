"""Several servers and one Redis: the bus of the Socket.IO server."""

import contextlib
import json
import subprocess

import pytest

from support import redis
from support.live import LiveServer, Ws
from support.waiting import wait_until


@pytest.fixture
def make_live(box):
    """Factory of test servers that share a Redis."""
    with contextlib.ExitStack() as stack:
        def make(shared, **options):
            place = box / f"live-{len(servers)}"
            place.mkdir()
            server = stack.enter_context(
                LiveServer(place, redis=shared.url, **options))
            servers.append(server)
            return server
        servers = []
        yield make


def hears_others(live):
    return live.stats()["redis"]


class Client(Ws):
    """A client in the namespace "/" of a test server."""

    def __init__(self, live):
        super().__init__(live)
        self.joined()

    def emit(self, *event):
        self.send("42" + json.dumps(event))

    def heard(self):
        packet = self.text()
        assert packet.startswith("42"), packet
        return json.loads(packet[2:])


# -- with the official server and emitter ----------------------------------------

def to(clients, *events):
    return {name: list(events) if name in clients else [] for name in "abn"}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", [redis.Redis, redis.Cluster])
def test_official_servers(make_redis, make_live, js_dir, kind):
    """Two servers of ours, one of Node's with @socket.io/redis-adapter, and
    @socket.io/redis-emitter, on one Redis or Redis Cluster."""
    shared = make_redis(kind)
    ours = [make_live(shared), make_live(shared)]
    done = subprocess.run(
        ["node", "cluster.mjs", shared.url, *(s.url for s in ours)],
        cwd=js_dir, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)

    # the emitter
    assert got["values"] == to("abn",
        ["x", 1, -1, 1.5, "\u00e9\U0001F35C", None, True,
         {"deep": [{}, [], 9007199254740991, -2147483649]}],
        ["date", "2024-11-28T00:00:00.123Z"],
        ["long", "y" * 300, [0] * 20])
    assert got["binary"] == to("abn",
        ["x", "bytes 00ff", {"deep": ["bytes 616263"]}]) | {
            "big": len("bytes ") + 140000}
    assert got["room"] == to("ab", ["x", 1])
    assert got["rooms"] == to("abn", ["x", 2])
    assert got["number"] == to("b", ["x", 3])
    assert got["numbers"] == to("b", ["x", 4])
    assert got["except"] == to("a", ["x", 5])
    assert got["roomExcept"] == to("a", ["x", 6])
    assert got["own"] == to("a", ["x", 7])
    assert got["volatile"] == to("abn", ["x", 8])
    assert got["otherNamespace"] == to("")
    assert got["swallow"] == to("n", ["swallow", 10])
    assert got["serverSideEmit"] == to("ab",
        ["server-event", "for-servers", 11, {"a": 1}])
    assert got["joined"] == {"a": [["x", 12]], "b": [["x", 12], ["x", 13]],
                             "n": []}

    # ours to all, and theirs
    everybody = [["all", 1, -1, 1.5, "\u00e9\U0001F35C\n", None,
                  {"deep": [{}, []]}],
                 ["all", "bytes 0102", {"deep": ["bytes "]}]]
    assert got["ours"] == to("bn", *everybody) | {
        "a": [*everybody, ["all", "only here"]]}
    assert got["oursFromThread"] == to("")  # but for the end, which was told
    assert got["oursVolatile"] == to("abn", ["all", "v"])
    assert got["oursToRoom"] == to("a", ["to", "hello"])
    assert got["theirs"] == to("ab", ["all", 1, "bytes 03"],
                               ["to", "hello"]) | {
        "n": [["all", 1, "bytes 03"]]}

    # questions and orders
    assert got["fetched"] == [
        ["a", ["a", "green", "red"], {}, "object"],
        ["b", ["7", "b", "green", "red", "x"], {}, "object"],
        ["n", ["blue", "n"], {}, "object"]]
    assert got["fetchedIn"] == ["a"]
    assert got["allRooms"] == ["7", "a", "b", "blue", "green", "n", "red", "x"]
    assert got["acks"] == [f"{name} heard 14" for name in "abn"]
    assert got["serverAck"] == [None, [None, None]]
    assert got["serverEvents"] == [[11, {"a": 1}]]
    assert got["disconnected"] == got["closed"] == "io server disconnect"
    assert got["left"] == ["n"]


# -- faults ----------------------------------------------------------------------

def test_nothing_malformed_hurts(make_redis, make_live):
    """What others publish is not believed."""
    shared = make_redis()
    live = make_live(shared)
    with Client(live) as client:
        wait_until(lambda: hears_others(live))
        deep = "\u0091" * 5000
        for channel in "socket.io#/#", "socket.io#/#red#", "socket.io#/#nobody#":
            for message in ("", "x", "\x01", "[]", "{}", deep,
                            "\u0093\x01\x01\x01"):
                shared.ask("PUBLISH", channel, message)
        for message in (
                "", "{", "[]", "{}", '{"type":0}', '{"type":1}', '{"type":2}',
                '{"type":3,"opts":[]}', '{"type":4,"opts":{"rooms":5}}',
                '{"type":4,"opts":[]}', '{"type":4,"opts":{"rooms":[{}]}}',
                '{"type":4,"opts":{"rooms":[],"except":"all"}}',
                '{"type":4,"sid":"nobody"}', '{"type":4}', '{"type":5}', '{"type":6}',
                '{"type":6,"data":5}', '{"type":99}', '{"type":"x"}',
                '{"type":2,"opts":{"rooms":[{}]},"rooms":[null,1e99]}',
                '{"type":2,"opts":{"rooms":["no"]},"rooms":["r"]}', deep):
            shared.ask("PUBLISH", "socket.io-request#/#", message)
        # packets that are whole but wrong, then one that is right
        for packet in (
                b"\x93\xa1u\x80\x80", b"\x93\xa1u\x81\xa4type\x02\x80",
                b"\x93\xa1u\x82\xa4type\x02\xa4data\x90\x80",
                b"\x93\xa1u\x82\xa4type\x01\xa4data\x91\xa1x\x80",
                b"\x93\xa1u\x83\xa4type\x02\xa4data\x91\xa1x\xa3nsp\xa2/x\x80",
                b"\x93\xa1u\x82\xa4type\x02\xa4data\x91\xa1x"
                b"\x81\xa5rooms\x91\xc3",
                b"\x93\xa1u\x82\xa4type\x02\xa4data\x92\xa1x\x01\x80"):
            shared.publish("socket.io#/#", packet)
        assert client.heard() == ["x", 1]
        client.emit("all", "well")
        assert client.heard() == ["all", "well"]


def test_away_and_back(make_redis, make_live):
    """Killed and started again: each server goes on alone meanwhile."""
    shared = make_redis(password="pass word%")
    one, two = make_live(shared), make_live(shared)
    with Client(one) as a, Client(two) as b:
        for _ in range(3):
            wait_until(lambda: hears_others(one) and hears_others(two))
            a.emit("all", "together")
            assert a.heard() == b.heard() == ["all", "together"]
            shared.kill()
            wait_until(lambda: not hears_others(one) and not hears_others(two))
            a.emit("all", "alone")
            assert a.heard() == ["all", "alone"]
            shared.start()
        wait_until(lambda: hears_others(one) and hears_others(two))
        b.emit("all", "again")
        assert a.heard() == b.heard() == ["all", "again"]


@pytest.mark.timeout(60)
def test_silent(make_redis, make_live):
    """It keeps its connections but answers no more: that is noticed."""
    shared = make_redis()
    live = make_live(shared)
    wait_until(lambda: hears_others(live))
    shared.freeze()
    with Client(live) as a:
        a.emit("all", "alone")
        assert a.heard() == ["all", "alone"]
    wait_until(lambda: not hears_others(live), 20)
    shared.thaw()
    wait_until(lambda: hears_others(live))


def test_starts_without(make_redis, make_live):
    shared = make_redis()
    shared.kill()
    live = make_live(shared)
    with Client(live) as a:
        a.emit("all", "alone")
        assert a.heard() == ["all", "alone"]
    assert not hears_others(live)
    shared.start()
    wait_until(lambda: hears_others(live))


def test_wrong_password(make_redis, make_live):
    shared = make_redis(password="right")
    shared.password, right = "wrong", shared.password
    live = make_live(shared)
    wait_until(lambda: "WRONGPASS" in live.log())
    assert not hears_others(live)
    shared.password = right
    assert shared.ask("CONFIG", "SET", "requirepass", "wrong") == b"+OK\r\n"
    wait_until(lambda: hears_others(live))


def test_other_key(make_redis, make_live):
    """Two installations on one Redis do not hear each other."""
    shared = make_redis()
    one, two = make_live(shared), make_live(shared, redis_key="other")
    with Client(one) as a, Client(two) as b:
        wait_until(lambda: hears_others(one) and hears_others(two))
        a.emit("all", "mine")
        assert a.heard() == ["all", "mine"]
        b.emit("all", "yours")
        assert b.heard() == ["all", "yours"]
        a.emit("all", "mine")
        assert a.heard() == ["all", "mine"]
