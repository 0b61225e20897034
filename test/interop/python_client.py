#!/usr/bin/env python3
"""The Python client: installed from its folder, checked, and tried against servers of its own.

    test/interop/python_client.py [ARGUMENTS OF PYTEST...]

installs clients/python with its extras into a new environment, from the wheels that bin/setup has fetched; runs
mypy --strict over it and its tests; sees that the client without async is what unasync.py makes; and runs
its tests. These start servers (MIX_ENV=prod, built before), and kill them in the midst of loads. They also run the
code of its README and its notebook.
"""

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from clients import PROJECT, fail, say

CLIENT = PROJECT / "clients" / "python"
WHEELS = PROJECT / ".tools" / "wheels"
PATIENCE = 1200


def run(what, *command):
    began = time.monotonic()
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([str(part) for part in command], cwd=CLIENT, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        fail(f"{what}: FAILED\n{done.stdout[-6000:]}")
    last = (done.stdout.strip().splitlines() or [""])[-1]
    say(f"{what}: {last or 'done'} ({time.monotonic() - began:.1f} s)")
    return done.stdout


def main():
    with tempfile.TemporaryDirectory(prefix="formdb-python-") as name:
        folder = Path(name)
        venv.create(folder, with_pip=True)
        python, command = folder / "bin" / "python", folder / "bin" / "formdb"
        run("pip install ./clients/python", python, "-m", "pip", "install", "--quiet", CLIENT)
        # It is there without the extras.
        run("formdb --version", command, "--version")
        run("with its extras", python, "-m", "pip", "install", "--quiet", f"{CLIENT}[pandas,geopandas]", "mypy", "pytest", "trio",
            "matplotlib")
        run("unasync.py --check", python, "unasync.py", "--check")
        run("mypy --strict", python, "-m", "mypy", "--strict", "--cache-dir", folder / "mypy")
        report = run("pytest", python, "-m", "pytest", "-p", "no:cacheprovider", *sys.argv[1:])
        if " passed" not in report or " skipped" in report:
            fail(f"tests of the Python client were passed over\n{report[-2000:]}")
        for line in report.splitlines():
            if line.startswith("figures: "):
                say(line)


if __name__ == "__main__":
    main()
