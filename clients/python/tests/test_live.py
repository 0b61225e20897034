"""Following a database, also through the end of its server."""

import itertools
import subprocess
import threading
import time
from pathlib import Path

import anyio
import pytest

import formdb

from .conftest import Server
from .test_cli import COMMAND, Cli


def place(id: str, lon: float = 13.4, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": [lon, 52.5]}, "properties": properties}


def test_what_was_written_comes_and_then_what_is_written(db: formdb.Database) -> None:
    db.features.put(place("a", limit=40), provenance={"agent": "Ana"})
    db.series.write("a/no2", ["2026-03-01T00:00Z"], [21])
    events = db.subscribe(since=0)
    first, second = next(events), next(events)
    assert (first.seq, first.after, first.entry["op"], first.entry["provenance"]) == (1, 0, "put_feature", {"agent": "Ana"})
    assert first.entry["body"]["properties"] == {"limit": 40}
    assert (second.seq, second.after, second.entry["op"]) == (2, 1, "put_points")
    later = threading.Timer(0.2, lambda: db.features.delete("a"))
    later.start()
    assert next(events).entry["op"] == "delete_feature"
    later.join()


def test_a_filter_tells_what_comes_changes_and_leaves(db: formdb.Database) -> None:
    events = db.subscribe(since=0, bbox=(13, 52, 14, 53), where={"prop.limit": "gte:40"})
    db.features.put(place("far", lon=20, limit=50))
    db.features.put(place("a", limit=50))
    db.features.patch("a", {"properties": {"limit": 60}})
    db.features.patch("a", {"properties": {"limit": 1}})
    db.series.write("a/no2", ["2026-03-01T00:00Z"], [21])
    assert [(event.seq, event.matched) for event in itertools.islice(events, 3)] == [(2, "after"), (3, "both"), (4, "before")]
    of_series = db.subscribe(since=0, series="a/*")
    assert next(of_series).seq == 5
    with pytest.raises(formdb.ApiError) as refused:
        next(db.subscribe(where={"prop.limit": "ge:5"}))
    assert refused.value.code == "invalid_parameter"


def test_nothing_is_missed_and_nothing_comes_twice_when_the_server_is_killed(db: formdb.Database, server: Server) -> None:
    count, seen, done = 400, list[formdb.Event](), threading.Event()

    def follow() -> None:
        for event in db.subscribe():
            seen.append(event)
            if event.seq == count + 1:
                done.set()
                return

    db.features.put(place("before"))
    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    time.sleep(0.5)
    for number in range(count):
        if number in (100, 300):
            server.kill()
            server.start()
        db.features.put(place(f"p{number}"))
    assert done.wait(60)
    assert [event.seq for event in seen] == [*range(2, count + 2)]
    assert [event.after for event in seen] == [*range(1, count + 1)]
    print(f"\nfigures: {count} events through 2 kills of the server: none missed, none twice")


def test_it_ends_with_what_the_server_says(db: formdb.Database, client: formdb.Client) -> None:
    db.features.put(place("a"))
    events = db.subscribe(since=0)
    next(events)
    db.purge()
    with pytest.raises(formdb.NotFound):
        next(events)
    # The same name, and another history.
    db = client.create(db.name)
    db.features.put(place("a"))
    events = db.subscribe(since=0)
    next(events)
    db.purge()
    client.create(db.name).features.put(place("b"))
    with pytest.raises(formdb.ApiError) as refused:
        next(events)
    assert refused.value.code == "log_diverged"


def test_the_body_of_a_large_event_is_there_too(db: formdb.Database) -> None:
    db.features.put(place("large", text="x" * 2_000_000))
    assert len(next(db.subscribe(since=0)).entry["body"]["properties"]["text"]) == 2_000_000


def test_with_async_it_is_ended_as_any_task(client: formdb.Client, db: formdb.Database) -> None:
    async def work() -> None:
        seen = []
        async with formdb.AsyncClient(client.url) as other:
            following = other.database(db.name)
            with anyio.move_on_after(2):
                async for event in following.subscribe(since=0):
                    seen.append(event.seq)
                    await following.features.put(place(f"p{event.seq}"))
                    if len(seen) == 20:
                        break
        assert seen == [*range(1, 21)]

    db.features.put(place("first"))
    anyio.run(work)


def test_tail_prints_what_is_written(server: Server, db: formdb.Database, tmp_path: Path) -> None:
    cli = Cli(server, db, tmp_path)
    db.features.put(place("a"), provenance={"agent": "Ana", "why": "a test"})
    db.series.write("a/no2", ["2026-03-01T00:00Z", "2026-03-01T01:00Z"], [21, 22])
    lines = cli.said("tail", "--since", "0", "--limit", "2").splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["put_feature a Ana why: a test", "put_points a/no2 (2 points)"]
    assert [event["seq"] for event in cli.json("tail", "--since", "0", "--limit", "1", "--series", "a/*")] == [2]
    running = subprocess.Popen([*COMMAND, "tail"], env=cli.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    deadline = time.monotonic() + 30
    told = threading.Event()

    def write() -> None:
        while not told.wait(0.05) and time.monotonic() < deadline:
            db.features.put(place("b"))

    writer = threading.Thread(target=write)
    writer.start()
    printed = running.stdout.readline()
    told.set()
    writer.join()
    running.terminate()
    running.wait(10)
    assert "put_feature b" in printed
