#!/usr/bin/env python3
"""Nothing is lost, repeated or out of order on the way to those who follow a database over real sockets.

    test/interop/live_loss.py

starts a server (MIX_ENV=prod, built before), writes everything that there is to write into three databases, and follows
them by every door with every kind of filter: WebSockets of both versions and with binary messages, server-sent events, and
requests that wait. Those who follow lose their connections, stop reading, change their filters and go on where they
were; the server is killed and comes again, and databases are closed and opened. At the end what each was told is
held against the journal, by looking at every entry. Settings, with the values for `make live`:

    DELIVERIES=1000000 DISCONNECTS=1000 KILLS=20 CHANGES=100 CLOSINGS=20   so many at least
    FOLLOWERS=300                                                          so many subscriptions at once
    SEED=N                                                                 the same chances again
"""

import asyncio
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "loss"))

import clients  # noqa: E402
from clients import fail, free_port, say  # noqa: E402
from compare import compare, entries_of, planted  # noqa: E402
from sockets import Socket  # noqa: E402
from streams import EventSource, Waiter  # noqa: E402
from told import Fault  # noqa: E402
from wire import Gone, Http  # noqa: E402
from world import DATABASES, ROOT, World  # noqa: E402
from writers import Writer  # noqa: E402

WRITERS = 4
# Until everybody has been told everything, after the last write.
PATIENCE_S = 90
# Readers fall behind at once, the journal has many segments, and connections that nobody reads end soon.
SETTINGS = {
    "FORMDB_SUBSCRIPTION_BYTES": "32KiB", "FORMDB_SEGMENT_BYTES": "1MiB", "FORMDB_SNAPSHOT_BYTES": "2MiB",
    "FORMDB_SOCKET_IDLE_MS": "10000", "FORMDB_SEND_TIMEOUT_MS": "8000", "FORMDB_HEARTBEAT_MS": "1000",
    "FORMDB_SOCKET_JOINS_PER_SECOND": "100",
}


def setting(name, short):
    return int(os.environ.get(name, short))


GOALS = {
    "deliveries": setting("DELIVERIES", 30_000), "disconnects": setting("DISCONNECTS", 40), "kills": setting("KILLS", 2),
    "changes of filters": setting("CHANGES", 40), "closings": setting("CLOSINGS", 2),
}
FOLLOWERS = setting("FOLLOWERS", 90)


class Server:
    """Killed and started again, on the same port with the same data."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        clients.SERVER_SETTINGS = {**SETTINGS, "FORMDB_PORT": str(self.port)}
        self.outputs = []

    def start(self):
        self.process, _port = clients.start_server(self.folder)

    def kill(self):
        self.outputs.append(self.process.output())
        self.process.kill()

    def stop(self):
        self.outputs.append(self.process.output())
        self.process.stop()

    def faults(self):
        return [line for output in self.outputs for line in output.splitlines() if " failed" in line or "error" in line.lower()]


def followers(world):
    """Of ten subscriptions six are of sockets, three are streams, and one is by requests that wait."""
    made, n = [], 0
    while len(world.followed) < FOLLOWERS:
        rng = world.chance(f"door {n}")
        kind, name = rng.random(), f"follower {n}"
        db = rng.choices(DATABASES, [4, 1, 1])[0]
        if kind < 0.5:
            databases = [db, *(other for other in DATABASES if other != db and rng.random() < 0.25)]
            made.append(Socket(world, name, rng.choice(["V2", "V2", "V1", "binary"]), databases))
        elif kind < 0.87:
            made.append(EventSource(world, name, db))
        else:
            made.append(Waiter(world, name, db))
        n += 1
    return made


async def until_answered(world, method, path, body=None):
    """Over kills."""
    http = Http(world.port)
    try:
        while True:
            try:
                status, answer = await http.call(method, path, body)
                if status < 300:
                    return answer
            except Gone:
                pass
            await asyncio.sleep(0.05)
    finally:
        http.close()


async def kills(world, server):
    """Some seconds after each other, as long as there are too few."""
    rng = world.chance("kills")
    while True:
        await asyncio.sleep(rng.uniform(2, 5))
        await asyncio.to_thread(server.kill)
        world.counts["kills"] += 1
        await asyncio.sleep(rng.random() / 2)
        begun = time.monotonic()
        await asyncio.to_thread(server.start)
        await until_answered(world, "GET", f"{ROOT}/{DATABASES[0]}")
        world.longest_start = max(world.longest_start, time.monotonic() - begun)
        if reached(world, "kills"):
            # What still has to come comes sooner.
            await asyncio.sleep(5)


async def closings(world):
    rng = world.chance("closings")
    while True:
        await asyncio.sleep(rng.uniform(1, 4))
        db = rng.choice(DATABASES)
        await until_answered(world, "DELETE", f"{ROOT}/{db}")
        await asyncio.sleep(rng.random() / 4)
        await until_answered(world, "POST", ROOT, {"name": db})
        world.counts["closings"] += 1


def reached(world, goal):
    return world.counts[goal] >= GOALS[goal]


async def progress(world):
    """Until all goals are reached."""
    told, grown = 0, time.monotonic()
    while True:
        await asyncio.sleep(1)
        before, world.counts["deliveries"] = world.counts["deliveries"], sum(len(one.events) for one in world.followed)
        if world.counts["deliveries"] > before:
            grown = time.monotonic()
        elif time.monotonic() > grown + PATIENCE_S:
            raise Fault(f"nobody is told anything any more: {dict(world.counts)}")
        if world.counts["deliveries"] // 100_000 > told:
            told = world.counts["deliveries"] // 100_000
            say(", ".join(f"{world.counts[goal]} {goal}" for goal in GOALS))
        if reached(world, "deliveries"):
            world.pace = 0.05
        if all(reached(world, goal) for goal in GOALS):
            return


async def first_of(tasks, task):
    """Waits for one of the tasks; what fails in another is raised."""
    while not task.done():
        await asyncio.wait([*tasks, task], return_when=asyncio.FIRST_COMPLETED, timeout=1)
        for other in tasks:
            if other.done() and not other.cancelled() and other.exception():
                # At once: all others are still to end.
                say(f"{other.exception()}")
                raise other.exception()
    return task.result()


async def journal(world, db):
    found, since = [], 0
    while since is not None:
        page = await until_answered(world, "GET", f"{ROOT}/{db}/journal?since={since}&limit=5000")
        found += page["entries"]
        since = page["next"]
    return found


async def run(world, server):
    for db in DATABASES:
        await until_answered(world, "POST", ROOT, {"name": db})
    writers = [Writer(world, f"w{n}") for n in range(WRITERS)]
    following = [asyncio.create_task(one.run()) for one in followers(world)]
    writing = [asyncio.create_task(one.run()) for one in writers]
    disturbing = [asyncio.create_task(kills(world, server)), asyncio.create_task(closings(world))]
    tasks = following + writing + disturbing
    await first_of(tasks, asyncio.create_task(progress(world)))

    for task in disturbing:
        task.cancel()
    await asyncio.wait(disturbing)
    if not clients.listens(world.port):
        await asyncio.to_thread(server.start)
    for db in DATABASES:
        await until_answered(world, "POST", ROOT, {"name": db})
    for writer in writers:
        writer.stopped = True
    await first_of(following, asyncio.ensure_future(asyncio.wait(writing)))
    for task in writing:
        task.result()
    heads = {}
    for db in DATABASES:
        answer = await until_answered(world, "PUT", f"{ROOT}/{db}/features/last", {"type": "Feature", "geometry": None, "properties": None})
        heads[db] = answer["seq"]
    world.heads = heads
    done, waiting = await asyncio.wait(following, timeout=PATIENCE_S, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()
    if waiting:
        behind = [f"{one.name} is at {one.since} of {heads[one.db]}" for one in world.followed if not world.at_head(one)]
        raise Fault(f"{len(behind)} are not told everything: " + "; ".join(behind[:10]))
    return {db: await journal(world, db) for db in DATABASES}


def left_open(world):
    """Connections that nobody reads are closed by the server."""
    deadline = time.monotonic() + 90
    while True:
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{world.port}/metrics").read().decode()
        # A stream that has nothing to send does not notice, without the system's help.
        open_ = sum(int(line.split()[1]) for line in metrics.splitlines() if line.startswith("formdb_http_sockets "))
        if open_ == 0:
            return
        if time.monotonic() > deadline:
            raise Fault(f"{open_} sockets are open that nobody reads")
        time.sleep(0.2)


def testify(world):
    """What each database and its journal say at that moment."""
    for db in DATABASES:
        for path in [f"{ROOT}/{db}", f"{ROOT}/{db}/journal?order=desc&limit=3&bodies=false"]:
            try:
                answer = urllib.request.urlopen(f"http://127.0.0.1:{world.port}{path}", timeout=10).read()
                say(f"{path}: {answer.decode()}")
            except (OSError, ValueError) as why:
                say(f"{path}: {why}")


def kept(server):
    """A copy of the data and the log that outlives this run."""
    server.stop()
    return shutil.copytree(server.folder, tempfile.mkdtemp(prefix="formdb-loss-kept-"), dirs_exist_ok=True)


def main():
    began = time.monotonic()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    seed = setting("SEED", random.randrange(1 << 32))
    say(f"following over sockets, SEED={seed}")
    with tempfile.TemporaryDirectory(prefix="formdb-loss-") as folder:
        server = Server(Path(folder))
        server.start()
        world = World(server.port, seed)
        try:
            journals = asyncio.run(run(world, server))
            left_open(world)
        except Fault as fault:
            say(f"FAILED, SEED={seed}: {fault}")
            testify(world)
            fail(f"the data and the log are kept in {kept(server)}")
        finally:
            server.stop()
        ran = time.monotonic() - began
        try:
            entries = {db: entries_of(journal) for db, journal in journals.items()}
            compare(world, entries)
            mistakes = planted(world, entries, world.chance("mistakes"))
        except Fault as fault:
            fail(f"FAILED, SEED={seed}: {fault}; the data and the log are kept in {kept(server)}")
        clients.expect("faults in the server's log", server.faults(), [])
    deliveries = sum(len(one.events) for one in world.followed)
    world.counts["deliveries"] = deliveries
    say(", ".join(f"{count} {what}" for what, count in sorted(world.counts.items())))
    say(f"the longest start of the server took {world.longest_start:.1f} s")
    say(f"{deliveries} deliveries of {sum(map(len, journals.values()))} blocks to {len(world.followed)} who followed in {ran:.0f} s: nothing "
        f"lost, repeated or out of order; {len(world.acknowledged)} acknowledged are there; {mistakes} mistakes that were made on purpose were noticed")


if __name__ == "__main__":
    # Whoever ends this ends the server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
