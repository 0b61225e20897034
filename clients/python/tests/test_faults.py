"""What goes wrong on the way, and what must not: lost connections, secrets, files that are not what they should be."""

import gzip
import io
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import formdb
from formdb import _config, _source

QUICK = formdb.Retry(seconds=5, first=0.001, longest=0.01)


def client(answer: Callable[[httpx.Request], httpx.Response], retry: formdb.Retry = QUICK, **named: Any) -> formdb.Client:
    return formdb.Client("http://test", transport=httpx.MockTransport(answer), retry=retry, **named)


def problem(status: int, code: str, **fields: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "a test", "status": status}, headers=fields)


def test_a_write_is_sent_again_with_the_same_key_and_body() -> None:
    seen: list[tuple[str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["idempotency-key"], request.read()))
        match len(seen):
            case 1:
                raise httpx.ReadError("cut off")
            case 2:
                return problem(503, "busy", **{"retry-after": "0"})
            case 3:
                return problem(504, "write_timeout")
            case 4:
                return httpx.Response(502, text="<html>a proxy</html>")
        return httpx.Response(201, json={"feature_id": "a", "seq": 1})

    db = client(answer).database("x")
    assert db.features.put({"type": "Feature", "id": "a", "geometry": None, "properties": {}}).seq == 1
    assert len(seen) == 5 and len(set(seen)) == 1
    db.features.put({"type": "Feature", "id": "a", "geometry": None, "properties": {}})
    assert len({key for key, _body in seen}) == 2


@pytest.mark.parametrize("code, status", [("query_timeout", 504), ("invalid_json", 400), ("database_read_only", 503), ("conflict", 409),
                                          ("internal_error", 500)])
def test_what_will_be_the_same_a_moment_later_is_not_sent_again(code: str, status: int) -> None:
    calls = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return problem(status, code)

    with pytest.raises(formdb.ApiError) as refused:
        client(answer).database("x").info()
    assert (refused.value.code, len(calls)) == (code, 1)


def test_a_pause_that_is_too_long_is_not_waited_for() -> None:
    began = time.monotonic()
    with pytest.raises(formdb.TooManyRequests) as refused:
        client(lambda request: problem(429, "too_many_attempts", **{"retry-after": "60"})).database("x").info()
    assert refused.value.retry_after == 60 and time.monotonic() - began < 2


def test_what_may_not_be_done_twice_is_not_sent_twice() -> None:
    calls = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ReadError("cut off")

    with pytest.raises(formdb.ConnectionFailed):
        client(answer).database("x").purge()
    assert len(calls) == 1
    with pytest.raises(formdb.ConnectionFailed, match="attempts"):
        client(answer, formdb.Retry(seconds=0.1, first=0.01)).database("x").info()
    assert len(calls) > 3


def test_an_answer_that_is_cut_off_goes_on_where_it_was() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/databases/x":
            return httpx.Response(200, json={"id": "x", "status": "open", "seq": 7})
        asked.append(request.url.params["as_of"])

        def body() -> Iterator[bytes]:
            text = b"".join(b'{"id":%d}\n' % n for n in range(100))
            end = (50, 333, len(text))[len(asked) - 1]
            for place in range(0, end, 7):
                yield text[place:min(place + 7, end)]
            if end < len(text):
                raise httpx.RemoteProtocolError("cut off")

        return httpx.Response(200, content=body())

    found = [each["id"] for each in client(answer).database("x").features.search()]
    assert found == [*range(100)] and asked == ["7", "7", "7"]


def test_an_upload_whose_answer_is_lost_is_sent_once_more_from_its_beginning() -> None:
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        match len(bodies):
            case 1:
                raise httpx.WriteError("cut off")
            case 2:
                return httpx.Response(200, content=b'{"inserted":1,"last_seq":1}\n')
            case 3:
                return httpx.Response(200, json={"done": False, "inserted": 1, "error": {"status": 503, "code": "busy"}})
        return httpx.Response(200, json={"done": True, "inserted": 1, "skipped": 1})

    db = client(answer).database("x")
    assert db.features.upload([{"id": 1}, {"id": 2}]).skipped == 1
    assert bodies == [b'{"id":1}\n{"id":2}\n'] * 4
    bodies.clear()
    once = ({"id": n} for n in range(2))
    with pytest.raises(formdb.NotReplayable):
        db.features.upload(once)
    bodies.append(b"")
    with pytest.raises(formdb.UploadFailed) as failed:
        client(answer, formdb.NEVER).database("x").features.upload([{"id": 1}])
    assert failed.value.written.inserted == 1


class Failing(httpx.BaseTransport):
    """Cuts each request off, one piece further on than the one before."""

    turns = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # Longer than all pauses together may be, each time.
        time.sleep(0.06)
        assert isinstance(request.stream, httpx.SyncByteStream)
        body = iter(request.stream)
        for _ in range(self.turns + 2):
            if next(body, None) is None:
                return httpx.Response(200, json={"done": True, "inserted": 8})
        self.turns += 1
        raise httpx.WriteError("cut off")


def test_an_upload_that_comes_further_each_time_outlives_any_number_of_failures() -> None:
    failing = Failing()
    retry = formdb.Retry(seconds=0.1, first=0.001, longest=0.001)
    db = formdb.Client("http://test", transport=failing, retry=retry).database("x")
    assert db.features.upload([{"n": n, "text": "x" * (1 << 18)} for n in range(8)]).inserted == 8
    assert failing.turns > 5


def test_an_id_never_leads_to_another_call() -> None:
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.partition(b"?")[0])
        return problem(404, "feature_not_found")

    db = client(answer).database("x")
    for call, path in ((db.features.delete, "features"), (db.series.delete, "timeseries"), (db.journal.block, "blocks")):
        for id, encoded in (("..", "%2E%2E"), (".", "%2E"), ("a/../..", "a%2F..%2F.."), ("?purge=true", "%3Fpurge%3Dtrue"), ("...", "...")):
            with pytest.raises(formdb.NotFound):
                call(id)
            assert seen.pop() == f"/api/v1/databases/x/{path}/{encoded}".encode()
        with pytest.raises(ValueError, match="at least one character"):
            call("")
    with pytest.raises(formdb.NotFound):
        client(answer).database("../..").purge()
    assert seen == [b"/api/v1/databases/..%2F.."]


def events(*told: tuple[int, int]) -> bytes:
    return b"retry: 1000\nid: 0\n\n: heartbeat\n\n" + b"".join(
        b"id: %d\nevent: journal_event\ndata: " % seq + json.dumps({"seq": seq, "after": after, "hash": f"h{seq}"}).encode() + b"\n\n" for seq, after in told)


def test_an_event_that_does_not_follow_on_the_last_one_is_asked_for_again() -> None:
    asked: list[tuple[str, str | None]] = []
    streams = [events((1, 0), (2, 1), (4, 3)), events((3, 2), (3, 2)), events((4, 3), (5, 4))]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/databases/x":
            return httpx.Response(200, json={"log": "l", "durable_seq": 0})
        asked.append((request.url.params["since"], request.url.params.get("hash")))
        return httpx.Response(200, content=streams[min(len(asked), len(streams)) - 1])

    assert [event.seq for event in itertools.islice(client(answer).database("x").subscribe(), 5)] == [1, 2, 3, 4, 5]
    assert asked == [("0", None), ("2", "h2"), ("3", "h3")]
    streams[:] = [events((3, 2))]
    with pytest.raises(formdb.FormDBError, match="block 3 after 2"):
        next(client(answer).database("x").subscribe(since=0))


def test_a_token_is_sent_and_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "fdb_a-secret-token"
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return problem(401, "invalid_token")

    made = client(answer, token=secret)
    with pytest.raises(formdb.Unauthorized) as refused:
        made.database("x").info()
    assert seen[0].headers["authorization"] == f"Bearer {secret}"
    found = _config.settings("http://test", secret)
    for shown in (repr(made), repr(refused.value), str(refused.value), repr(seen[0].headers), repr(found), repr(found.token), str(found),
                  repr(vars(made)), repr(vars(made._http)), repr(made._http.client.auth)):
        assert secret not in shown


def test_settings_come_from_arguments_the_environment_and_a_file_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    monkeypatch.setenv("FORMDB_CONFIG", str(file))
    assert _config.settings().url == "http://127.0.0.1:4000"
    file.write_text('url = "https://a.example/db/"\ndatabase = "air"\n[tokens]\n"https://a.example/db" = "t1"\n')
    with pytest.raises(formdb.ConfigError, match="chmod 600"):
        _config.settings()
    os.chmod(file, 0o600)
    assert _config.settings() == _config.Settings("https://a.example/db", _config.Secret("t1"), "air")
    # What the file has for one server is no other's.
    assert _config.settings("https://b.example").token is None
    monkeypatch.setenv("FORMDB_TOKEN", "t2")
    monkeypatch.setenv("FORMDB_URL", "https://c.example")
    assert _config.settings() == _config.Settings("https://c.example", _config.Secret("t2"), "air")
    assert _config.settings("https://d.example", "t3", "sea").token == "t3"
    file.write_text("url = ")
    with pytest.raises(formdb.ConfigError):
        _config.settings()


def features(text: str) -> list[Any]:
    return [json.loads(line) for line in _source.features_of(io.BytesIO(text.encode()), "a file")]


def test_a_collection_is_read_feature_by_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [{"type": "Feature", "id": n, "geometry": None, "properties": {"t": 'ä"]}{[\\n' * (n % 7), "n": [1.50, {"a": -1e3}]}} for n in range(50)]
    document = {"type": "FeatureCollection", "name": "x", "bbox": [1, 2, 3, 4], "features": made, "n": 12, "last": "y"}
    for indent in (None, 1):
        text = json.dumps(document, indent=indent, ensure_ascii=False)
        for size in (1, 7, 64, 1 << 18):
            monkeypatch.setattr(_source, "CHUNK_BYTES", size)
            assert features("\ufeff" + text) == made
    assert features(json.dumps(made[3])) == [made[3]]
    assert features('{"type":"FeatureCollection","features":[]}') == []
    # The digits are those of the file.
    assert [*_source.features_of(io.BytesIO(b'{"features":[{"n":1.50,\n"m":2}]}'), "x")] == [b'{"n":1.50, "m":2}']


@pytest.mark.parametrize("text", ['[1]', '{"features":[{"a":1}', '{"features":[{"a":1} {"b":2}]}', '{"features":[{"a":1}]} x', "{'a':1}", "", '{"features":5}',
                                  '{"type":"FeatureCollection"}', '{"features":[{"a":}]}', "\udcff"])
def test_what_is_no_collection_is_refused(text: str) -> None:
    with pytest.raises(formdb.BadSource):
        [*_source.features_of(io.BytesIO(text.encode(errors="surrogateescape")), "a file")]


def test_coordinates_in_another_system_are_refused_before_anything_is_sent() -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::25833"}}
    with pytest.raises(formdb.BadSource, match="25833"):
        features(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [{}]}))
    crs["properties"] = {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}
    assert features(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [{}]})) == [{}]


def test_a_packed_collection_is_read_as_one(tmp_path: Path) -> None:
    file = tmp_path / "a.geojson.gz"
    whole = gzip.compress(b'{"type":"FeatureCollection","features":[{"a":1},{"b":2}]}')
    file.write_bytes(whole)
    assert b"".join(_source.file_source(file).chunks()) == b'{"a":1}\n{"b":2}\n'
    for wrong in (whole[:-9], whole[:20] + b"xxxx" + whole[24:], b"{}"):
        file.write_bytes(wrong)
        with pytest.raises(formdb.BadSource, match="gzip"):
            [*_source.file_source(file).chunks()]
    with pytest.raises(formdb.BadSource, match="zstd"):
        _source.file_source(tmp_path / "a.geojson.zst")


def test_a_header_stands_in_place_of_the_first_line(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Zeit,x\n1,2\n")
    source = _source.file_source(file, header="timestamp,a/b")
    body = b"".join(source.chunks())
    assert body == b"timestamp,a/b\n1,2\n" and source.size == len(body)
    with pytest.raises(formdb.BadSource, match="name does not say"):
        _source.file_source(tmp_path / "a.xyz")
