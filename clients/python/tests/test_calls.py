"""What cannot be sent is refused before anything is, and what is no answer of a FormDB server is told as such."""

import asyncio
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

import formdb

COMMAND = [sys.executable, "-c", "from formdb.cli import main; main()"]
PLACE: dict[str, Any] = {"type": "Feature", "id": "a", "geometry": None, "properties": {}}


def answering(content: bytes, status: int = 200, **named: Any) -> formdb.Client:
    return formdb.Client("http://test", transport=httpx.MockTransport(lambda request: httpx.Response(status, content=content)), retry=formdb.NEVER, **named)


def refused(call: Callable[[formdb.Database], Any]) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"seq": 1})

    with pytest.raises(formdb.BadCall):
        call(formdb.Client("http://test", transport=httpx.MockTransport(answer)).database("x"))
    assert sent == []


def test_a_feature_whose_id_is_none_is_one_without_an_id() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path}")
        return httpx.Response(201, json={"seq": 1})

    feature = {**PLACE, "id": None}
    formdb.Client("http://test", transport=httpx.MockTransport(answer)).database("x").features.put(feature)

    async def put() -> None:
        await formdb.AsyncClient("http://test", transport=httpx.MockTransport(answer)).database("x").features.put(feature)

    asyncio.run(put())
    assert seen == ["POST /api/v1/databases/x/features"] * 2


def test_what_json_cannot_hold_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (float("nan"), float("inf"), "\ud800", {1, 2}, b"x", object(), loop, {(1, 2): 3}):
        feature = {**PLACE, "properties": {"value": value}}
        refused(lambda db: db.features.put(feature))
        refused(lambda db: db.features.put_many([feature]))
        refused(lambda db: db.features.patch("a", {"properties": {"value": value}}))
        refused(lambda db: db.features.upload([PLACE, feature]))
        refused(lambda db: db.series.set_attributes("s", {"value": value}))
        refused(lambda db: [*db.as_of(1).features.search(geometry={"type": "Point", "coordinates": [value, 1]})])
    wrong: tuple[Any, ...] = (float("nan"), "\ud800", object(), b"x")
    for value in wrong:
        refused(lambda db: db.features.count(where={"prop.a": value}))


def test_ids_names_and_keys_that_are_none_are_refused_at_once() -> None:
    ids: tuple[Any, ...] = ("", "\ud800", "x" * 1_000_000, -0.0, 1.0, 1e21, True, [], {})
    for id in ids:
        refused(lambda db: db.features.get(id))
        refused(lambda db: db.features.put({**PLACE, "id": id}))
        refused(lambda db: db.series.delete(id))
        refused(lambda db: formdb.Database(db._scope.__class__(db._scope.http, id)).info())
    for key in ("", " ", "a\0", "a\r", "a\n", "ä", "x" * 256):
        refused(lambda db: db.features.put(PLACE, key=key))
        refused(lambda db: db.features.upload([PLACE], key=key))
    for url in ("nonsense", "ftp://x", "http://", "http://x:y"):
        with pytest.raises(formdb.BadCall):
            formdb.Client(url)
    for token in ("secret\n", "sec\0ret", "secrät"):
        with pytest.raises(formdb.BadCall) as wrong:
            formdb.Client("http://test", token=token)
        assert "sec" not in str(wrong.value)


GARBAGE = [b"<html>hi</html>", b'{"a":', b"[]", b"null", b"{}", b"", b"\xff\xfe{}"]


@pytest.mark.parametrize("content", GARBAGE)
def test_an_answer_that_is_none_of_the_servers_is_told_with_the_call_and_what_was_expected(content: bytes) -> None:
    client = answering(content)
    db = client.database("x")
    for call in (lambda: client.create("x"), client.databases, client.version, lambda: client.sign_in("a", "b"), client.whoami, db.info, db.schema,
                 lambda: db.features.get("a"), lambda: db.features.put(PLACE), db.features.count, lambda: [*db.features.history("a")],
                 lambda: [*db.features.search()], lambda: [*db.journal.entries()], db.journal.head, db.journal.verify,
                 lambda: next(iter(db.subscribe())), lambda: db.transaction().__enter__(), lambda: db.journal.revert(1, dry_run=True)):
        with pytest.raises(formdb.BadAnswer, match=r"^(GET|POST|PUT) /\S+ was answered with 200 and .*; expected a JSON object"):
            call()
    if content not in (b"", b"{}"):
        with pytest.raises(formdb.BadAnswer):
            db.features.upload([PLACE])


def test_an_answer_that_is_held_whole_has_a_bound() -> None:
    for status in (200, 400):
        db = answering(b" " * (1 << 20), status, max_answer_bytes=1 << 16).database("x")
        with pytest.raises(formdb.BadAnswer, match="max_answer_bytes"):
            db.info()
        with pytest.raises(formdb.BadAnswer, match="max_answer_bytes"):
            next(iter(db.as_of(1).features.search()))


class Garbage(BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def garbage() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Garbage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run(*words: str, status: int) -> str:
    done = subprocess.run([*COMMAND, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == status and "Traceback" not in done.stderr, done.stdout + done.stderr
    return done.stderr


def test_the_command_tells_garbage_in_one_line(garbage: str) -> None:
    for content in (b"<html>", b"{}", b"null"):
        Garbage.content = content
        for words in (("databases",), ("get", "a"), ("log",), ("query",)):
            said = run(*words, "--url", garbage, "-d", "x", status=1)
            assert said.count("\n") == 1 and "expected" in said


def test_the_command_refuses_what_it_would_pass_over(garbage: str, tmp_path: Path) -> None:
    for words, told in ((("revert", "-p", "x=1"), "-y"), (("revert", "1"), "-y"), (("query", "s", "--bbox", "1,2,3,4"), "--bbox"),
                        (("query", "s", "-w", "prop.a=1"), "--where"), (("query", "s", "--near", "1,2"), "--near"), (("query", "--start", "1"), "--start"),
                        (("query", "--limit", "-1"), "-1"), (("export", "o.xyz"), ".geojson"), (("query", "-d", ""), "empty")):
        assert told in run(*words, "--url", garbage, *(() if "-d" in words else ("-d", "x")), status=2)
    head = tmp_path / "head.json"
    for text in ("garbage", "[]", json.dumps({"tree_size": "x"})):
        head.write_text(text)
        assert str(head) in run("verify", "--head", str(head), "--url", garbage, "-d", "x", status=1)


def test_pipes_are_read_as_standard_input_and_what_is_no_text_is_refused(garbage: str, tmp_path: Path) -> None:
    pipe, noise = tmp_path / "pipe", tmp_path / "noise"
    noise.write_bytes(bytes(range(256)) * 10)
    for content, told in ((b"", "nothing came"), (noise.read_bytes(), "UTF-8")):
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(content,))
        writer.start()
        assert told in run("load", str(pipe), "--url", garbage, "-d", "x", status=1)
        writer.join()
        pipe.unlink()
    assert "nothing came" in run("load", "/dev/null", "--url", garbage, "-d", "x", status=1)


def test_wrong_arguments_are_json_for_programs(garbage: str) -> None:
    for words in (("query", "--limit", "-1", "--json"), ("--json", "query", "--nothing"), ("revert", "1", "-d", "x", "--json")):
        assert json.loads(run(*words, "--url", garbage, status=2))["code"] == "usage"


def test_a_load_that_is_interrupted_says_how_far_it_came_and_how_to_go_on(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("series_id,timestamp,value\n" + "s,2026-01-01T00:00:00Z,1\n" * 100_000)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        words = ["load", str(table), "--url", f"http://127.0.0.1:{silent.getsockname()[1]}", "-d", "x"]
        environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
        # Whoever runs the tests in the background may ignore the signal, and so would the command.
        heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(
            [*COMMAND, *words], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=heed
        ) as loading:
            connection, _ = silent.accept()
            with connection:
                connection.recv(1000)
                loading.send_signal(signal.SIGINT)
                _, said = loading.communicate(timeout=30)
    assert loading.returncode == 130 and "rows were sent" in said and "Run the same command again" in said and "Traceback" not in said
