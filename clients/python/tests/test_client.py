"""The client against a live server."""

import datetime
import io
import json
from pathlib import Path

import pytest

import formdb
from formdb import verify

MITTE: dict[str, object] = {"type": "Feature", "id": "mitte", "geometry": {"type": "Point", "coordinates": [13.42, 52.51]},
                            "properties": {"name": "Mitte", "limit": 40}}


def place(id: str, **properties: object) -> dict[str, object]:
    return {**MITTE, "id": id, "properties": properties}


def test_a_feature_is_written_changed_read_and_deleted(db: formdb.Database) -> None:
    first = db.features.put(MITTE, provenance={"agent": "Ana"})
    assert (first.seq, first.feature_id) == (1, "mitte")
    second = db.features.patch("mitte", {"properties": {"limit": 50}}, if_match=first.hash, provenance={"agent": "Ben"})
    found = db.features.get("mitte")
    assert found["properties"] == {"name": "Mitte", "limit": 50}
    assert found["provenance"] == {"agent": "Ben"}
    assert db.as_of(1).features.get("mitte")["properties"] == MITTE["properties"]
    assert second.time is not None
    assert db.features.get("mitte", as_of=datetime.datetime.fromisoformat(second.time)) == found
    changes = db.features.diff("mitte", 1)["changes"]
    assert {"op": "replace", "path": "/properties/limit", "from": 40, "value": 50} in changes
    assert [entry["seq"] for entry in db.features.history("mitte")] == [1, 2]
    with pytest.raises(formdb.PreconditionFailed):
        db.features.put(MITTE, if_match=first.hash)
    with pytest.raises(formdb.PreconditionFailed):
        db.features.put(MITTE, if_absent=True)
    gone = db.features.delete("mitte")
    with pytest.raises(formdb.NotFound) as refused:
        db.features.get("mitte")
    assert (refused.value.code, refused.value.members["seq"]) == ("feature_not_found", gone.seq)
    made_up = db.features.put({"type": "Feature", "geometry": None, "properties": None})
    assert (made_up.feature_id or "").startswith("feat_")


@pytest.mark.parametrize("id", ["a/b", "100%", "%2F", "a b+c?d#e", "ü😀", "a&b=c", "x" * 250])
def test_ids_are_what_they_are(db: formdb.Database, id: str) -> None:
    db.features.put(place(id))
    assert db.features.get(id)["id"] == id
    db.series.write(id, ["2026-03-01T00:00Z"], [1])
    assert [point["value"] for point in db.series.points(id)] == [1]
    db.features.delete(id)


def test_refusals_are_exceptions_with_what_the_server_says(db: formdb.Database) -> None:
    wrong = {**MITTE, "geometry": {"type": "Point", "coordinates": [13, 95]}}
    with pytest.raises(formdb.BadRequest) as refused:
        db.features.put(wrong)
    error = refused.value
    assert (error.status, error.code, error.pointer) == (400, "invalid_position", "/geometry/coordinates/1")
    assert "95" in error.detail and "95" in str(error) and error.request_id
    assert error.errors[0]["code"] == "invalid_position"
    with pytest.raises(formdb.NotFound) as missing:
        db.features.get("nothing")
    assert missing.value.code == "feature_not_found"
    with pytest.raises(ValueError, match="past cannot be written"):
        db.as_of(0).features.put(MITTE)
    with pytest.raises(ValueError, match="no time zone"):
        db.series.write("s", [datetime.datetime(2026, 3, 1)], [1])


def test_searches(db: formdb.Database) -> None:
    made = [{**place(f"p{n}", mag=n), "geometry": {"type": "Point", "coordinates": [n, n]}} for n in range(80)]
    assert db.features.put_many(made, provenance={"source": "test"}).inserted == 80
    assert [found["id"] for found in db.features.search(bbox=(0, 0, 2.5, 2.5))] == ["p0", "p1", "p2"]
    assert [found["id"] for found in db.features.search(where={"prop.mag": ["gte:5", "lt:7"]})] == ["p5", "p6"]
    square = {"type": "Polygon", "coordinates": [[[0, 0], [3.5, 0], [3.5, 3.5], [0, 3.5], [0, 0]]]}
    assert db.features.count(geometry=square, predicate="within", where={"prop.mag": "gt:1"}) == 2
    assert len([*db.features.search(geometry=square)]) == 4
    near = [*db.features.nearby((10.1, 10.1), k=2)]
    assert [found["id"] for found in near] == ["p10", "p11"] and near[0]["distance"] < near[1]["distance"]
    assert sum(cell["count"] for cell in db.features.heatmap(cell=10)) == 80
    assert db.features.count(feature="p3") == 1
    assert {found["provenance"]["source"] for found in db.features.search(limit=5)} == {"test"}


def test_what_is_read_row_by_row_is_of_one_state(db: formdb.Database) -> None:
    db.features.upload([place(f"p{n}") for n in range(3000)])
    rows = db.features.search()
    assert next(rows)["id"] == "p0"
    db.features.upload([place(f"q{n}") for n in range(3000)])
    assert len([*rows]) == 2999


def test_points(db: formdb.Database) -> None:
    hour = datetime.timedelta(hours=1)
    begin = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    db.series.write("mitte/no2", [begin + n * hour for n in range(4)], [21, 230, 19, 37], provenance={"agent": "logger"})
    db.series.set_attributes("mitte/no2", {"unit": "ug/m3"})
    db.series.write("mitte/no2", [begin + hour], [23], on_duplicate="replace", provenance={"why": "misread"})
    assert [point["value"] for point in db.series.points("mitte/no2")] == [21, 23, 19, 37]
    assert [point["value"] for point in db.series.points("mitte/no2", as_of=1)] == [21, 230, 19, 37]
    assert [point["value"] for point in db.series.points("mitte/*", begin, begin + 2 * hour, value="gt:22")] == [23]
    with_source = [*db.series.points("mitte/no2", include=["seq", "provenance"])]
    assert with_source[1]["provenance"] == {"why": "misread"}
    mean = db.series.aggregate("mitte/no2", "avg")["data"][0]["value"]
    assert mean == 25
    assert db.series.summary("mitte/no2")["max"] == 37
    assert db.series.latest("mitte/no2")["value"] == 37
    assert [each["series_id"] for each in db.series.list(attributes={"unit": "ug/m3"})] == ["mitte/no2"]
    assert db.series.attributes("mitte/no2") == {"unit": "ug/m3"}
    changes = db.series.diff("mitte/no2", 1)
    assert [point["value"] for point in changes["added"]] == [23]
    assert [point["value"] for point in changes["removed"]] == [230]
    replaced = db.series.replace("mitte/no2", begin, begin + 9 * hour, [begin], [1])
    assert (replaced.deleted, replaced.inserted) == (4, 1)
    assert db.series.delete("mitte/no2").deleted == 1
    with pytest.raises(formdb.NotFound):
        db.series.latest("mitte/no2")


def test_a_transaction_is_committed_whole_or_not_at_all(db: formdb.Database) -> None:
    with db.transaction() as txn:
        assert txn.put(MITTE) == "mitte"
        txn.write("mitte/no2", ["2026-03-01T00:00Z"], [21])
        assert txn.features.get("mitte")["id"] == "mitte"
        with pytest.raises(formdb.NotFound):
            db.features.get("mitte")
    assert txn.receipt is not None and (txn.receipt.first_seq, txn.receipt.last_seq) == (1, 2)
    with pytest.raises(RuntimeError, match="mine"), db.transaction() as txn:
        txn.delete("mitte")
        raise RuntimeError("mine")
    assert db.features.count() == 1
    with pytest.raises(formdb.Conflict) as lost, db.transaction() as txn:
        txn.put(place("mitte", limit=1))
        db.features.put(place("mitte", limit=2))
    assert lost.value.code == "conflict"
    assert db.features.get("mitte")["properties"] == {"limit": 2}
    with db.transaction(read_only=True) as txn:
        db.features.put(place("late"))
        assert len([*txn.features.search(bbox=(-180, -90, 180, 90))]) == 1


def test_uploads_say_what_was_left_out_and_happen_once(db: formdb.Database, tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("timestamp,a,b\n2026-03-01T00:00Z,1,NA\n2026-03-01T01:00Z,x,2\n2026-03-01T02:00Z,3,4\n")
    told: list[formdb.Progress] = []
    first = db.series.upload(file, missing=["NA"], provenance={"import": "march"}, key="k1", progress=told.append)
    assert (first.inserted, first.missing) == (3, 1)
    assert [(row["line"], row["code"], row["pointer"]) for row in first.rejected] == [(3, "invalid_value", "/a")]
    assert told[-1].sent_bytes == told[-1].total_bytes == file.stat().st_size and told[-1].rows == 4
    again = db.series.upload(file, missing=["NA"], provenance={"import": "march"}, key="k1")
    assert (again.inserted, again.skipped) == (0, 3)
    with pytest.raises(formdb.ApiError) as reused:
        db.series.upload([{"series_id": "a", "timestamp": "2026-03-01T09:00Z", "value": 1}], key="k1")
    assert reused.value.code == "idempotency_key_reused"
    with pytest.raises(formdb.ApiError) as stopped:
        db.series.upload(file, on_error="stop")
    assert stopped.value.code == "invalid_value"
    undone = db.journal.revert(filter={"provenance": {"import": "march"}}, provenance={"why": "test"})
    assert undone.reverted == first.blocks
    assert [*db.series.points("*")] == []


def test_files_go_up_and_come_down(db: formdb.Database, client: formdb.Client, tmp_path: Path) -> None:
    collection = tmp_path / "places.geojson"
    collection.write_text(json.dumps({"type": "FeatureCollection", "features": [place(f"p{n}", n=n) for n in range(500)]}, indent=1))
    assert db.features.upload(collection).inserted == 500
    for name in ("out.geojson", "out.ndjson", "out.geojsons"):
        file = tmp_path / name
        assert db.features.download(file) == 500
        copy = client.create(name.replace(".", "-"))
        assert copy.features.upload(file).inserted == 500
        assert [*copy.features.search()] == [*db.features.search()]
        copy.purge()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    db.series.upload(lambda: ({"series_id": "s", "timestamp": n * 10**9, "value": n} for n in range(5000)))
    assert db.series.download(tmp_path / "s.csv") == 5000
    buffer = io.BytesIO()
    assert db.series.download(buffer, "s", form="ndjson") == 5000
    assert json.loads(buffer.getvalue().splitlines()[7])["value"] == 7


def test_the_journal_is_undone_and_proved(db: formdb.Database, tmp_path: Path) -> None:
    db.features.put(MITTE, provenance={"agent": "Ana"})
    db.features.put(place("wedding"))
    kept = db.journal.head()
    db.features.patch("mitte", {"properties": {"limit": 5}})
    with pytest.raises(formdb.Conflict) as blocked:
        db.journal.revert(1)
    assert blocked.value.code == "cannot_revert" and blocked.value.errors[0]["by"] == 3
    assert db.journal.revert(3, dry_run=True).operations[0]["reverts"] == 3
    assert db.journal.revert(3).reverted == 1
    assert db.journal.restore(3).seq == 5
    assert [entry["seq"] for entry in db.journal.entries(feature="mitte", order="desc", limit=2, bodies=False)] == [5, 4]
    assert [entry["seq"] for entry in db.journal.entries(provenance={"agent": "Ana"}, type="put_feature")][0] == 1
    head = db.journal.verify(kept, [1, 2])
    assert (kept.size, head.size) == (2, 5) and head.log == db.info().log
    verify.whole(head, (db.journal.block_bytes(seq) for seq in range(1, 6)))
    assert db.journal.block(1)["hash"] == verify.leaf_hash(db.journal.block_bytes(1)).hex()
    with pytest.raises(verify.ProofError):
        db.journal.verify(verify.Head(2, bytes(32)))
    with pytest.raises(verify.ProofError):
        db.journal.verify(verify.Head(9, bytes(32)))
    kept_head = verify.KeptHead(tmp_path / "head.json")
    assert kept_head.advance(kept, None) is None
    assert kept_head.advance(head, db.journal.consistency(kept, head)) == kept


def test_the_same_with_async_and_await(server: object, client: formdb.Client) -> None:
    import anyio

    async def work() -> None:
        async with formdb.AsyncClient(client.url) as other:
            db = await other.create("with-async")
            assert (await db.features.put(MITTE)).seq == 1
            assert [found["id"] async for found in db.features.search()] == ["mitte"]
            assert (await db.features.upload([place(f"p{n}") for n in range(2000)])).inserted == 2000
            async with db.transaction() as txn:
                await txn.put(place("mitte", limit=9))
            assert (await db.features.get("mitte"))["properties"] == {"limit": 9}
            assert (await db.journal.verify(None, [1])).size == 2002
            async with anyio.create_task_group() as tasks:
                for n in range(50):
                    tasks.start_soon(db.features.get, f"p{n}")
            await db.purge()

    for backend in ("asyncio", "trio"):
        anyio.run(work, backend=backend)


def test_tables_of_pandas_and_geopandas(db: formdb.Database) -> None:
    pandas = pytest.importorskip("pandas")
    geopandas = pytest.importorskip("geopandas")
    times = pandas.date_range("2026-03-01", periods=48, freq="h", tz="Europe/Berlin")
    frame = pandas.DataFrame({"mitte/no2": range(48), "wedding, west": [None, *map(float, range(47))]}, index=times)
    assert db.series.from_dataframe(frame).inserted == 95
    back = db.series.to_dataframe(tz="Europe/Berlin")
    pandas.testing.assert_frame_equal(back, frame.astype(float), check_names=False, check_freq=False, check_index_type=False)
    one = db.series.to_dataframe("mitte/no2", "2026-03-01T00:00Z")
    assert [*one.columns] == ["mitte/no2"] and len(one) == 47
    db.features.put_many([place("a", n=1), {**place("b", m="x"), "geometry": None}])
    places = db.features.to_geodataframe()
    assert [*places.index] == ["a", "b"] and places.crs == "EPSG:4326" and places.geometry["b"] is None
    assert places["n"]["a"] == 1 and places["m"]["b"] == "x"
    places.loc["a", "n"] = 2
    assert db.features.from_geodataframe(places[["geometry", "n"]].to_crs("EPSG:3857")).replaced == 2
    moved = db.features.get("a")
    assert moved["properties"] == {"n": 2} and moved["geometry"] is not None
    assert moved["geometry"]["coordinates"] == pytest.approx([13.42, 52.51])
    assert len(db.features.to_geodataframe(where={"prop.n": 99})) == 0
    assert isinstance(db.features.to_geodataframe(where={"prop.n": 99}), geopandas.GeoDataFrame)
