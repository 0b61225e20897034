"""A server of the tests' own, on a port that the system gives, which can be killed and started again."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import formdb

PROJECT = Path(os.environ.get("SERVER_FOLDER") or Path(__file__).resolve().parents[3])
PATIENCE = 180.0
# Mix needs the home that it was set up in; the client gets another.
HOME = os.environ.get("HOME", "/root")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Server:
    """`mix formdb.server` of a production build."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._environment = {**os.environ, "HOME": HOME, "MIX_ENV": "prod", "ELIXIR_ERL_OPTIONS": "+fnu +Bi", "FORMDB_PORT": str(self.port),
                             "FORMDB_DATA_DIR": str(folder / "data"), **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self._folder / "server.log"
        with open(log, "ab") as output:
            self._process = subprocess.Popen(["mix", "formdb.server"], cwd=PROJECT, env=self._environment, stdin=subprocess.DEVNULL,
                                             stdout=output, stderr=output, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/health/ready", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"the server does not start: {log.read_text()[-2000:]}")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends it at once, as the loss of its machine would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            self._process.wait(PATIENCE)
            self._process = None


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No proxy, credential or file of whoever runs the tests."""
    for name in [*os.environ]:
        if name.lower().endswith("_proxy") or name.startswith("FORMDB_"):
            del os.environ[name]
    home = tmp_path_factory.mktemp("home")
    os.environ |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("server"))
    started.start()
    yield started
    started.kill(signal.SIGTERM)


_names = itertools.count()


@pytest.fixture
def client(server: Server) -> Iterator[formdb.Client]:
    with formdb.Client(server.url) as made:
        yield made


@pytest.fixture
def db(client: formdb.Client) -> formdb.Database:
    return client.create(f"test-{next(_names)}")
