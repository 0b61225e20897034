"""The code of the README and the notebook, run as a reader would, on a server without data."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import formdb

from .conftest import PROJECT, Server

HERE = Path(__file__).resolve().parents[1]
SHOWN = "http://127.0.0.1:4000"


@pytest.fixture
def folder(tmp_path: Path, client: formdb.Client) -> Path:
    """As the folder of the project is, with an empty server."""
    for database in client.databases():
        client.database(database.id).purge()
    (tmp_path / "priv").symlink_to(PROJECT / "priv")
    return tmp_path


def run(code: str, folder: Path, server: Server) -> str:
    environment = {**os.environ, "MPLBACKEND": "Agg", "FORMDB_URL": server.url}
    done = subprocess.run([sys.executable, "-c", code.replace(SHOWN, server.url)], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_prints_what_it_shows(folder: Path, server: Server) -> None:
    pytest.importorskip("geopandas")
    text = (HERE / "README.md").read_text()
    fences = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    code = "".join(content for kind, content in fences if kind == "python")
    shown = "".join(content for kind, content in fences if kind == "text")
    assert code.count("import formdb") == 1 and shown
    printed = run(code, folder, server)
    assert [line.rstrip() for line in printed.splitlines()] == [line.rstrip() for line in shown.splitlines()]


def test_the_notebook_of_twenty_lines(folder: Path, server: Server) -> None:
    pytest.importorskip("geopandas")
    pytest.importorskip("matplotlib")
    notebook = json.loads((HERE / "examples" / "audit.ipynb").read_text())
    lines = [line.rstrip("\n") for cell in notebook["cells"] if cell["cell_type"] == "code" for line in cell["source"]]
    assert len(lines) == 20
    printed = run("\n".join(lines), folder, server).splitlines()
    assert printed[0] == "1707 earthquakes, 0 rejected"
    assert re.fullmatch(r"\w+ was 6\.\d+ and is 6\.1", printed[1])
    assert "recomputed" in printed[2] and "usgs 2019" in printed[2]
    assert re.fullmatch(r"proved: 1708 blocks, root [0-9a-f]{16}", printed[3])
    assert (folder / "quakes.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "auditor.json").read_text())["tree_size"] == 1708
