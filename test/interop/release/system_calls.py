"""What a program asks of the kernel, held against what a unit of systemd allows."""

import re
import subprocess


def expand(name):
    """The calls in a set of systemd's, such as @system-service."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    members = re.findall(r"^ +([@\w-]+)$", listed.stdout, re.M)
    return set().union(*(expand(member) for member in members if member != name))


def allowed(unit):
    """What the lines SystemCallFilter of a unit allow."""
    calls = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        named = set().union(*(expand(name) for name in line.lstrip("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def traced(path, program):
    """The calls in a trace of strace, from the start of the program on."""
    calls, begun = set(), False
    with open(path, errors="replace") as trace:
        for line in trace:
            begun = begun or f'execve("{program}"' in line
            found = re.match(r"\d+ +(\w+)\(", line)
            if begun and found:
                calls.add(found.group(1))
    return calls
