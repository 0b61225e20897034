#!/usr/bin/env python3
"""schemathesis holds the server against its own document, openapi.json.

    test/interop/contract.py

starts a server (MIX_ENV=prod, built before) with a database that has a little of everything, and lets
schemathesis ask it: examples, edges of every schema, random requests, right and wrong ones, and chains of
requests along the links of the document, with all its checks. It has to find nothing.

Then it puts faults into answers, one kind at a time, by a proxy between the two, and schemathesis has to
find each: else the first part would say nothing.

The short form takes some three minutes. CONTRACT_CASES=20000 (or more) is the long form: at least so many
requests.
"""

import http.client
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import clients
from clients import PROJECT, Peer, expect, fail, point, say

HERE = PROJECT / "test" / "interop"
TOOLS = PROJECT / ".tools" / "schemathesis"
CASES = int(os.environ.get("CONTRACT_CASES", "0"))
SEED = os.environ.get("CONTRACT_SEED", "1")
# What has no end of its own; live.py has them.
ENDLESS = ["getJournalStream", "getSocket"]
# Seconds for the edges of one schema with geometries in it, in the short form.
SHARE = 12

# Schemathesis leaves transactions and databases open by the hundred, and registers webhooks with
# addresses that it makes up.
SETTINGS = {
    "FORMDB_WEBHOOKS": "false",
    "FORMDB_WEBHOOKS_PER_DATABASE": "10000",
    "FORMDB_PORT": "0",
    "FORMDB_OPEN_TRANSACTIONS": "10000",
    "FORMDB_TRANSACTION_LEASE_SECONDS": "20",
    "FORMDB_LONGEST_WAIT_MS": "1000",
}


def fill(peer):
    """What the examples in the document name, so that they find something."""
    db = "/api/v1/databases/quakes"
    expect("create", peer.call("POST", "/api/v1/databases", {"name": "quakes"})[0], 201)
    for feature in (point("us7000abcd", mag=9.1), point("a", mag=5.5), point("b", mag=6)):
        expect("put", peer.call("POST", db + "/features", feature)[0], 201)
    times = ["2026-01-31T05:00:00Z", "2026-01-31T06:00:00Z"]
    columns = {"series_id": "tokyo/temperature", "timestamps": times, "values": [5.6, 5.4]}
    expect("points", peer.call("POST", db + "/timeseries", columns)[0], 201)


def valid(peer, folder):
    """The document is one of OpenAPI, in both versions."""
    for version in ("3.1", "3.0"):
        file = folder / f"{version}.json"
        file.write_bytes(peer.call("GET", f"/openapi.json?version={version}")[2])
        done = subprocess.run([str(TOOLS / "bin" / "openapi-spec-validator"), str(file)], capture_output=True,
                              text=True, env={**os.environ, "PYTHONPATH": str(TOOLS)}, timeout=60)
        if done.returncode != 0:
            fail(f"openapi-spec-validator refuses the document in {version}\n{done.stdout[-3000:]}")
    say("openapi-spec-validator takes the document, in 3.1 and 3.0")


def page(port):
    """The page at /docs shows the whole document, and its forms send what they say."""
    done = subprocess.run(["node", str(HERE / "docs_page.mjs"), f"http://127.0.0.1:{port}"], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=120)
    if done.returncode != 0:
        fail(f"the page at /docs: {(done.stdout + done.stderr)[-3000:]}")
    say(f"the page at /docs: {done.stdout.strip()}")


def excluding(operations):
    return [option for name in operations for option in ("--exclude-operation-id", name)]


def schemathesis(url, folder, *options):
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    environment |= {"PYTHONPATH": f"{TOOLS}:{HERE}", "SCHEMATHESIS_HOOKS": "contract_hooks"}
    command = [str(TOOLS / "bin" / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"),
               "run", url + "/openapi.json", "--seed", SEED, "--no-color", "--generation-database", "none",
               # contract_hooks.py has it, with what a schema cannot say.
               "--checks", "all", "--exclude-checks", "positive_data_acceptance,use_after_free",
               *excluding(ENDLESS), *options]
    return subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=24 * 3600)


def with_geometries(document):
    """The operations that take geometries, whose edges are more than can be tried."""
    def reaches(term, seen):
        if isinstance(term, list):
            return any(reaches(item, seen) for item in term)
        if not isinstance(term, dict):
            return False
        name = term.get("$ref", "").rsplit("/", 1)[-1]
        if name == "Geometry":
            return True
        if name and name not in seen:
            return reaches(document["components"]["schemas"].get(name), seen | {name})
        return any(reaches(member, seen) for member in term.values())

    return [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
            if operation["operationId"] not in ENDLESS and
            reaches([operation.get("parameters"), operation.get("requestBody")], frozenset())]


def asked(url, folder, what, *options):
    """How many requests schemathesis makes; it finds nothing."""
    done = schemathesis(url, folder, *options)
    # Before the first edge of a large schema the time may be over.
    tried = re.search(r"(\d+) generated|(No) test cases were generated", done.stdout)
    if done.returncode != 0 or tried is None:
        shown = "\n".join(line[:400] for line in (done.stdout + done.stderr).splitlines())
        fail(f"schemathesis, {what}, ended with {done.returncode}\n{shown}")
    count = int(tried.group(1) or 0)
    say(f"schemathesis, {what}: nothing found in {count} requests")
    return count


def contract(port, folder, document):
    """The server keeps what its document says."""
    url = f"http://127.0.0.1:{port}"
    large = with_geometries(document)
    count = asked(url, folder, "edges of every schema", "--phases", "coverage", *excluding(large))
    for name in large:
        count += asked(url, folder, f"edges of {name}", "--phases", "coverage", "--include-operation-id", name,
                       "--max-time", str(SHARE if CASES == 0 else 4 * SHARE))
    examples = 10 if CASES == 0 else max(50, CASES // 200)
    count += asked(url, folder, "examples, random requests and chains of them", "--phases",
                   "examples,fuzzing,stateful", "-n", str(examples))
    if count < max(CASES, 1000):
        fail(f"schemathesis made {count} requests, expected {max(CASES, 1000)} at least")
    return count


class Answer:
    """What the server answered; a fault changes it in place."""

    def __init__(self, status, fields, content):
        self.status, self.fields, self.content = status, fields, content

    def json(self, change):
        answer = json.loads(self.content)
        change(answer)
        self.content = json.dumps(answer).encode()


def without(member):
    return lambda answer: answer.json(lambda body: body.pop(member, None))


def another(member, value):
    return lambda answer: answer.json(lambda body: body.update({member: value}))


def with_status(status):
    def change(answer):
        answer.status = status
    return change


def with_field(name, value):
    def change(answer):
        answer.fields[name] = value
    return change


def without_field(name):
    return lambda answer: answer.fields.pop(name, None)


def taken(body):
    """As if the request had been right."""
    def change(answer):
        answer.status, answer.content = 200, json.dumps(body).encode()
        answer.fields["content-type"] = "application/json"
    return change


DATABASE = "getDatabase"
# What is planted, the operation that is asked, the status and the path of the answers that have it, what
# is done to them, and what schemathesis has to say of it. Of the proxy alone it has to find nothing.
FAULTS = [
    ("nothing", DATABASE, 200, lambda answer: None, None),
    ("a member that is always there is missing", DATABASE, 200, without("status"), "Response violates schema"),
    ("a number is text", "getTree", 200, another("tree_size", "7"), "Response violates schema"),
    ("a hash is none", "getTree", 200, another("root", "x"), "Response violates schema"),
    ("a code that there is not", DATABASE, 404, another("code", "gone"), "Response violates schema"),
    ("a status that no call has", DATABASE, 200, with_status(299), "Undocumented status code"),
    ("the status of another call", "postDatabases", 200, with_status(202), "Undocumented status code"),
    ("a failure of the server", "getSchema", 200, with_status(500), "Server error"),
    ("another content type", DATABASE, 200, with_field("content-type", "text/html"), "Undocumented Content-Type"),
    ("an error that is no problem", DATABASE, 404, with_field("content-type", "application/json"), "Undocumented Content-Type"),
    ("no Location", "postTransactions", 201, without_field("location"), "Missing required response headers"),
    ("no ETag", "getBlock", 200, without_field("etag"), "Missing required response headers"),
    ("what is wrong is taken", "getJournal", 400, taken({"entries": [], "next": None}), "Schema-violating request accepted"),
    ("what is right is refused", "getSchema", 200, with_status(400), "Schema-valid request rejected"),
    ("a method that there is not is taken", DATABASE, 405, with_status(200), "Wrong response to undeclared method"),
    ("no Allow", DATABASE, 405, without_field("allow"), "Wrong response to undeclared method"),
]


class Proxy(ThreadingHTTPServer):
    """Passes requests on; of answers with the status to the path it changes what it is told to."""

    daemon_threads = True

    def __init__(self, upstream, path, status, change):
        super().__init__(("127.0.0.1", 0), Passing)
        self.upstream, self.path, self.status, self.change = upstream, path, status, change


class Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_):
        pass

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        onward = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            # Faults are put into answers that are not compressed.
            if name.lower() not in ("connection", "transfer-encoding", "accept-encoding"):
                onward.putheader(name, value)
        onward.endheaders(body or None)
        reply = onward.getresponse()
        answer = Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        onward.close()
        if answer.status == self.server.status and re.fullmatch(self.server.path, self.path.split("?")[0]):
            self.server.change(answer)
        self.send_response_only(answer.status)
        for name, value in answer.fields.items():
            if name not in ("connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_QUERY = pass_on


def paths(document):
    """The paths of operations by their names, as patterns."""
    found = {}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            found[operation["operationId"]] = "[^/]*".join(re.escape(part) for part in re.split(r"\{[^}]*\}", path))
    return found


def planted(port, folder, document):
    """A server with faults is found out."""
    of = paths(document)
    for what, operation, status, change, kind in FAULTS:
        proxy = Proxy(port, of[operation], status, change)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            done = schemathesis(f"http://127.0.0.1:{proxy.server_address[1]}", folder, "-n", "20",
                                "--phases", "examples,coverage,fuzzing", "--include-operation-id", operation)
        finally:
            proxy.shutdown()
            proxy.server_close()
        if (done.returncode, kind is None or kind in done.stdout) != (0 if kind is None else 1, True):
            fail(f"planted: {what}: schemathesis ended with {done.returncode} and does not say {kind!r}\n"
                 f"{(done.stdout + done.stderr)[-6000:]}")
        say(f"planted: {what}: {'found' if kind else 'nothing found'}")


def main():
    began = time.monotonic()
    clients.SERVER_SETTINGS = SETTINGS
    with tempfile.TemporaryDirectory(prefix="formdb-contract-") as folder:
        folder = Path(folder)
        server, port = clients.start_server(folder)
        try:
            peer = Peer(port, "")
            fill(peer)
            document = json.loads(peer.call("GET", "/openapi.json")[2])
            valid(peer, folder)
            page(port)
            count = contract(port, folder, document)
            faults = [line for line in server.output().splitlines() if " failed: " in line]
            expect("faults in the server's log", faults, [])
            # Its connection was idle for too long to be kept.
            peer = Peer(port, "")
            peer.call("DELETE", "/api/v1/databases/quakes?purge=true")
            fill(peer)
            planted(port, folder, document)
        finally:
            server.stop()
    say(f"contract: {count} requests and {len(FAULTS) - 1} planted faults, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
