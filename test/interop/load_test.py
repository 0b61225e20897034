#!/usr/bin/env python3
"""The load test in bench/ passes against the server, and fails when answers are not right.

    test/interop/load_test.py

starts a server (MIX_ENV=prod, built before) and runs the quick form of bench/http_load_test.js
against it with k6. Then it runs a short one through a proxy: once as answers are, and once for each
way of altering them in ALTERATIONS, when it expects k6 to fail and to say what is wrong.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from clients import PATIENCE, PROJECT, expect, fail, say, start_server

# The proxy that alters answers knows no WebSockets.
SHORT = {"SCENARIO": "mix", "USERS": "10", "RAMP": "1s", "HOLD": "3s", "LISTENERS": "0"}
# What k6 ends with when a threshold is crossed.
CROSSED = 99

BOX = r"GET .*/features\?bbox=.*limit"
NEARBY = r"GET .*/features/nearby"
PLACE = r"GET .*/features/place-"
NEW = r"GET .*/features/new-"
RANGE = r"GET .*/timeseries/sensor-\d+\?start=2025"
OWN_POINT = r"GET .*/timeseries/sensor-\d+\?start=\d{10}"
AGGREGATE = r"GET .*/aggregate\?.*interval"
FIGURE = r"GET .*/aggregate\?(?!.*interval)"
COUNT = r"GET .*count=true"
INSERT = r"POST .*/features$"


class Answer:
    """What the server answered; an alteration changes it in place."""

    def __init__(self, status, fields, content):
        self.status, self.fields, self.content = status, fields, content

    def json(self, change):
        answer = json.loads(self.content)
        change(answer)
        self.content = json.dumps(answer).encode()


def drop(name, place):
    def change(answer):
        if answer[name]:
            answer[name].pop(place)
    return lambda answer: answer.json(change)


def elsewhere(answer):
    for feature in answer["features"][-1:]:
        feature["geometry"]["coordinates"][1] += 1


def twice(answer):
    answer["features"][1:2] = answer["features"][:1]


def another_value(place):
    def change(answer):
        answer["data"][place]["value"] += 0.125
    return lambda answer: answer.json(change)


def another_name(answer):
    answer["properties"]["name"] += "!"


def another_tag(answer):
    answer.fields["etag"] = '"' + "0" * 64 + '"'


def fails(answer):
    answer.status, answer.content = 503, b"{}"


def slow(answer):
    time.sleep(0.6)


# What is altered, which requests have it, what is done to their answers, and what k6 has to say
# (None: nothing but that the bound was missed).
ALTERATIONS = [
    ("the first feature of a box is missing", BOX, drop("features", 0), "features of the box"),
    ("the last feature of a box lies elsewhere", BOX, lambda a: a.json(elsewhere), "in the box"),
    ("the nearest feature is missing", NEARBY, drop("features", 0), "expected the nearest"),
    ("the nearest feature comes twice", NEARBY, lambda a: a.json(twice), "twice near"),
    ("the nearest come in another order", NEARBY, lambda a: a.json(lambda b: b["features"].reverse()), "m after one at"),
    ("a property differs", PLACE, lambda a: a.json(another_name), "facts of place-"),
    ("another entity tag", NEW, another_tag, "entity tags"),
    ("a value of a range differs", RANGE, another_value(30), "of values"),
    ("a point of a range is missing", RANGE, drop("data", -1), "59 timestamps, expected 60"),
    ("a point that was written is missing", OWN_POINT, drop("data", 0), "is missing"),
    ("a bucket of an aggregate differs", AGGREGATE, another_value(7), "as number 7 of"),
    ("a figure differs", FIGURE, another_value(0), "as number 0 of"),
    ("a count is too low", COUNT, lambda a: a.json(lambda b: b.update(numberMatched=-1)), "counted -1"),
    ("inserts are refused", INSERT, fails, "found status 503"),
    ("answers are slow", BOX, slow, None),
]


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream, request, alter):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.request, self.alter = upstream, re.compile(request), alter


class Handler(BaseHTTPRequestHandler):
    """One connection, with one of its own to the server."""

    protocol_version = "HTTP/1.1"
    # Header and body of an answer go out together.
    wbufsize = -1

    def setup(self):
        super().setup()
        self.onward = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)

    def finish(self):
        self.onward.close()
        super().finish()

    def passed_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = {"Content-Type": "application/json"} if body else {}
        self.onward.request(self.command, self.path, body or None, sent)
        reply = self.onward.getresponse()
        fields = {name.lower(): value for name, value in reply.getheaders()}
        answer = Answer(reply.status, fields, reply.read())
        # A collection is part of the data set and not of the load.
        if self.server.request.search(f"{self.command} {self.path}") and b"FeatureCollection" not in body[:64]:
            self.server.alter(answer)
        self.send_response_only(answer.status)
        for name in ("content-type", "etag", "formdb-seq"):
            if name in answer.fields:
                self.send_header(name, answer.fields[name])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)
        self.wfile.flush()

    do_GET = do_POST = do_DELETE = passed_on


def k6(base, environment):
    path = os.pathsep.join([os.environ["PATH"], str(PROJECT / ".tools" / "k6" / "bin")])
    program = shutil.which("k6", path=path) or fail("k6 is not installed; bin/setup --interop installs it")
    # Proxies of the machine's own, and settings of a load test, are none of these.
    kept = {key: value for key, value in os.environ.items()
            if "proxy" not in key.lower() and key not in ("TOKEN", "RATES", "STEP", "RISE")}
    return subprocess.run(
        [program, "run", "--quiet", "bench/http_load_test.js"], cwd=PROJECT, capture_output=True, text=True,
        env={**kept, **environment, "BASE_URL": base}, stdin=subprocess.DEVNULL, timeout=2 * PATIENCE)


def through_proxy(upstream, what, request, alter, expected):
    proxy = Proxy(upstream, request, alter)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        done = k6(f"http://127.0.0.1:{proxy.server_address[1]}", SHORT)
    finally:
        proxy.shutdown()
        proxy.server_close()
    if done.returncode != expected:
        fail(f"load test, {what}: ended with {done.returncode}, expected {expected}\n{(done.stdout + done.stderr)[-3000:]}")
    return done


def altered(upstream, what, request, alter, sentence):
    done = through_proxy(upstream, what, request, alter, CROSSED)
    output = done.stdout + done.stderr
    wrong = re.search(r"wrong answers +([\d.]+)", output)
    if sentence is None:
        expect(f"load test, {what}: wrong answers", float(wrong.group(1)), 0.0)
    elif sentence not in done.stderr:
        fail(f"load test, {what}: does not say {sentence!r}\n{output[-3000:]}")
    say(f"load test, {what}: fails as it should")


def main():
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="formdb-load-") as folder:
        folder = Path(folder)
        record = folder / "record.json"
        server, port = start_server(folder)
        try:
            base = f"http://127.0.0.1:{port}"
            done = k6(base, {"BENCH_QUICK": "1", "BENCH_JSON": str(record)})
            if done.returncode != 0:
                fail(f"load test: ended with {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}")
            report = json.loads(record.read_text())
            figures = {(figure["section"], figure["name"]): figure["median"] for figure in report["figures"]}
            expect("load test: passed", (report["finished"], report["passed"]), (True, True))
            expect("load test: wrong answers", figures["all", "wrong answers"], 0)
            for known in [("mix", "p95"), ("rate", "highest with p95 < 10 ms"),
                          ("all", "answers from the cache of results")]:
                expect(f"load test: has {known}", known in figures, True)
            say(f"load test: {figures['mix', 'requests, all users there']:.0f} requests/s, all answers right")
            through_proxy(port, "answers as they are", ".", lambda answer: None, 0)
            for alteration in ALTERATIONS:
                altered(port, *alteration)
        finally:
            server.stop()
        left = list((folder / "data").glob("k6-*"))
        expect("databases left by the load test", left, [])
    say(f"load test: {len(ALTERATIONS) + 2} runs, 0 failed, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
