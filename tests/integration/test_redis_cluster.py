"""A Redis Cluster that changes under two processes: a slot moves, a master dies
or says nothing more, a node is taken out."""

import re

import pytest

from support import redis
from support.views import Listener, Load, up, view, watching
from support.waiting import wait_until

pytestmark = [
    pytest.mark.one_process("two processes on a Redis Cluster of their own"),
    pytest.mark.timeout(180)]

PAGES = [f"/{n}" for n in range(12)]  # of each node some


@pytest.fixture
def make_pair(make_desk):
    """Factory: two servers that hear each other, each at a node of its own."""
    def make(*nodes):
        servers = [make_desk(node, name) for node, name in zip(nodes, "ab")]
        for server in servers:
            wait_until(lambda s=server: up(s))
        return servers
    return make


def told(client, pages, count=1):
    """Wait until the client has heard of that count of each page."""
    missing = set(pages)
    while missing:
        name, data = client.event()
        if name == "new_pageview" and data["count"] >= count:
            missing.discard(data["page"])


def redis_check(server):
    reply = server.get("/readyz")
    assert reply.status_code == 200, "it serves, whatever Redis does"
    return reply.json()["checks"]["redis"]


def stat(node, section, name):
    found = re.search(name.encode() + rb":(?:calls|count)=(\d+)",
                      node.ask("INFO", section))
    return int(found[1]) if found else 0


# -- resharding ------------------------------------------------------------------

def test_a_slot_moves_under_load(make_redis, make_pair):
    """Each step of a resharding, with views going on for as long as it takes."""
    cluster = make_redis(redis.Cluster)
    a, b = make_pair(*cluster.nodes[:2])
    with watching(a, b) as clients:
        listeners = [Listener(client) for client in clients]
        load = Load((a, b), ["/moving"])
        load.more(50)
        key, source = next((found[1].decode(), node) for node in cluster.nodes
                           if (found := re.search(rb"(\S*/moving\S*)\r\n",
                                                  node.ask("KEYS", "*"))))
        slot = source.ask("CLUSTER", "KEYSLOT", key)[1:].strip()
        target = next(n for n in cluster.nodes if n is not source)

        def set_slot(node, *words):
            assert node.ask("CLUSTER", "SETSLOT", slot, *words) == b"+OK\r\n"

        set_slot(target, "IMPORTING", cluster.id_of(source))
        set_slot(source, "MIGRATING", cluster.id_of(target))
        load.more(100)
        evals = stat(target, "commandstats", "cmdstat_eval")
        assert source.ask("MIGRATE", "127.0.0.1", str(target.port), key, "0",
                          "5000") == b"+OK\r\n"
        load.more(100)
        wait_until(lambda: stat(target, "commandstats", "cmdstat_eval")
                   > evals + 5)
        assert stat(target, "commandstats", "cmdstat_asking") > 5
        for node in target, source, *cluster.nodes:
            set_slot(node, "NODE", cluster.id_of(target))
        asked = stat(target, "commandstats", "cmdstat_asking")
        load.more(100)
        load.stop()
        for listener in listeners:
            listener.heard_all(load)
    assert stat(target, "commandstats", "cmdstat_asking") <= asked + 2
    for node in cluster.nodes:
        assert stat(node, "errorstats", "errorstat_TRYAGAIN") == 0
    for server in a, b:
        assert redis_check(server) == "ok"
        assert server.metric("sheaf_redis_connects_total") == 1


def test_a_node_is_taken_out(make_redis, make_pair):
    """It lives on and takes messages, but nobody hears them there."""
    cluster = make_redis(redis.Cluster)
    first = cluster.nodes[0]
    extra = cluster.start_node()
    cluster.cli("add-node", cluster.address(extra), cluster.address(first))
    wait_until(lambda: b"cluster_state:ok" in extra.ask("CLUSTER", "INFO"))
    a, b = make_pair(extra, first)
    with watching(a, b) as (at_a, at_b):
        cluster.cli("del-node", cluster.address(first), cluster.id_of(extra))
        for page in PAGES:
            view(a, page)
            view(b, page + "b")
        told(at_b, PAGES)
        told(at_a, [page + "b" for page in PAGES])
        wait_until(lambda: up(a))
        view(b, "/again")
        told(at_a, ["/again"])
    assert extra.process.poll() is None
    assert a.metric("sheaf_redis_connects_total") >= 2
    assert b.metric("sheaf_redis_connects_total") == 1


# -- failover --------------------------------------------------------------------

def takes_over(cluster, dead):
    """Wait until there are three masters without it."""
    wait_until(lambda: len(cluster.masters(without=dead)) == 3, 30,
               what="a replica that takes over")


def test_a_master_is_killed_under_load(make_redis, make_pair):
    """One process is at that node, the other one has keys there."""
    cluster = make_redis(redis.Cluster, replicas=1)
    dead, other = cluster.masters()[:2]
    a, b = make_pair(dead, other)
    with watching(a, b) as clients:
        listeners = [Listener(client) for client in clients]
        load = Load((a, b), PAGES[:4])
        load.more(100)
        dead.kill()
        wait_until(lambda: "goes on alone" in redis_check(a))
        load.more(100)
        takes_over(cluster, dead)
        for server in a, b:
            wait_until(lambda s=server: redis_check(s) == "ok", 30)
        load.more(100)
        load.stop()
        for listener in listeners:
            listener.heard_all(load)
        for server in a, b:
            wait_until(lambda s=server:
                       s.json("/stats/live")["online"] == 2, 30)
    top = a.json("/stats/top")["results"]
    assert {p["page"]: p["count"] for p in top} == load.highest


def test_the_named_node_is_killed_when_nothing_happens(make_redis, make_pair):
    """Others are known before any of them was needed."""
    cluster = make_redis(redis.Cluster, replicas=1)
    dead = cluster.masters()[0]
    a, b = make_pair(dead, dead)
    dead.kill()
    takes_over(cluster, dead)
    with watching(a, b) as (at_a, at_b):
        for server in a, b:
            wait_until(lambda s=server: up(s), 30)
        for page in PAGES:
            view(a, page)
        told(at_b, PAGES)
        told(at_a, PAGES)


def test_a_master_says_nothing_more(make_redis, make_pair):
    """Its connections stay, so nothing but time tells."""
    cluster = make_redis(redis.Cluster, replicas=1)
    frozen, one, two = cluster.masters()
    a, b = make_pair(one, two)
    with watching(b) as (client,):
        for page in PAGES:  # so that it is connected to each of them
            view(a, page)
        told(client, PAGES)
        frozen.freeze()
        for page in PAGES:
            view(a, page)
        takes_over(cluster, frozen)
        told(client, PAGES, 2)
        wait_until(lambda: redis_check(a) == redis_check(b) == "ok", 30)
