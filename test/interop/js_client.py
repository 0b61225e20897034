#!/usr/bin/env python3
"""The JavaScript client: checked, and tried against servers of its own.

    test/interop/js_client.py [ARGUMENTS OF NODE'S TEST RUNNER...]

runs the tests of clients/js with what bin/setup has fetched for them: that its types are what the server says and
dist is made of src (tsc --strict), that it installs from its folder, the code of its README, and its work against
servers (MIX_ENV=prod, built before) that are killed in the midst of uploads, downloads and subscriptions, on Node and
in headless Chromium.
"""

import os
import re
import subprocess
import sys
import time

from clients import PROJECT, fail, say

CLIENT = PROJECT / "clients" / "js"
PATIENCE = 1800


def main():
    began = time.monotonic()
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    tests = sorted(str(path.relative_to(CLIENT)) for path in (CLIENT / "test").glob("*.test.mjs"))
    # One after the other: each has a server.
    command = ["node", "--test", "--test-concurrency=1", "--test-reporter=tap", *sys.argv[1:], *tests]
    done = subprocess.run(command, cwd=CLIENT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=PATIENCE)
    counts = {name: int(count) for name, count in re.findall(r"^# (pass|fail|cancelled|skipped|todo) (\d+)$", done.stdout, re.M)}
    if done.returncode != 0 or counts.pop("pass", 0) == 0 or any(counts.values()):
        failed = re.findall(r"^not ok .*?^  \.\.\.$", done.stdout, re.M | re.S) or [done.stdout[-4000:]]
        fail("\n".join([f"the JavaScript client: FAILED {counts}", *failed]))
    for line in re.findall(r"figures: .*", done.stdout):
        say(line)
    say(f"the JavaScript client: {done.stdout.count(chr(10) + 'ok ')} tests passed ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
