"""Configurations that the integration tests run in.

An Embedded one starts each server of a test as one process.  A Split one starts
two copies of each of its services, which share a PostgreSQL and a Redis, and
hands out the address of the nginx before them.
"""

import itertools
import json
import os
import signal
import subprocess

import requests

from . import chroma, nginx, redis
from .contract import Contract
from .ports import Port
from .sheaf import STOP_SECONDS, Sheaf, binary, clean_env
from .waiting import wait_until

COPIES = 2
TOKEN = "integration-admin-token"


class Embedded:
    name = "embedded"
    one_process = True
    databases = ("sqlite", "postgresql")
    lite_database = "sqlite"

    def __init__(self, box):
        del box

    @staticmethod
    def check():
        """Raises what says which program is not installed."""

    def sheaf(self, data_dir, database_url, **kw):
        return Sheaf(data_dir, database_url, **kw)

    def close(self):
        pass


class Split:
    name = "split"
    one_process = False
    databases = ("postgresql",)
    lite_database = "postgresql"
    redis_kind = redis.Redis

    @staticmethod
    def check():
        nginx.program()
        redis.program()

    def __init__(self, box):
        self.redis = self.redis_kind(box)
        self.cache = box / "cache"
        self.cache.mkdir()
        self.numbers = itertools.count(1)

    def sheaf(self, data_dir, database_url, settings=None, **kw):
        shared = {"redis_url": self.redis.url,
                  "redis_key": f"test{next(self.numbers)}",
                  "admin_token": TOKEN, **(settings or {})}
        return SplitSheaf(data_dir, database_url, shared, cache=self.cache,
                          **kw)

    def close(self):
        self.redis.close()


class ChromaVectors(Split):
    """Split, and a Chroma server finds the vectors."""
    name = "chroma"

    @staticmethod
    def check():
        Split.check()
        chroma.home()

    def __init__(self, box):
        super().__init__(box)
        self.chroma = chroma.Chroma(box)

    def sheaf(self, data_dir, database_url, settings=None, **kw):
        place = f"default_tenant/test-{next(self.numbers)}"
        created = requests.post(
            self.chroma.url + "/api/v2/tenants/default_tenant/databases",
            json={"name": place.split("/")[1]}, timeout=30)
        assert created.ok, created.text
        settings = {"vectors": f"chroma:{self.chroma.url}/{place}",
                    **(settings or {})}
        server = super().sheaf(data_dir, database_url, settings, **kw)
        server.copied = settings["vectors"].startswith("chroma:")
        return server

    def close(self):
        self.chroma.close()
        super().close()


class RedisCluster(Split):
    name = "cluster"
    redis_kind = redis.Cluster


LAYOUTS = {kind.name: kind
           for kind in (Embedded, Split, ChromaVectors, RedisCluster)}


def chosen():
    """The one that SHEAF_TEST_LAYOUT names."""
    return LAYOUTS[os.environ.get("SHEAF_TEST_LAYOUT") or "embedded"]


class SplitSheaf(Sheaf):
    """Two processes for each service behind an nginx, as if it were one Sheaf.

    Commands find it through DIR/sheaf.conf, which names its address and token.
    """

    processes = COPIES

    def __init__(self, data_dir, database_url, settings, args=(), cache=None,
                 **kw):
        super().__init__(data_dir, database_url, settings, args, **kw)
        self.cache = cache
        if "--services" in self.args:
            at = self.args.index("--services")
            self.settings["services"] = self.args[at + 1]
            del self.args[at:at + 2]
        self.proxy_port = Port()
        self.address = f"http://127.0.0.1:{self.proxy_port}"
        self.copies = {}
        self.proxy = None

    @property
    def services(self):
        return [s.strip() for s in self.settings["services"].split(",")]

    def _copy(self, service, number):
        settings = {"backend_url": self.address,
                    "pool_requests": 4, "pool_jobs": 2, "pool_streams": 2,
                    **self.settings, "services": service}
        settings.pop("database_url")
        if service == "analytics":
            settings["live_name"] = str(number)
        if service == "web":  # it then knows that there are the others
            settings.setdefault("public_url", self.address)
        place = self.data_dir.parent / f"{service}-{number}"
        copy = Sheaf(place / "data", self.settings["database_url"], settings,
                     self.args, secrets=False)
        if self.cache and service == "processor":
            copy.data_dir.mkdir(parents=True, exist_ok=True)
            link = copy.data_dir / "cache"
            if not link.is_symlink():
                link.symlink_to(self.cache)
        return copy

    # -- life ------------------------------------------------------------

    def spawn(self, preexec=None):
        self.copies = {
            service: [self._copy(service, n) for n in range(1, COPIES + 1)]
            for service in self.services}
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "token").write_text(self.settings["admin_token"])
        (self.data_dir / "sheaf.conf").write_text(
            f"server_url = {self.address}\n"
            f"admin_token = {self.settings['admin_token']}\n")
        for copy in self.each():
            copy.spawn(preexec)
        self.url = self.address
        return self

    def wait_up(self, path, timeout):
        for copy in self.each():
            copy.wait_up(path, 2 * timeout)
        self._start_proxy()

    def _start_proxy(self):
        ports = {service: [copy.port for copy in copies]
                 for service, copies in self.copies.items()}
        # What is not here is asked for somewhere, as of a single process.
        some = ports.get("backend") or next(iter(ports.values()))
        groups = {name: ports.get(name, some) for name in nginx.SERVICES}
        live = {copy.settings["live_name"]: copy.port
                for copy in self.copies.get("analytics", ())}
        self.proxy = nginx.plain(self.data_dir.parent, self.proxy_port, groups,
                                 live)

    def each(self):
        return [copy for copies in self.copies.values() for copy in copies]

    def settled(self):
        if self.copied and "processor" in self.services:
            wait_until(lambda: self.get("/readyz").json()["checks"]["vectors"]
                       == "ok", 60, what="a copy that is up to date")

    def halt(self):
        """The port is that of the proxy, which is held."""
        self.stop()

    def running(self):
        return any(copy.running() for copy in self.each())

    def signal(self, number):
        for copy in self.each():
            if copy.running():
                copy.signal(number)

    def stopped(self):
        errors = []
        for copy in self.each():
            try:
                copy.stopped()
            except AssertionError as err:
                errors.append(str(err))
        self._stop_proxy()
        assert not errors, "\n".join(errors)

    def ended(self, timeout=STOP_SECONDS):
        """0: all, told to stop before, have ended with that."""
        codes = {copy.ended(timeout) for copy in self.each()}
        self._stop_proxy()
        return max(codes, key=abs)

    def kill(self):
        """All at once."""
        self.signal(signal.SIGKILL)
        for copy in self.each():
            copy.kill()
        self._stop_proxy()

    def _stop_proxy(self):
        if self.proxy:
            self.proxy.stop()
            self.proxy = None

    def rss_kb(self):
        """Of all together."""
        return sum(copy.rss_kb() for copy in self.each())

    def metric(self, name):
        """Of those that have it together."""
        seen = [copy.metric(name) for copy in self.each()]
        seen = [number for number in seen if number is not None]
        return sum(seen) if seen else None

    def log(self):
        return "".join(f"-- {copy.data_dir.parent.name}\n{copy.log()}"
                       for copy in self.each())

    def log_tail(self, lines=40):
        return "\n".join(f"-- {copy.data_dir.parent.name}\n"
                         + copy.log_tail(lines) for copy in self.each())

    # -- HTTP ------------------------------------------------------------

    def contract(self):
        """What all its services say together."""
        key = (binary(), self.settings["services"])
        if key not in self.contracts:
            self.contracts[key] = Contract(json.loads(subprocess.run(
                [binary(), "openapi", "--services", self.settings["services"]],
                env=clean_env(self.data_dir.parent), capture_output=True,
                check=True).stdout))
        return self.contracts[key]


class Deployed(SplitSheaf):
    """The same, as an administrator would set it up: TLS, forwarding headers,
    a public address, with the files of deploy/nginx."""

    def __init__(self, data_dir, database_url, settings, certificate, **kw):
        super().__init__(data_dir, database_url, settings, **kw)
        self.certificate = certificate
        self.plain_port, self.scraper_port = Port(), Port()
        self.address = f"https://localhost:{self.proxy_port}"
        self.settings.setdefault("public_url", self.address)
        self.settings.setdefault("trusted_proxies", "127.0.0.1")
        self.settings.setdefault(
            "backend_url", f"http://127.0.0.1:{self.scraper_port}")

    def _start_proxy(self):
        ports = {copy.data_dir.parent.name: copy.port for copy in self.each()}
        self.proxy = nginx.example(
            self.data_dir.parent, self.proxy_port, self.plain_port,
            self.scraper_port, ports, self.certificate)

    def session(self):
        session = super().session()
        session.verify = str(self.certificate.crt)
        return session
