"""The files of deploy/ that no test runs agree with each other and with what
the program needs."""

import itertools
import re
import shutil
import subprocess

import pytest
import yaml

from support.nginx import EXAMPLE_PORTS, SERVICES
from support.sheaf import REPO, run_cli

DEPLOY = REPO / "deploy"
PROCESSES = [f"{service}-{copy}"
             for service, copy in itertools.product(SERVICES, (1, 2))]


def settings(path):
    """KEY=value lines of an environment file."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines
                if line and not line.startswith("#"))


def servers(path):
    """Who is in which group, and which group a live_name leads to."""
    text = path.read_text()
    groups = {name: re.findall(r"server (\S+);", body) for name, body
              in re.findall(r"upstream (\w+) \{(.*?)\n\}", text, re.DOTALL)}
    return groups, dict(re.findall(r'"~\^(\w+)\\\." (\w+);', text))


def test_nginx_and_the_containers_have_the_same_groups():
    groups, live = servers(DEPLOY / "nginx" / "upstreams.conf")
    names = {f"127.0.0.1:{port}": f"{process}:8642"
             for process, port in EXAMPLE_PORTS.items()}
    assert servers(DEPLOY / "docker" / "upstreams.conf") == (
        {group: [names[at] for at in found]
         for group, found in groups.items()}, live)
    assert set(groups) == {f"sheaf_{s}" for s in SERVICES} | set(live.values())


def test_compose():
    path = DEPLOY / "docker" / "compose.yaml"
    services = yaml.safe_load(path.read_text())["services"]
    assert set(services) == {*PROCESSES, "nginx", "postgres", "redis"}
    for name in PROCESSES:
        environment = services[name]["environment"]
        service, copy = name.split("-")
        assert environment["SHEAF_SERVICES"] == service
        assert environment.get("SHEAF_LIVE_NAME") == (
            copy if service == "analytics" else None)
    for mount in services["nginx"]["volumes"]:
        assert (path.parent / mount.split(":")[0]).is_file(), mount
    build = services["scraper-1"]["build"]
    assert (path.parent / build["context"] / build["dockerfile"]).is_file()
    site = (DEPLOY / "docker" / "nginx.conf").read_text()
    included = set(re.findall(r"include sheaf/(\S+);", site))
    assert included == {m.split(":")[1].rsplit("/", 1)[1]
                        for m in services["nginx"]["volumes"][1:]}


@pytest.mark.parametrize("path", ["docker/sheaf.env.example",
                                  "systemd/sheaf.env",
                                  "systemd/analytics-1.env"])
def test_environment(sheaf_bin, box, path):
    """sheaf knows the settings, and takes the values."""
    env = settings(DEPLOY / path)
    for key in ("POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"):
        env.pop(key, None)
    done = run_cli("config", "--json", home=box, **env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"environment"') == len(env), done.stdout


def test_image_has_the_libraries(sheaf_bin):
    """Those that the program is linked with, and those it loads by itself."""
    text = (DEPLOY / "docker" / "Dockerfile").read_text()
    installed = set(text.split("--no-install-recommends", 1)[1]
                    .split("&&")[0].replace("\\", "").split())
    wanted = {"poppler-utils"}
    for source in (REPO / "src").glob("*/*_lib.c"):
        wanted.update(re.findall(r'"lib[^"]*\.so\.[^"]*",\s*"([^"]+)"',
                                 source.read_text()))
    assert "libpq5" in wanted and wanted <= installed
    if not shutil.which("dpkg-query"):
        pytest.skip("not a Debian system: no packages of libraries")
    for library in re.findall(r"=> (\S+)", subprocess.run(
            ["ldd", sheaf_bin], capture_output=True, text=True,
            check=True).stdout):
        owner = subprocess.run(
            ["dpkg-query", "-S", "*/" + library.rsplit("/", 1)[1]],
            capture_output=True, text=True, check=False).stdout
        packages = {line.split(":")[0] for line in owner.splitlines()}
        assert packages & (installed | {"libc6"}), (library, packages)


@pytest.mark.parametrize("instance,unit", [
    ("sheaf.service", "sheaf.service"),
    ("sheaf@backend-1.service", "sheaf@.service"),
    ("sheaf.target", "sheaf.target")])
def test_units(sheaf_bin, box, instance, unit):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    text = (DEPLOY / "systemd" / unit).read_text()
    for part in DEPLOY.glob("systemd/*.target"):
        shutil.copyfile(part, box / part.name)
    (box / instance).write_text(
        text.replace("/usr/local/bin/sheaf", str(sheaf_bin)))
    done = subprocess.run(["systemd-analyze", "verify", box / instance],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    fence = (DEPLOY / "systemd" / "sheaf.service").read_text()
    if instance.endswith("service"):
        assert rules(text) == rules(fence)


def rules(unit):
    """The lines that fence a unit in."""
    return [line for line in unit.splitlines() if re.match(
        r"(Protect|Private|Restrict|System|Cap|Ambient|NoNew|Lock|Memory"
        r"|Remove|UMask|Limit)", line)]
