"""The command, as its users call it: each call is a process of its own."""

import gzip
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import formdb
from formdb import verify

from .conftest import PROJECT, Server

COMMAND = [sys.executable, "-c", "from formdb.cli import main; main()"]
QUAKES = str(PROJECT / "priv" / "samples" / "earthquakes.geojson")
WEATHER = PROJECT / "priv" / "samples" / "seattle-weather.csv"
ROWS = int(os.environ.get("LOAD_ROWS", 300_000))
KILLS = int(os.environ.get("LOAD_KILLS", 5))


class Cli:
    def __init__(self, server: Server, db: formdb.Database, home: Path) -> None:
        self.db = db
        self.environment = {**os.environ, "FORMDB_URL": server.url, "FORMDB_DB": db.name, "XDG_STATE_HOME": str(home / "state"),
                            "XDG_CONFIG_HOME": str(home / "config"), "COLUMNS": "200"}

    def run(self, *arguments: str | Path, status: int = 0, given: bytes = b"") -> subprocess.CompletedProcess[str]:
        raw = subprocess.run([*COMMAND, *map(str, arguments)], env=self.environment, input=given, capture_output=True, timeout=300)
        done = subprocess.CompletedProcess(raw.args, raw.returncode, raw.stdout.decode(), raw.stderr.decode())
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def said(self, *arguments: str | Path) -> str:
        return self.run(*arguments).stdout

    def json(self, *arguments: str | Path) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.said(*arguments, "--json").splitlines()]

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        return subprocess.Popen([*COMMAND, *map(str, arguments)], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def cli(server: Server, db: formdb.Database, tmp_path: Path) -> Cli:
    return Cli(server, db, tmp_path)


def test_a_file_is_loaded_corrected_asked_undone_and_proved(cli: Cli, tmp_path: Path) -> None:
    assert "1,707 features written" in cli.said("load", QUAKES, "-p", "source=usgs")
    again = cli.json("load", QUAKES, "-p", "source=usgs")[0]
    assert (again["inserted"], again["skipped"]) == (0, 1707)
    assert "no head was kept" in cli.said("verify")
    found = cli.json("query", "-w", "prop.mag=gte:6.4")
    id = str(found[0]["id"])
    cli.db.features.patch(id, {"properties": {"mag": 6.1}}, provenance={"agent": "Ana", "why": "recomputed"})
    assert cli.said("query", "--count", "-w", "prop.mag=gte:6") == "5\n"
    assert "- /properties/mag 6.4\n+ /properties/mag 6.1" in cli.said("diff", id, "1707")
    assert json.loads(cli.said("as-of", "1707", "get", id))["properties"]["mag"] == 6.4
    assert json.loads(cli.said("get", id, "--as-of", "1707", "--json"))["properties"]["mag"] == 6.4
    assert json.loads(cli.said("--json", "as-of", "1707"))["seq"] == 1707
    newest = cli.said("log", "--limit", "1").splitlines()[1]
    assert newest.split()[0] == "1708" and "Ana" in newest and "recomputed" in newest and id in newest
    assert cli.json("verify", id)[0]["blocks"] == [cli.db.as_of(1707).features.get(id)["formdb"]["seq"], 1708]
    assert "these are all 1708 blocks" in cli.said("verify", "--all")
    assert "in the way" in cli.run("revert", "-n", "-p", f"load={again['load']}", status=1).stdout
    cli.said("revert", "1708", "--why", "it was right", "-y")
    assert cli.json("revert", "-n", "-p", f"load={again['load']}")[0]["reverted"] == 1707
    cli.said("revert", "-p", f"load={again['load']}", "--agent", "Ben", "-y")
    assert cli.said("query", "--count") == "0\n"
    assert cli.db.as_of(1707).features.count() == 1707


def test_tables_and_what_was_left_out(cli: Cli, tmp_path: Path) -> None:
    table = tmp_path / "weather.csv"
    rows = [",".join(line.split(",")[:3]) for line in WEATHER.read_text().splitlines()]
    table.write_text("\n".join([*rows, "2016-01-01,n/a,3", "2016-01-02,1,4"]) + "\n")
    load = ("load", table, "--header", "timestamp,seattle/rain,seattle/max", "--tz", "America/Los_Angeles")
    done = cli.run(*load, "--rejected", tmp_path / "rejected.ndjson", status=3)
    assert "2,924 points written" in done.stdout and "1 left out" in done.stderr and "seattle~1rain" in done.stderr
    rejected = json.loads((tmp_path / "rejected.ndjson").read_text())
    assert (rejected["line"], rejected["code"]) == (1463, "invalid_value")
    answer = cli.said("query", "seattle/*", "-a", "sum", "--interval", "1y", "--tz", "America/Los_Angeles").splitlines()
    assert len(answer) == 11 and "1226.0" in "".join(answer)
    assert cli.said("query", "seattle/rain", "--value", "gt:50", "--count") == "3\n"
    assert cli.said("export", tmp_path / "all.csv", "--shape", "wide", "--tz", "America/Los_Angeles").endswith("1,462 rows\n")
    copy = cli.run("-d", f"{cli.db.name}-copy", "load", "--create", tmp_path / "all.csv", "--shape", "wide")
    assert "2,924 points written" in copy.stdout
    packed = tmp_path / "packed.csv.gz"
    subprocess.run(f"gzip -c {tmp_path}/all.csv > {packed}", shell=True, check=True)
    assert cli.json("-d", f"{cli.db.name}-copy", "load", packed, "--shape", "wide", "--on-duplicate", "ignore")[0]["ignored"] == 2924


def test_files_of_gdal(cli: Cli, tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    shapely = pytest.importorskip("shapely")
    frame = geopandas.GeoDataFrame({"code": ["d1", "d2"], "name": ["West", None]}, crs="EPSG:25833",
                                   geometry=[shapely.box(390000, 5817000, 393000, 5820000), shapely.box(393000, 5817000, 395000, 5820000)])
    frame.to_file(tmp_path / "districts.gpkg")
    frame.to_file(tmp_path / "districts.shp")
    assert cli.json("load", tmp_path / "districts.gpkg", "--id", "code")[0]["inserted"] == 2
    assert cli.json("load", tmp_path / "districts.shp", "--id", "code")[0]["replaced"] == 2
    west = cli.db.features.get("d1")
    assert west["properties"] == {"name": "West"} and cli.db.features.get("d2")["properties"] == {}
    assert west["geometry"] is not None and west["geometry"]["coordinates"][0][0] == pytest.approx([13.4291, 52.4965], abs=0.01)
    assert "no column 'nr'" in cli.run("load", tmp_path / "districts.shp", "--id", "nr", status=1).stderr


def collection_of(count: int) -> bytes:
    """A FeatureCollection in one line."""
    features = ({"type": "Feature", "id": f"p{n}", "geometry": {"type": "Point", "coordinates": [n % 180, 1]}, "properties": {"n": n}}
                for n in range(count))
    return b'{"type":"FeatureCollection","features":[' + ",".join(map(json.dumps, features)).encode() + b"]}"


def test_standard_input_is_what_it_begins_with_and_is_known_when_it_comes_again(cli: Cli) -> None:
    lines = b"".join(json.dumps({"series_id": "s", "timestamp": n * 10**9, "value": n}).encode() + b"\n" for n in range(20))
    collection = collection_of(30)
    pretty = json.dumps(json.loads(collection), indent=1).encode()
    sequence = b"".join(b"\x1e" + json.dumps(each).encode() + b"\n" for each in json.loads(collection)["features"])
    table = b"timestamp,a\n2026-01-01T00:00Z,1\n"
    for content, rows in ((table, 1), (lines, 20), (b"\xef\xbb\xbf" + collection, 30), (pretty, 30), (sequence, 30)):
        for packed in (content, gzip.compress(content)):
            done = json.loads(cli.run("load", "-", "--json", given=packed).stdout)
            assert done["inserted"] + done["replaced"] + done["ignored"] == rows and done["rejected"] == []
            again = json.loads(cli.run("load", "-", "--json", given=packed).stdout)
            assert again["skipped"] == rows
    assert "points written" in cli.run("load", "-", "--format", "csv", given=b"timestamp,b\n2026-01-01T00:00Z,1\n").stdout
    assert "give --format" in cli.run("load", "-", given=b"\x28\xb5\x2f\xfd...", status=1).stderr
    assert "not packed with gzip" in cli.run("load", "-", given=gzip.compress(collection)[:-20], status=1).stderr


def test_a_collection_in_one_line_is_loaded_packed_in_constant_memory(cli: Cli, tmp_path: Path) -> None:
    used = {}
    for count in (1000, 150_000):
        file = tmp_path / f"{count}.geojson.gz"
        file.write_bytes(gzip.compress(collection_of(count), 1))
        used[count] = memory_of(cli, file)
    assert cli.db.info().features == 150_000
    assert used[150_000] < used[1000] + (16 << 10), used


def test_errors_are_a_line_for_people_and_a_problem_for_programs(cli: Cli, tmp_path: Path) -> None:
    assert cli.run("get", "nothing", status=1).stderr == 'formdb: feature_not_found: there is no feature "nothing"\n'
    problem = json.loads(cli.run("get", "nothing", "--json", status=1).stderr)
    assert (problem["code"], problem["status"]) == ("feature_not_found", 404)
    assert "there is no such file" in cli.run("load", tmp_path / "none.csv", status=1).stderr
    assert "NAME=VALUE" in cli.run("query", "-w", "x", status=2).stderr
    assert "what is to be undone" in cli.run("revert", status=2).stderr
    cli.environment["FORMDB_URL"] = "http://127.0.0.1:1"
    cli.environment["FORMDB_TOKEN"] = "fdb_a-secret-token"
    refused = cli.run("get", "x", status=1)
    assert "refused" in refused.stderr and "secret" not in refused.stderr + refused.stdout


def test_a_journal_that_was_changed_is_noticed(cli: Cli, tmp_path: Path) -> None:
    cli.db.features.put({"type": "Feature", "id": "a", "geometry": None, "properties": {}})
    head = tmp_path / "head.json"
    cli.said("verify", "--head", head)
    kept = json.loads(head.read_text())
    forged = verify.Head(1, bytes(32), kept["log"])
    head.write_text(json.dumps(forged.as_dict()))
    assert "different roots" in cli.run("verify", "--head", head, status=1).stderr
    assert json.loads(cli.run("verify", "--head", head, "--json", status=1).stderr)["code"] == "proof_does_not_hold"
    cli.db.features.put({"type": "Feature", "id": "b", "geometry": None, "properties": {}})
    assert "does not lead to the root" in cli.run("verify", "--head", head, status=1).stderr
    head.write_text(json.dumps({**kept, "log": "0" * 32}))
    assert "two logs" in cli.run("verify", "--head", head, status=1).stderr
    assert json.loads(head.read_text())["log"] == "0" * 32


def test_a_file_that_was_loaded_too_long_ago_is_not_written_twice(cli: Cli, tmp_path: Path) -> None:
    table = table_of(10, tmp_path / "points.csv")
    cli.said("load", table)
    note = next((tmp_path / "state" / "formdb" / "loads").iterdir())
    note.write_text(json.dumps({"began": time.time() - 24 * 3600}))
    assert "--again" in cli.run("load", table, status=1).stderr
    check_whole(cli.db, 10)
    assert "20 points written" in cli.said("load", table, "--again")
    assert cli.db.info().points == 40


def table_of(rows: int, path: Path) -> Path:
    with open(path, "w") as file:
        file.write("timestamp,a,b\n")
        file.writelines(f"{n}000000000,{n},{n % 97}.5\n" for n in range(rows))
    return path


def check_whole(db: formdb.Database, rows: int) -> None:
    """Nothing is lost, and nothing is there twice."""
    for series in ("a", "b"):
        assert db.series.summary(series)["count"] == rows
    assert db.series.summary("a")["sum"] == rows * (rows - 1) / 2
    assert db.info().points == 2 * rows


def test_a_load_that_is_killed_goes_on_when_it_is_run_again(cli: Cli, tmp_path: Path) -> None:
    table = table_of(ROWS, tmp_path / "points.csv")
    midway = 0
    before = 0
    for _ in range(20 * KILLS):
        running = cli.start("load", table)
        # In the midst of it: when it has written something more.
        deadline = time.monotonic() + 60
        while running.poll() is None and time.monotonic() < deadline:
            now = cli.db.info().points
            if now > before and random.random() < 0.5:
                break
            time.sleep(0.005)
        if running.poll() is not None:
            break
        running.kill()
        running.wait()
        before = cli.db.info().points
        midway += 0 < before < 2 * ROWS
        if midway == KILLS:
            break
    result = cli.json("load", table)[0]
    assert result["inserted"] + result["skipped"] == 2 * ROWS  # type: ignore[operator]
    check_whole(cli.db, ROWS)
    assert midway >= 1
    print(f"\nfigures: {ROWS:,} rows loaded through {midway} kills of the client: none lost, none twice")


def test_a_load_and_a_reader_outlive_kills_of_the_server(cli: Cli, server: Server, client: formdb.Client, tmp_path: Path) -> None:
    table = table_of(ROWS, tmp_path / "points.csv")
    running = cli.start("load", table, "--json")
    while cli.db.info().points == 0:
        time.sleep(0.005)
    server.kill()
    threading.Timer(1, server.start).start()
    output, _ = running.communicate(timeout=300)
    assert running.returncode == 0, output
    check_whole(cli.db, ROWS)
    points = cli.db.series.points("a")
    seen = [next(points)["value"] for _ in range(10)]
    server.kill()
    starting = threading.Thread(target=server.start)
    starting.start()
    seen += [point["value"] for point in points]
    starting.join()
    assert seen == [*range(ROWS)]
    print(f"\nfigures: {ROWS:,} rows loaded and read through 2 kills of the server: none lost, none twice")


def test_a_load_is_as_fast_as_curl_and_takes_no_more_memory_for_more(cli: Cli, server: Server, client: formdb.Client, tmp_path: Path) -> None:
    table = table_of(ROWS, tmp_path / "points.csv")
    took: dict[str, list[float]] = {"formdb": [], "curl": []}
    for turn in range(3):
        for way in took:
            db = client.create(f"{cli.db.name}-{way}-{turn}")
            began = time.monotonic()
            if way == "formdb":
                cli.said("-d", db.name, "load", table)
            else:
                subprocess.run(["curl", "-sf", "-o", tmp_path / "answer", f"{server.url}/api/v1/databases/{db.name}/timeseries", "-H",
                                "content-type: text/csv", "-X", "POST", "-T", table], check=True, timeout=300)
            took[way].append(time.monotonic() - began)
            assert db.info().points == 2 * ROWS
            db.purge()
    ours, theirs = min(took["formdb"]), min(took["curl"])
    assert ours < 3 * theirs + 2
    few, many = (memory_of(cli, table_of(rows, tmp_path / f"{rows}.csv")) for rows in (1000, ROWS))
    assert many < few + (16 << 10)
    print(f"\nfigures: formdb load {ROWS / ours:,.0f} rows/s with its start, curl {ROWS / theirs:,.0f} rows/s, of {ROWS:,}; "
          f"{many >> 10} MiB of memory, {few >> 10} for 1,000 rows")


def memory_of(cli: Cli, table: Path) -> int:
    """The most memory that loading a file takes, in KiB."""
    tell = "import atexit, pathlib; atexit.register(lambda: print(pathlib.Path('/proc/self/status').read_text())); "
    command = [COMMAND[0], "-c", tell + COMMAND[2], "load", str(table)]
    done = subprocess.run(command, env=cli.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=True)
    return next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("VmHWM:"))


def test_how_fast_proofs_are_checked(db: formdb.Database) -> None:
    tree = verify.Tree()
    blocks = [b"a block of some bytes %d" % number for number in range(4096)]
    for block in blocks:
        tree.append(verify.leaf_hash(block))
    db.features.put_many([{"type": "Feature", "id": str(n), "geometry": None, "properties": {}} for n in range(1000)])
    head = db.journal.head()
    asked = [(db.journal.inclusion(seq, head), db.journal.block_bytes(seq)) for seq in range(1, 201)]
    began = time.perf_counter()
    for proof, block in asked:
        verify.inclusion(head, proof, block)
    each = (time.perf_counter() - began) / len(asked)
    began = time.perf_counter()
    verify.whole(verify.Head(tree.size, tree.root()), blocks)
    print(f"\nfigures: {1 / each:,.0f} inclusion proofs a second, {len(blocks) / (time.perf_counter() - began):,.0f} blocks hashed into a tree a second")
