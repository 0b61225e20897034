#!/usr/bin/env python3
"""Other people's clients and proxies against a real server.

    test/interop/clients.py

starts a server (MIX_ENV=prod, built before), nginx as docs/OPERATIONS.md configures it, nginx
in another way, and Varnish with its defaults; lets each client in clients/ do its work against the
server and through nginx; compares answers through the proxies with direct ones; and holds Varnish to
never giving an old one. Everything listens on loopback, on ports that the system gives, and ends
with this program.
"""

import gzip
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CLIENTS = PROJECT / "test" / "interop" / "clients"
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
PATIENCE = 120

SERVER_SETTINGS = {
    "FORMDB_PORT": "0",
    "FORMDB_BASE_PATH": "/formdb",
    "FORMDB_TRUSTED_PROXIES": "127.0.0.1",
    "FORMDB_MAX_BODY_BYTES": "8MiB",
    "FORMDB_OPEN_TRANSACTIONS": "2",
    "FORMDB_DRAIN_TIMEOUT_MS": "2000",
}

# Another way than that of the documentation: nothing is buffered or compressed, and the path is
# taken away before the request is passed on.
UNBUFFERED = """
map $request_uri $behind_other {
    "~^/other(?<rest>/.*)$" $rest;
}
server {
    listen 127.0.0.1:%(port)d;
    client_max_body_size 64m;
    gzip off;
    location /other/ {
        proxy_pass http://formdb$behind_other;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host localhost;
        proxy_set_header X-Forwarded-Prefix /other;
        proxy_buffering off;
        proxy_request_buffering off;
    }
}
"""


def say(text):
    print(f"interop: {text}", flush=True)


def fail(text):
    say(text)
    sys.exit(1)


def free_port():
    """None of those that the system gives to clients: while a server is down, one of them could have it."""
    while True:
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
                return taken.getsockname()[1]
            except OSError:
                continue


class Process:
    """A program with a session of its own, whose output goes to a file."""

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.log = folder / f"{name}.log"
        with open(self.log, "wb") as output:
            self.running = subprocess.Popen(
                command, cwd=PROJECT, env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, ready):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = ready()
            if found:
                return found
            if self.running.poll() is not None:
                break
            time.sleep(0.05)
        fail(f"{self.name} does not come up: {self.output()[-2000:]}")

    def kill(self):
        os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait(PATIENCE)

    def stop(self):
        for how, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
            try:
                os.killpg(self.running.pid, how)
                self.running.wait(patience)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_server(folder):
    settings = {**SERVER_SETTINGS, "FORMDB_DATA_DIR": str(folder / "data"), "MIX_ENV": "prod"}
    server = Process("server", ["mix", "formdb.server"], folder, settings)
    found = server.wait_for(
        lambda: re.search(r"listening on http://127\.0\.0\.1:(\d+)", server.output()))
    return server, int(found.group(1))


def start_nginx(folder, server_port):
    documented = re.search(r"```nginx\n(.*?)```", (PROJECT / "docs/OPERATIONS.md").read_text(), re.S)
    port, other = free_port(), free_port()
    site = documented.group(1).replace("127.0.0.1:4000", f"127.0.0.1:{server_port}")
    site = site.replace("listen 80;", f"listen 127.0.0.1:{port};")
    user = "user root;" if os.geteuid() == 0 else ""
    paths = "\n".join(
        f"{kind}_temp_path {folder}/nginx-{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
access_log off;
{paths}
gzip on;
gzip_min_length 0;
gzip_proxied any;
gzip_types *;
{site}
{UNBUFFERED % {"port": other}}
}}
""")
    nginx = "/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx"
    process = Process("nginx", [nginx, "-p", str(folder), "-c", str(configuration)], folder)
    process.wait_for(lambda: listens(port) and listens(other))
    return process, port, other


def start_varnish(folder, server_port):
    port = free_port()
    varnish = "/usr/sbin/varnishd" if os.path.exists("/usr/sbin/varnishd") else "varnishd"
    command = [varnish, "-F", "-j", "none", "-n", str(folder / "varnish"), "-s", "malloc,64m",
               "-a", f"127.0.0.1:{port}", "-b", f"127.0.0.1:{server_port}"]
    process = Process("varnish", command, folder)
    process.wait_for(lambda: listens(port))
    return process, port


class Peer:
    """One connection to a server or a proxy; `prefix` is its path for ours."""

    def __init__(self, port, prefix):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.prefix = prefix

    def call(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if body is not None:
            body = body if isinstance(body, (str, bytes)) else json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        self.connection.request(method, self.prefix + path, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        if fields.get("content-encoding") == "gzip" and content:
            content = gzip.decompress(content)
        return answer.status, fields, content


def point(id, **properties):
    return {"type": "Feature", "id": id, "properties": properties,
            "geometry": {"type": "Point", "coordinates": [1, 2]}}


def expect(what, found, expected):
    if found != expected:
        fail(f"{what}: found {found!r}, expected {expected!r}")


def compare(name, direct, proxied):
    """Answers through a proxy are those that the server gives."""
    db = f"/api/v1/databases/{name}"
    direct.call("POST", "/api/v1/databases", {"name": name})
    many = {"type": "FeatureCollection", "features": [point(f"f{n}", text="x" * 500) for n in range(50)]}
    expect("load", proxied.call("POST", db + "/features", many)[0], 201)
    expect("a feature", proxied.call("POST", db + "/features", point("a/b%"))[0], 201)
    hash = json.loads(direct.call("GET", db + "/blocks/1")[2])["hash"]
    tag = direct.call("GET", db + "/features/f1")[1]["etag"]
    asked = [
        ("GET", db, {}), ("GET", db + "/features", {}), ("HEAD", db + "/features", {}),
        ("GET", db + "/features?bbox=0,0,3,3&limit=7", {}), ("GET", db + "/features/f1", {}),
        ("GET", db + "/features/a%2Fb%25", {}), ("GET", db + "/features/none", {}),
        ("GET", db + "/features/f1", {"If-None-Match": tag}),
        ("GET", db + "/features/f1?as_of=1", {}), ("GET", db + "/blocks/1", {}),
        ("GET", db + "/blocks/" + hash, {}), ("GET", db + "/blocks/1", {"Accept": "application/cbor"}),
        ("GET", db + "/features?limt=1", {}), ("GET", db + "/journal?limit=5", {}),
        ("GET", db + "/features/heatmap?cell=10", {}), ("OPTIONS", db + "/features", {}),
        ("GET", "/health", {}), ("GET", "/nothing", {}),
    ]
    count = 0
    for encoding in ("identity", "gzip"):
        for method, path, headers in asked:
            headers = {**headers, "Accept-Encoding": encoding}
            one = direct.call(method, path, headers=headers)
            for _ in range(2):
                other = proxied.call(method, path, headers=headers)
                what = f"{method} {path} {headers}"
                expect(what, other[0], one[0])
                # Figures differ from call to call, messages name the path that was asked, and problems the request.
                body, expected = (re.sub(rb'/(formdb|other)/api', b"/api", re.sub(rb'request:[0-9a-f]+', b"", found))
                                  for found in (other[2], one[2]))
                if path not in (db, "/nothing"):
                    expect(what, body, expected)
                # Varnish makes a 304 itself, of the whole answer that it has just asked for.
                whole = ("content-type",) if one[0] != 304 else ()
                for field in (*whole, "cache-control", "formdb-seq", "allow"):
                    expect(f"{what}: {field}", other[1].get(field), one[1].get(field))
                strong = [fields.get("etag", "").replace("W/", "") for fields in (one[1], other[1])]
                expect(f"{what}: etag", strong[1], strong[0])
                count += 1
    large = point("large", text="x" * 6_000_000)
    expect("a large body", proxied.call("PUT", db + "/features/large", large)[0], 201)
    expect("a large answer", len(proxied.call("GET", db + "/features/large")[2]) > 6_000_000, True)
    expect("remove", proxied.call("DELETE", db + "?purge=true")[0], 200)
    return count


def freshness(direct, cached):
    """A shared cache with its defaults never gives what is no longer true."""
    db = "/api/v1/databases/fresh"
    feature = db + "/features/a"
    direct.call("POST", "/api/v1/databases", {"name": "fresh"})
    count = 0
    for n in range(60):
        writer = (direct, cached)[n % 2]
        expect("not there yet", cached.call("GET", f"{db}/features/b{n}")[0], 404)
        expect("write", writer.call("POST", db + "/features", point(f"b{n}"))[0], 201)
        expect("there now", cached.call("GET", f"{db}/features/b{n}")[0], 200)
        status, _, body = writer.call("PUT", feature, point("a", n=n))
        version = json.loads(body)["hash"]
        for _ in range(2):
            status, fields, body = cached.call("GET", feature)
            expect("the version", json.loads(body)["properties"], {"n": n})
            expect("its tag", fields["etag"].replace("W/", ""), f'"{version}"')
        known = {"If-None-Match": f'"{version}"'}
        expect("known", cached.call("GET", feature, headers=known)[0], 304)
        total = json.loads(cached.call("GET", db + "/features?count=true")[2])["numberMatched"]
        expect("the number", total, n + 2)
        match = {"If-Match": f'"{version}"'}
        expect("if match", cached.call("PUT", feature, point("a", n=n), match)[0], 200)
        expect("if match again", cached.call("PUT", feature, point("a", n=n), match)[0], 412)
        count += 9
    # The same name, made anew.
    expect("remove", direct.call("DELETE", db + "?purge=true")[0], 200)
    expect("gone", cached.call("GET", feature)[0], 404)
    direct.call("POST", "/api/v1/databases", {"name": "fresh"})
    expect("gone as of", cached.call("GET", feature + "?as_of=0")[0] != 200, True)
    expect("remove", cached.call("DELETE", db + "?purge=true")[0], 200)
    return count + 4


def clients(folder):
    # With an empty cache Go compiles its library first, which is no matter of the test.
    go = folder / "go-client"
    subprocess.run(["go", "build", "-o", str(go), str(CLIENTS / "client.go")], check=True,
                   stdin=subprocess.DEVNULL, timeout=5 * PATIENCE)
    yield "Python http.client", [PYTHON, str(CLIENTS / "httpclient.py")]
    yield "Python httpx", [PYTHON, str(CLIENTS / "httpx_client.py")]
    yield "Node fetch", ["node", str(CLIENTS / "fetch.mjs")]
    yield "Go net/http", [str(go)]
    yield "Java HttpClient", ["java", str(CLIENTS / "Client.java")]


def run(client, command, where, url, name):
    began = time.monotonic()
    # Proxies of the machine's own are none of these.
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    done = subprocess.run([*command, url, name], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    if done.returncode != 0 or not last.endswith(" 0 failed"):
        fail(f"{client} {where}: FAILED\n{(done.stdout + done.stderr)[-3000:]}")
    say(f"{client} {where}: {last} ({time.monotonic() - began:.1f} s)")
    return int(last.split()[0])


def main():
    began = time.monotonic()
    started = []
    passed = 0
    with tempfile.TemporaryDirectory(prefix="formdb-interop-") as folder:
        folder = Path(folder)
        try:
            server, port = start_server(folder)
            started.append(server)
            nginx, documented, unbuffered = start_nginx(folder, port)
            started.append(nginx)
            varnish, cached = start_varnish(folder, port)
            started.append(varnish)
            say("server, nginx and Varnish are up")

            ways = [
                ("direct", f"http://127.0.0.1:{port}/formdb"),
                ("through nginx", f"http://127.0.0.1:{documented}/formdb"),
                ("through nginx, unbuffered", f"http://127.0.0.1:{unbuffered}/other"),
            ]
            for client, command in clients(folder):
                for i, (where, url) in enumerate(ways):
                    name = re.sub(r"[^a-z]", "", client.lower()) + str(i)
                    passed += run(client, command, where, url, name)

            direct = Peer(port, "")
            for where, proxy in [("nginx", Peer(documented, "/formdb")),
                                 ("nginx, unbuffered", Peer(unbuffered, "/other")),
                                 ("Varnish", Peer(cached, ""))]:
                count = compare(f"compare{len(where)}", direct, proxy)
                say(f"answers through {where} are those of the server: {count} compared")
                passed += count
            count = freshness(direct, Peer(cached, ""))
            say(f"Varnish gave no old answer: {count} asked")
            passed += count

            faults = [line for line in server.output().splitlines() if " failed: " in line]
            expect("faults in the server's log", faults, [])
        finally:
            for process in reversed(started):
                process.stop()
    say(f"{passed} passed, 0 failed, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
