"""An nginx of a test's own, before processes of sheaf.

What a path leads to is said by deploy/nginx/paths.conf, the file that an
administrator installs; the groups of servers are made here.
"""

import os
import shutil
import subprocess

from .sheaf import REPO
from .waiting import wait_until

DEPLOY = REPO / "deploy" / "nginx"
SERVICES = ("scraper", "backend", "processor", "analytics", "web")

MAIN = """
daemon off;
worker_processes 1;
{user}
pid {dir}/pid;
error_log {dir}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log {dir}/access.log;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    include {site};
}}
"""

# A proxy that cannot be noticed: what the client says goes through as it is.
PLAIN_SITE = """
include {deploy}/maps.conf;
{upstreams}
server {{
    listen 127.0.0.1:{port};
    proxy_set_header Host       $http_host;
    proxy_set_header Upgrade    $http_upgrade;
    proxy_set_header Connection $sheaf_connection;
    include {deploy}/paths.conf;
}}
"""


class Unavailable(Exception):
    """nginx is not installed."""


def program():
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not found:
        raise Unavailable("nginx is not installed")
    return found


def upstreams(groups, live):
    """Text as that of deploy/nginx/upstreams.conf: ports by service, and by
    live_name."""
    text = ""
    for name, ports in groups.items():
        servers = "".join(f"    server 127.0.0.1:{port};\n" for port in ports)
        text += f"upstream sheaf_{name} {{\n{servers}    keepalive 8;\n}}\n"
    text += "map $arg_sid $sheaf_live {\n    default sheaf_analytics;\n"
    for name, port in live.items():
        text += f'    "~^{name}\\." sheaf_live_{name};\n'
    text += "}\n"
    for name, port in live.items():
        text += (f"upstream sheaf_live_{name} {{\n"
                 f"    server 127.0.0.1:{port};\n    keepalive 8;\n}}\n")
    return text


class Nginx:
    """One nginx over SITE, a text for its http block."""

    def __init__(self, box, site, port):
        self.program = program()
        self.port = port
        self.dir = box / "nginx"
        self.dir.mkdir(parents=True, exist_ok=True)
        (self.dir / "site.conf").write_text(site)
        user = "user root;" if os.geteuid() == 0 else ""
        (self.dir / "nginx.conf").write_text(MAIN.format(
            dir=self.dir, user=user, site=self.dir / "site.conf"))
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def log(self):
        path = self.dir / "error.log"
        return path.read_text() if path.exists() else ""

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "-p", str(self.dir), "-e",
             str(self.dir / "error.log"), "-c", str(self.dir / "nginx.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_until(self._ready, what="nginx")
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"nginx ended at start:\n{self.log()}")
        # It binds before it forks, and says so.
        pid = (self.dir / "pid").read_text().strip()
        return pid == str(self.process.pid)

    def stop(self):
        """Connections that are open are cut."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        self.process = None


# The processes of deploy/nginx/upstreams.conf: the hundreds say the service,
# the last digit which of its copies.
EXAMPLE_PORTS = {f"{service}-{copy}": 8700 + 10 * number + copy
                 for number, service in enumerate(SERVICES, 1)
                 for copy in (1, 2)}


def example(box, tls_port, plain_port, scraper_port, ports, certificate):
    """A started Nginx over deploy/nginx as it is, but for addresses, the name
    and the certificate.  ports: of the processes, by "service-copy"."""
    place = box / "nginx"
    place.mkdir(parents=True, exist_ok=True)
    for source in DEPLOY.glob("*.conf"):
        text = source.read_text()
        for name, number in EXAMPLE_PORTS.items():
            text = text.replace(f"127.0.0.1:{number};",
                                f"127.0.0.1:{ports[name]};")
        (place / source.name).write_text(
            text.replace("include sheaf/", f"include {place}/")
            .replace("listen 80;", f"listen 127.0.0.1:{plain_port};")
            .replace("listen 443 ssl http2;",
                     f"listen 127.0.0.1:{tls_port} ssl http2;")
            .replace("listen 127.0.0.1:8720;",
                     f"listen 127.0.0.1:{scraper_port};")
            .replace("desk.example.org", "localhost")
            .replace("/etc/ssl/sheaf/fullchain.pem", str(certificate.crt))
            .replace("/etc/ssl/sheaf/privkey.pem", str(certificate.key)))
    return Nginx(box, f"include {place}/sheaf.conf;", tls_port).start()


class Certificate:
    """One for localhost, signed by itself."""

    def __init__(self, box):
        self.crt, self.key = box / "localhost.crt", box / "localhost.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", self.key,
             "-out", self.crt], check=True, capture_output=True)


def plain(box, port, groups, live):
    """A started Nginx that leads to these processes and changes nothing."""
    site = PLAIN_SITE.format(port=port, upstreams=upstreams(groups, live),
                             deploy=DEPLOY)
    return Nginx(box, site, port).start()
