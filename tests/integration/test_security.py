"""Host and Origin checks, the token and when it is needed, private reads, and
files that only their owner may read."""

import pytest

from support.papers import call, paper
from support.raw import exchange
from support.sheaf import run_cli

# (method, path, body): one of each kind of write and of each admin page.
WRITES = [("POST", "/scrape", {}), ("POST", "/schedules", {"every": "24h"}),
          ("DELETE", "/api/papers/1/", None), ("DELETE", "/jobs/arxiv-1", None),
          ("POST", "/api/papers/1/restore/", None),
          ("PATCH", "/api/papers/1/marks/", {"read": True}),
          ("POST", "/api/searches/", {"name": "x", "filters": {}}),
          ("POST", "/api/webhook-deliveries/1/replay/", None),
          ("POST", "/api/webhook-deliveries/test/", None)]
READS = ["/api/papers/", "/api/papers/1/", "/jobs/", "/papers",
         "/api/stats/papers/", "/api/papers/export/?format=csv",
         "/api/papers/feed/", "/api/scraper-jobs/"]


def call_with(server, method, path, body=None, **headers):
    return server.request(method, path, json=body, headers={
        name.replace("_", "-"): value for name, value in headers.items()})


# -- Host ---------------------------------------------------------------------

@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:8642", "127.0.0.1.evil.example",
    "localhost.evil.example", "169.254.169.254", "10.0.0.1", "[::2]",
    "evil@127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", "",
    "localhost, evil.example", "2130706433", "0x7f.1"])
def test_rebound_host_is_refused(shared_lite, host):
    for path in ("/api/papers/", "/healthz", "/docs"):
        reply = exchange(shared_lite, f"GET {path} HTTP/1.1\r\nHost: {host}"
                         "\r\n\r\n".encode())
        assert reply.status in (400, 403), (path, host, reply)
        assert b"results" not in reply.body


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST",
                                  "[::1]"])
def test_loopback_names_are_fine(shared_lite, host):
    for name in (host, f"{host}:{shared_lite.port}"):
        reply = exchange(shared_lite, f"GET /api/papers/ HTTP/1.1\r\nHost: "
                         f"{name}\r\n\r\n".encode())
        assert reply.status == 200, (name, reply)


# -- Origin -------------------------------------------------------------------

@pytest.mark.parametrize("origin", [
    "http://evil.example", "https://127.0.0.1.evil.example", "null",
    "http://127.0.0.1:1", "http://localhost:1", "file://"])
@pytest.mark.parametrize("method,path,body", WRITES)
def test_cross_site_write_is_refused(shared_lite, method, path, body, origin):
    reply = call_with(shared_lite, method, path, body, Origin=origin)
    assert reply.status_code == 403, reply.text
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert shared_lite.get("/api/papers/1/").status_code == 200


def test_own_origin_is_fine(lite):
    lite.delivered(call([paper(1)]))
    for origin in (lite.url, f"http://localhost:{lite.port}"):
        reply = call_with(lite, "DELETE", "/api/papers/1/", Origin=origin,
                          Host=origin.split("//")[1])
        assert reply.status_code == 204
        lite.post("/api/papers/1/restore/")


def test_cross_site_form_post_is_refused(shared_lite):
    """What a page can send without asking: a form, or text/plain."""
    for ctype in ("application/x-www-form-urlencoded", "text/plain",
                  "multipart/form-data; boundary=x"):
        reply = shared_lite.post("/scrape", data=b"{}", headers={
            "Content-Type": ctype, "Origin": "http://evil.example"})
        assert reply.status_code in (403, 415)


def test_preflight_gives_nothing_away(shared_lite):
    reply = shared_lite.request("OPTIONS", "/scrape", headers={
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "POST"})
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_allowed_origin(make_lite):
    server = make_lite(allowed_origins="https://desk.example")
    server.delivered(call([paper(1)]))
    reply = call_with(server, "DELETE", "/api/papers/1/",
                      Origin="https://desk.example")
    assert reply.status_code == 204
    assert reply.headers["Access-Control-Allow-Origin"] \
        == "https://desk.example"
    bad = call_with(server, "DELETE", "/api/papers/1/",
                    Origin="https://desk.example.evil.example")
    assert bad.status_code == 403
    preflight = server.request("OPTIONS", "/scrape", headers={
        "Origin": "https://desk.example",
        "Access-Control-Request-Method": "POST"})
    assert preflight.headers["Access-Control-Allow-Origin"] \
        == "https://desk.example"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]


# -- the token ----------------------------------------------------------------

FORWARDED = [("X_Forwarded_For", "203.0.113.9"),
             ("Forwarded", "for=203.0.113.9"),
             ("X_Forwarded_Proto", "https"), ("X_Real_IP", "203.0.113.9"),
             ("X_Forwarded_Host", "desk.example"), ("Via", "1.1 proxy")]


@pytest.mark.parametrize("name,value", FORWARDED)
def test_forwarded_write_needs_the_token(lite, name, value):
    lite.delivered(call([paper(1)]))
    for method, path, body in WRITES:
        reply = call_with(lite, method, path, body, **{name: value})
        assert reply.status_code == 401, (path, reply.text)
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
        wrong = call_with(lite, method, path, body, **{
            name: value, "Authorization": "Bearer wrong"})
        assert wrong.status_code == 401
    assert lite.get("/api/papers/1/").status_code == 200


def test_guessing_the_token_is_slowed(lite):
    """Many wrong tokens: 429 with Retry-After, and never a way in."""
    codes = []
    for number in range(60):
        reply = lite.delete("/api/papers/1/", headers={
            "X-Forwarded-For": "203.0.113.9",
            "Authorization": f"Bearer guess-{number}"})
        codes.append(reply.status_code)
        if reply.status_code == 429:
            assert int(reply.headers["Retry-After"]) >= 1
            break
    assert codes[0] == 401 and set(codes) <= {401, 429}
    assert codes[-1] == 429, "sixty guesses went through"


def test_forwarded_write_with_the_token(lite):
    lite.delivered(call([paper(1)]))
    reply = lite.delete("/api/papers/1/", headers={
        "X-Forwarded-For": "203.0.113.9", **lite.bearer()})
    assert reply.status_code == 204


def test_forwarded_read_is_open(shared_lite):
    for path in READS:
        reply = shared_lite.get(path, headers={"X-Forwarded-For":
                                               "203.0.113.9"})
        assert reply.status_code == 200, path


def test_public_url_needs_the_token(make_lite):
    server = make_lite(public_url="https://desk.example")
    server.delivered(call([paper(1), paper(2)]))
    assert server.delete("/api/papers/1/").status_code == 401
    assert server.delete("/api/papers/1/",
                         headers=server.bearer()).status_code == 204
    listed = server.json("/api/papers/?page_size=1")
    server.delivered(call([paper(3)]))
    listed = server.json("/api/papers/?page_size=1")
    assert listed["next"] == "https://desk.example/api/papers/?page=2" \
        "&page_size=1"
    assert server.get("/api/papers/", headers={
        "Host": "desk.example"}).status_code == 200
    assert server.get("/api/papers/", headers={
        "Host": "evil.example"}).status_code in (400, 403)


def test_another_address_needs_the_token(make_lite):
    """Listening beyond loopback: every write needs the token."""
    server = make_lite(listen="0.0.0.0:0")
    server.url = f"http://127.0.0.1:{server.port}"
    server.delivered(call([paper(1)]))
    assert server.delete("/api/papers/1/").status_code == 401
    assert server.get("/api/papers/").status_code == 200
    assert server.delete("/api/papers/1/",
                         headers=server.bearer()).status_code == 204


def test_private_reads(make_lite):
    server = make_lite(private_reads="on")
    server.delivered(call([paper(1)]))
    for path in READS:
        closed = server.get(path)
        assert closed.status_code == 401, path
        assert "results" not in closed.text
        assert server.get(path, headers=server.bearer()).status_code == 200
    for path in ("/healthz", "/readyz"):
        assert server.get(path).status_code == 200


@pytest.mark.one_process("the file of the token")
def test_token_file(lite):
    path = lite.data_dir / "token"
    assert path.stat().st_mode & 0o777 == 0o600
    token = path.read_text().strip()
    assert len(token) >= 32
    assert lite.data_dir.stat().st_mode & 0o077 == 0
    for name in ("sheaf.db", "webhook_secret"):
        file = lite.data_dir / name
        if file.exists():
            assert file.stat().st_mode & 0o077 == 0, name
    lite.restart()
    assert path.read_text().strip() == token
    done = run_cli("token", "--data-dir", lite.data_dir, home=lite.data_dir)
    assert done.returncode == 0 and done.stdout.strip() == token


def test_secrets_are_in_no_log(make_lite, arxiv):
    server = make_lite(log_level="debug")
    server.deliver(call([paper(1)]), secret="guess-of-a-stranger")
    server.delivered(call([paper(1)]))
    server.get("/api/papers/", headers=server.bearer())
    log = server.log()
    assert server.token() not in log
    assert server.settings["webhook_secret"] not in log
    assert server.settings["webhook_signing_secret"] not in log
    assert "guess-of-a-stranger" not in log


def test_log_lines_cannot_be_forged(make_lite):
    server = make_lite(log_level="debug")
    server.get("/nope%0a%0dlevel=error%20msg=forged%1b[31m")
    assert "\x1b[31m" not in server.log()
    assert not [line for line in server.log().splitlines()
                if line.startswith("level=error msg=forged")]


def test_errors_leak_nothing(shared_lite):
    for reply in (shared_lite.get("/api/papers/?cursor=zzz"),
                  shared_lite.get("/api/papers/?search=%22"),
                  shared_lite.post("/scrape", data=b"{", headers={
                      "Content-Type": "application/json"})):
        for word in ("sqlite", "SELECT", "postgres", ".c:", "/tmp/"):
            assert word not in reply.text
