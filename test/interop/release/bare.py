"""Programs in a bare system: as a user without a name, on a root that nobody can write to."""

import os
import re
import subprocess
from pathlib import Path

from clients import PROJECT, Process

# In a mount namespace of its own, which ends with the program: $1 is the root, then come pairs of folders of
# this machine and where they are inside, up to "--", then the program. $2 are options for /proc.
MOUNTS = r"""
root=$1
proc=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc -o "$proc" proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
while [ "$1" != -- ]; do
  mount --bind "$1" "$root$2"
  shift 2
done
shift
exec chroot "$root" "$@"
"""


class Bare:
    def __init__(self, root, release):
        self.root = root
        self.mounts = {}
        self.proc = "rw"
        self.started = []
        made = subprocess.run([PROJECT / "test/interop/bare_root.sh", release, root], capture_output=True, text=True)
        if made.returncode != 0:
            raise OSError(f"debootstrap: {(made.stdout + made.stderr)[-500:]}")

    def build(self, script):
        """Runs a script of the shell as root, which may write."""
        proxies = {name: os.environ[name] for name in ("http_proxy", "https_proxy") if name in os.environ}
        done = subprocess.run(
            ["chroot", self.root, "/bin/sh", "-euc", script], capture_output=True, text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", **proxies})
        if done.returncode != 0:
            raise OSError(f"{script}: {(done.stdout + done.stderr)[-1000:]}")

    def share(self, outside, inside, user):
        """A folder that programs may write to."""
        outside.mkdir(parents=True, exist_ok=True)
        os.chown(outside, *user)
        (self.root / inside.lstrip("/")).mkdir(parents=True, exist_ok=True)
        self.mounts[inside] = outside

    def command(self, program, user, env):
        """The command of this machine that runs a program inside, with this environment and no more of it."""
        shared = [str(part) for inside, outside in self.mounts.items() for part in (outside, inside)]
        as_user = ["setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups", "--no-new-privs",
                   "--bounding-set=-all", "--inh-caps=-all"]
        pairs = [f"{name}={value}" for name, value in env.items()]
        return ["unshare", "--mount", "sh", "-euc", MOUNTS, "sh", str(self.root), self.proc, *shared, "--",
                *as_user, "env", "-i", "PATH=/usr/bin:/bin", *pairs, *program]

    def run(self, program, user, env, **more):
        """Runs it to its end: its status, standard output and standard error."""
        done = subprocess.run(self.command(program, user, env), capture_output=True, text=True, timeout=120, **more)
        return done.returncode, done.stdout, done.stderr

    def start(self, name, program, user, env, folder, below=()):
        """Starts it, `below` another program of this machine if need be."""
        self.started.append(Process(name, [*below, *self.command(program, user, env)], folder))
        return self.started[-1]

    def end(self):
        """Ends what still runs."""
        for process in self.started:
            if process.running.poll() is None:
                process.kill()


def listening(pid):
    """The TCP ports on which a process listens, with their addresses as the kernel writes them."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        found = re.match(r"socket:\[(\d+)\]", os.readlink(descriptor))
        if found:
            sockets.add(found.group(1))
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                address, port = fields[1].split(":")
                ports.add((address, int(port, 16)))
    return ports
