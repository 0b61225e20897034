#!/usr/bin/env python3
"""The pages of docs/howto and docs/TRUST.md against pandas, shapely and a verifier of proofs.

    test/interop/book.py [PAGE...]

starts a server (MIX_ENV=prod, built before) and goes through the pages, each on a server without data: all
commands of its `console` fences, its `python` fences as they stand, and its `sh` fences that a `text` fence
follows. What the last two print has to be what the page shows. (What `curl` prints is the matter of the
tests that `make test` runs, and so are programs that serve, which are `py` fences.)

Then every figure in an answer to a question is held against what pandas, shapely and PROJ work out from the
same data (book/figures.py). A page that shows a figure without such a check fails, and so does every check
that does not notice when a figure of its page is altered: each is, one at a time.

At last docs/howto/verify_proof.py is given true proofs of the server, and altered ones.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import clients
from clients import PROJECT, Peer, expect, fail, say

TOOLS = PROJECT / ".tools" / "pandas"
sys.path.insert(0, str(TOOLS))
sys.path.insert(0, str(PROJECT / "test" / "interop" / "book"))
import figures  # noqa: E402
import pages  # noqa: E402
import proofs  # noqa: E402

SHOWN = "127.0.0.1:4000"
SETTINGS = {"FORMDB_PORT": "0"}


def purge(peer):
    for database in json.loads(peer.call("GET", "/api/v1/databases")[2])["databases"]:
        expect("purge", peer.call("DELETE", f"/api/v1/databases/{database['id']}?purge=true")[0], 200)


def folder_of(page, folder):
    """Pages are read in the folder of the project."""
    here = folder / page.path.stem
    here.mkdir()
    for name in ("docs", "priv"):
        (here / name).symlink_to(PROJECT / name)
    (here / ".curlrc").write_text("silent\nshow-error\n")
    return here


def run(step, here, address, before, made_up):
    """What a step of a page prints."""
    code = step.code.replace(SHOWN, address)
    for shown, came in made_up.items():
        code = code.replace(shown, came)
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    environment |= {"CURL_HOME": str(here), "PYTHONPATH": str(TOOLS)}
    if step.kind == "python":
        command = [sys.executable, "-c", code]
    else:
        command = ["bash", "-euo", "pipefail", "-c", "\n".join([*before, code])]
    done = subprocess.run(command, cwd=here, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120)
    if done.returncode != 0:
        fail(f"{step.place} ended with {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout.replace(address, SHOWN)


def follow(page, folder, address):
    """Does what a page shows, in its order; how many steps it has."""
    here, before, made_up = folder_of(page, folder), [], {}
    for step in page.steps:
        if step.variable:
            code = step.code
            for shown, came in made_up.items():
                code = code.replace(shown, came)
            before.append(code.replace(SHOWN, address))
            continue
        output = run(step, here, address, before, made_up)
        if step.kind == "console":
            # Ids, hashes and times stand for those that came in their place.
            made_up.update(zip(pages.MADE_UP.findall(step.shown), pages.MADE_UP.findall(output)))
        elif step.shown is not None:
            tidy = [[line.rstrip() for line in text.strip().splitlines()] for text in (step.shown, output)]
            expect(f"{step.place} prints", tidy[1], tidy[0])
    return len(page.steps)


def main():
    began = time.monotonic()
    wanted = [Path(name).resolve() for name in sys.argv[1:]]
    book = [page for page in pages.read() if not wanted or page.path.resolve() in wanted]
    folder = Path(tempfile.mkdtemp(prefix="formdb-book-"))
    clients.SERVER_SETTINGS = SETTINGS
    server, port = clients.start_server(folder)
    passed = 0
    try:
        peer = Peer(port, "")
        for page in book:
            purge(peer)
            steps = follow(page, folder, f"127.0.0.1:{port}")
            checked, altered = figures.check(page)
            say(f"{page.name}: {steps} steps done, {checked} figures are those of other programs, "
                f"{altered} altered ones were noticed")
            passed += steps + checked + altered
        purge(peer)
        count, refused = proofs.check(peer, folder)
        say(f"verify_proof.py took {count} proofs that are true, and refused {refused} that are not")
        passed += count + refused
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    say(f"{passed} passed, 0 failed, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
