#!/usr/bin/env python3
"""Bodies and answers without end, both ways, in bounded memory.

    test/interop/streams.py

starts a server (MIX_ENV=prod, built before), uploads STREAM_BYTES of features (256 MiB unless set) as
lines in one request, downloads them as lines in one answer, and holds the memory of the server to a
bound that does not depend on their size. At the same time another client takes SLOW_SECONDS for
an answer, which is longer than the server lets a connection be idle, and one goes away in the midst of
its answer.
"""

import http.client
import json
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

from clients import fail, say, start_server

STREAM_BYTES = int(os.environ.get("STREAM_BYTES", 256 << 20))
SLOW_SECONDS = int(os.environ.get("SLOW_SECONDS", 90))
LINE_BYTES = 4_096
# What may be held beside what the index takes for good, and that for a feature.
MOST_BYTES = 256 << 20
INDEX_BYTES = 400
DATABASE = "/formdb/api/v1/databases/streams"


def check(right, sentence):
    if not right:
        fail(sentence)


def line(number):
    feature = {
        "type": "Feature", "id": f"f{number}",
        "geometry": {"type": "Point", "coordinates": [number % 360 - 180, number // 360 % 180 - 90]},
        "properties": {"number": number, "text": ""},
    }
    feature["properties"]["text"] = "x" * (LINE_BYTES - 1 - len(json.dumps(feature)))
    return json.dumps(feature).encode() + b"\n"


def parts(count):
    """The lines, some to a part."""
    for first in range(0, count, 256):
        yield b"".join(line(n) for n in range(first, min(first + 256, count)))


class Memory:
    """The most that a process has of memory, from now on until it is asked for."""

    def __init__(self, process):
        self.statuses = Path(f"/proc/{process}")
        (self.statuses / "clear_refs").write_text("5")
        self.before = self.of("VmRSS")

    def of(self, name):
        for text in (self.statuses / "status").read_text().splitlines():
            if text.startswith(name + ":"):
                return int(text.split()[1]) * 1024
        raise KeyError(name)

    def more(self):
        return self.of("VmHWM") - self.before


def virtual_machine(server):
    """The process of the server: the child of ours that has the most memory."""
    members = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == server.running.pid:
            members.append((int(fields[21]), int(status.parent.name)))
    return max(members)[1]


def connect(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=120)


def upload(port, count):
    client = connect(port)
    headers = {"Content-Type": "application/x-ndjson"}
    client.request("POST", DATABASE + "/features", parts(count), headers, encode_chunked=True)
    reply = client.getresponse()
    lines = reply.read().splitlines()
    check(reply.status == 200, f"the upload is answered with {reply.status}: {lines[-1:]}")
    last = json.loads(lines[-1])
    check(last["done"] and last["inserted"] == count and last["rejected"] == [],
           f"{count} features were sent; the last line is {lines[-1][:300]}")
    client.close()


def lines_of(reply):
    rest = b""
    while part := reply.read(1 << 20):
        *whole, rest = (rest + part).split(b"\n")
        yield from whole
    check(rest == b"", f"the last line is cut off: {rest[-100:]}")


def open_download(port):
    client = connect(port)
    client.request("GET", DATABASE + "/features", headers={"Accept": "application/x-ndjson"})
    reply = client.getresponse()
    check(reply.status == 200, f"the download is answered with {reply.status}")
    return client, reply


def download(port, count):
    _client, reply = open_download(port)
    found = 0
    for text in lines_of(reply):
        if found % 1_000 == 0:
            feature = json.loads(text)
            check(feature == json.loads(line(found)), f"feature {found} is {text[:200]}")
        found += 1
    check(found == count, f"{count} features were written, {found} come back")


def slow(port, count, failures):
    """Reads a little at a time, and the rest at the end."""
    try:
        client, reply = open_download(port)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        begun = time.monotonic()
        read = 0
        while time.monotonic() - begun < SLOW_SECONDS:
            read += reply.read(65_536).count(b"\n")
            time.sleep(0.5)
        while part := reply.read(1 << 20):
            read += part.count(b"\n")
        check(read == count, f"a download of {SLOW_SECONDS} s has {read} of {count} features")
    except BaseException as failure:
        failures.append(f"a slow download: {failure!r}")


def go_away(port):
    client, reply = open_download(port)
    reply.read(100_000)
    client.close()


def bounded(memory, what, bound):
    more = memory.more()
    say(f"{what}: {more >> 20} MiB more memory at most, {bound >> 20} allowed")
    check(more <= bound, f"{what} takes {more} bytes of memory, more than {bound}")


def main():
    count = STREAM_BYTES // LINE_BYTES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server, port = start_server(folder)
        try:
            client = connect(port)
            client.request("POST", "/formdb/api/v1/databases", '{"name":"streams"}',
                           {"Content-Type": "application/json"})
            check(client.getresponse().status == 201, "the database cannot be made")
            process = virtual_machine(server)

            memory, begun = Memory(process), time.monotonic()
            upload(port, count)
            seconds = time.monotonic() - begun
            say(f"{count} features, {STREAM_BYTES >> 20} MiB, up in {seconds:.1f} s")
            bounded(memory, "the upload", MOST_BYTES + INDEX_BYTES * count)

            memory, failures = Memory(process), []
            dawdler = threading.Thread(target=slow, args=(port, count, failures))
            dawdler.start()
            go_away(port)
            begun = time.monotonic()
            download(port, count)
            seconds = time.monotonic() - begun
            say(f"{count} features, {STREAM_BYTES >> 20} MiB, down in {seconds:.1f} s")
            dawdler.join()
            check(failures == [], "; ".join(failures))
            bounded(memory, "the downloads", MOST_BYTES)
        finally:
            server.stop()
    say("streams: all is well")


if __name__ == "__main__":
    main()
