"""Redis servers of a test's own, and a Redis Cluster of three."""

import shutil
import signal
import socket
import subprocess
from urllib.parse import quote

from .ports import Port
from .waiting import wait_until


class Unavailable(Exception):
    """redis-server is not installed."""


def command(*words):
    encoded = [w if isinstance(w, bytes) else w.encode() for w in words]
    return b"*%d\r\n" % len(encoded) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)


def program():
    found = shutil.which("redis-server")
    if not found:
        raise Unavailable("redis-server is not installed")
    return found


class Redis:
    """One redis-server on a free port; nothing of it is kept on disk."""

    def __init__(self, box, password=None, options=(), address="127.0.0.1"):
        self.program = program()
        self.address = address
        self.port = Port()
        self.password = password
        self.dir = box / f"redis-{self.port}"
        self.dir.mkdir()
        self.options = list(options)
        self.process = None
        self.start()

    @property
    def url(self):
        login = f":{quote(self.password)}@" if self.password else ""
        return f"redis://{login}{self.address}:{self.port}/0"

    def start(self):
        login = ["--requirepass", self.password] if self.password else []
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "--port", str(self.port), "--bind",
                 self.address, "--dir", str(self.dir), "--save", "",
                 "--appendonly", "no", "--protected-mode", "no", *login,
                 *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self.ask("PING").startswith((b"+PONG", b"-")),
                   what="an answer of redis-server")
        return self

    def ask(self, *words):
        """One command, by hand; the reply as it comes."""
        with socket.create_connection((self.address, self.port.number), 5) as s:
            if self.password:
                s.sendall(command("AUTH", self.password))
                assert s.recv(100) == b"+OK\r\n"
            s.sendall(command(*words))
            return s.recv(65536)

    def publish(self, channel, message):
        assert self.ask("PUBLISH", channel, message).startswith(b":")

    def kill(self):
        """As a power cut would."""
        self.process.kill()
        self.process.wait()

    def freeze(self):
        """It keeps its connections and says nothing more."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process.poll() is None:
            self.thaw()
            self.kill()


class Cluster:
    """Three masters, all slots given out, and as many replicas of each as are
    wanted."""

    def __init__(self, box, replicas=0):
        self.box = box
        self.nodes = []
        self.buses = []
        for _ in range(3 * (1 + replicas)):
            self.start_node()
        try:
            self.cli("create", *(self.address(n) for n in self.nodes),
                     "--cluster-replicas", str(replicas), "--cluster-yes")
            for node in self.nodes:
                wait_until(lambda n=node: b"cluster_state:ok"
                           in n.ask("CLUSTER", "INFO"), 30)
                wait_until(lambda n=node: b"role:master" in (
                    info := n.ask("INFO", "replication"))
                    or b"master_link_status:up" in info, 30)
        except BaseException:
            self.close()
            raise

    def start_node(self):
        """One more server, of no cluster yet."""
        self.buses.append(Port())
        node = Redis(self.box, options=[
            "--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
            "--repl-diskless-sync-delay", "0",
            "--cluster-port", str(self.buses[-1])])
        self.nodes.append(node)
        return node

    @staticmethod
    def address(node):
        return f"{node.address}:{node.port}"

    @staticmethod
    def cli(*words):
        """redis-cli --cluster ..."""
        done = subprocess.run(["redis-cli", "--cluster", *words],
                              capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != 0:
            raise Unavailable(f"no Redis Cluster: {done.stdout}{done.stderr}")

    @staticmethod
    def id_of(node):
        return node.ask("CLUSTER", "MYID").split()[1].decode()

    def masters(self, without=None):
        return [n for n in self.nodes if n is not without
                and b"role:master" in n.ask("INFO", "replication")]

    @property
    def url(self):
        return self.nodes[0].url

    def close(self):
        for node in self.nodes:
            node.close()
