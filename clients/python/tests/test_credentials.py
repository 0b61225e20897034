"""A server that asks for credentials."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import formdb

from .conftest import PROJECT, Server
from .test_cli import Cli


class Guarded(Server):
    root = reader = ""

    def key(self, name: str, scope: str) -> str:
        done = subprocess.run(["mix", "formdb.keys", "create", name, "--scope", scope], cwd=PROJECT, env=self._environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=True)
        return done.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    keys = folder / "keys.json"
    keys.touch(mode=0o600)
    server = Guarded(folder, FORMDB_API_KEYS_FILE=str(keys))
    server.root = server.key("root", "admin:*")
    server.reader = server.key("reader", "read:air")
    server.start()
    yield server
    server.kill(signal.SIGTERM)


def test_a_credential_says_who_writes_and_what_may_be_done(guarded: Guarded, tmp_path: Path) -> None:
    root, reader = guarded.root, guarded.reader
    with pytest.raises(formdb.Unauthorized) as unknown:
        formdb.Client(guarded.url).databases()
    assert unknown.value.code == "unauthenticated"
    with formdb.Client(guarded.url, token=root) as client:
        db = client.create("air")
        db.features.put({"type": "Feature", "id": "a", "geometry": None, "properties": {}})
        assert db.journal.block(1)["actor"].endswith("root")
        assert "admin:*" in str(client.whoami())
        assert next(db.subscribe(since=0)).seq == 1
    with formdb.Client(guarded.url, token=reader) as client:
        assert client.database("air").features.count() == 1
        with pytest.raises(formdb.Forbidden):
            client.database("air").features.delete("a")
        with pytest.raises(formdb.NotFound):
            client.database("sea").info()

    cli = Cli(guarded, db, tmp_path)
    cli.environment["FORMDB_TOKEN"] = root
    assert cli.said("query", "--count") == "1\n"
    cli.environment["FORMDB_TOKEN"] = reader
    refused = cli.run("revert", "1", "-y", status=1)
    assert "forbidden" in refused.stderr and reader not in refused.stderr
    del cli.environment["FORMDB_TOKEN"]
    config = tmp_path / "config" / "formdb" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[tokens]\n"{guarded.url}" = "{reader}"\n')
    config.chmod(0o600)
    assert cli.said("query", "--count") == "1\n"
