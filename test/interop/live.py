#!/usr/bin/env python3
"""What follows a database live, against a real server that is killed under it.

    test/interop/live.py

starts a server (MIX_ENV=prod, built before) and nginx as docs/OPERATIONS.md configures it, and lets the official
client of Phoenix Channels, a reader of server-sent events and the page at /live in headless Chromium follow what
is written: directly and through nginx, over broken connections, kills and stops of the server.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import clients
from clients import PATIENCE, PROJECT, fail, free_port, listens, say

HERE = PROJECT / "test" / "interop" / "live"
PICTURE = os.environ.get("PICTURE")


class Server:
    """A server that comes again on the same port with the same data."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.start()

    def start(self):
        clients.SERVER_SETTINGS["FORMDB_PORT"] = str(self.port)
        self.process, _port = clients.start_server(self.folder)

    def again(self, how):
        self.process.kill() if how == "kill" else self.process.stop()
        deadline = time.monotonic() + PATIENCE
        while listens(self.port) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.start()


def run(name, server, *arguments):
    """A program of Node's that says what is to be done to the server."""
    began = time.monotonic()
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    program = subprocess.Popen(["node", str(HERE / name), *arguments], env=environment, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    last = ""
    try:
        for line in program.stdout:
            last = line.strip()
            if last in ("kill", "stop"):
                server.again(last)
                program.stdin.write("again\n")
                program.stdin.flush()
    except SystemExit:
        program.terminate()
        raise
    if program.wait(PATIENCE) != 0 or not last.endswith(" 0 failed"):
        fail(f"{name}: FAILED\n{last}\n{server.process.output()[-2000:]}")
    say(f"{name}: {last} ({time.monotonic() - began:.1f} s)")


def main():
    began = time.monotonic()
    clients.SERVER_SETTINGS = {"FORMDB_BASE_PATH": "/formdb", "FORMDB_TRUSTED_PROXIES": "127.0.0.1", "FORMDB_HEARTBEAT_MS": "500"}
    with tempfile.TemporaryDirectory(prefix="formdb-live-") as folder:
        folder = Path(folder)
        server = Server(folder)
        nginx, documented, _unbuffered = clients.start_nginx(folder, server.port)
        try:
            direct, proxied = f"http://127.0.0.1:{server.port}", f"http://127.0.0.1:{documented}/formdb"
            run("phoenix.mjs", server, direct, proxied)
            run("browser.mjs", server, direct, *([PICTURE] if PICTURE else []))
            faults = [line for line in server.process.output().splitlines() if " failed: " in line]
            clients.expect("faults in the server's log", faults, [])
        finally:
            nginx.stop()
            server.process.stop()
    say(f"the client of Phoenix and the page at /live lost nothing, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    # Whoever ends this ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
