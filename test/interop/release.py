#!/usr/bin/env python3
"""The release on a bare Debian, which has neither Elixir nor Rust.

    test/interop/release.py

makes the release as the first stage of deploy/container/Containerfile says, of no more than what .dockerignore
leaves of the project, but on this machine, with its Elixir, its Rust and what it has fetched and compiled already.
Then it makes a bare system of this machine's Debian. There it does what the last stage says, and runs what is in
the image: as its user, who has no name and no home, on a root that nobody can write to. It starts, is asked, is
killed, starts again, and every command is tried. Then it runs as deploy/systemd/formdb.service says, which
systemd's own programs check, and its calls of the kernel are held against those that the unit allows. No engine of
containers and no systemd takes part: the rest of what the unit forbids is not tried here.

Needs root, debootstrap, strace and systemd-analyze. Everything listens on loopback, and ends with this program.
"""

import json
import os
import pty
import re
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clients import PROJECT, Peer, expect, fail, free_port, say

sys.path.insert(0, str(PROJECT / "test" / "interop" / "release"))
from bare import Bare, listening  # noqa: E402
from containerfile import Stage  # noqa: E402
from context import copy, unwanted  # noqa: E402
from system_calls import allowed, traced  # noqa: E402

LOOPBACK = "0100007F"
SPACES = "/opt/form db/release 1"
UNIT = "deploy/systemd/formdb.service"
FEATURE = {"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [7, 46]}, "properties": {}}
# Exposure by `systemd-analyze security`, in tenths; 14 is what the unit has.
EXPOSURE = 20


# In the place of the project, whose files Cargo has compiled: $1 is the context, $2 the project, then come folders
# that the builder would fill by itself, up to "--", then the step.
BUILDER = r"""
context=$1
project=$2
shift 2
while [ "$1" != -- ]; do
  mkdir -p "$context/$1"
  mount --bind "$project/$1" "$context/$1"
  shift
done
mount --rbind "$context" "$project"
cd "$project"
exec bash -euc "$2"
"""


def build(stage, context):
    """Does the builder's first step; the archive, and how large `mix release` says that it is."""
    expect("release: what git ignores and the builder of the image gets", unwanted(PROJECT), [])
    copy(PROJECT, context)
    filled = [name for name in ("debian_libs", "deps", "native_rust/target") if (PROJECT / name).exists()]
    made = subprocess.run(["unshare", "--mount", "bash", "-euc", BUILDER, "bash", context, PROJECT, *filled, "--", stage.builder[0]],
                          capture_output=True, text=True)
    found = re.search(r"^(\S+\.tar\.gz): ([\d.]+ MiB)$", made.stdout, re.M)
    if made.returncode != 0 or not found:
        fail(f"release: {stage.builder[0]} failed: {(made.stdout + made.stderr)[-2000:]}")
    return context / found.group(1), found.group(2)


def unpack(archive, folder):
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-xzf", archive, "-C", folder, "--strip-components=1"], check=True)


class Release:
    """The release inside, as one user with one environment."""

    def __init__(self, bare, program, user, env, folder):
        self.bare, self.program, self.user, self.folder = bare, program, user, folder
        self.port = free_port()
        self.env = {**env, "FORMDB_HOST": "127.0.0.1", "FORMDB_PORT": str(self.port), "FORMDB_DRAIN_TIMEOUT_MS": "1000"}
        self.process = None

    def start(self, command=None, below=(), **settings):
        """Starts the server; seconds until it answers."""
        began = time.monotonic()
        self.process = self.bare.start(
            "release", command or [*self.program, "start"], self.user, {**self.env, **settings}, self.folder, below)
        self.process.wait_for(self.answers)
        took = time.monotonic() - began
        self.process.wait_for(lambda: f"listening on http://127.0.0.1:{self.port}" in self.process.output())
        return took

    def answers(self):
        try:
            return Peer(self.port, "").call("GET", "/health")[0] == 200
        except OSError:
            return False

    def ask(self, method, path, body=None, status=200, headers=None):
        def asked():
            found, _fields, content = Peer(self.port, "/api/v1/databases").call(method, path, body, headers)
            # It listens before all databases are open.
            return None if found == 503 and b'"database_opening"' in content else (found, content)

        found, content = self.process.wait_for(asked)
        expect(f"release: {method} {path}", (found, content if found != status else b""), (status, b""))
        return json.loads(content)

    def run(self, *arguments, status=0, settings=None, **more):
        """A command; what it prints on both outputs."""
        found, out, err = self.bare.run(
            [*self.program, *arguments], self.user, {**self.env, **(settings or {})}, **more)
        if found != status:
            fail(f"release: {arguments} ended with status {found}, expected {status}: {out}{err}")
        return out + err

    def says(self, sentence, *arguments, status=0, settings=None, **more):
        said = self.run(*arguments, status=status, settings=settings, **more)
        if not re.search(sentence, said):
            fail(f"release: {arguments} says {said!r}, expected {sentence!r}")
        return said

    def ended(self, status):
        expect("release: the server's exit status", self.process.running.wait(30), status)


def check_missing(release):
    """Before the libraries are installed: which one is not there. (Of Debian 13 all are in the base system.)"""
    if not list(release.bare.root.glob("usr/lib/*/libcrypto.so.3")):
        release.says(r"^formdb-server: this system lacks libcrypto\.so\.3, ", "start", status=1)


def check_refusals(release):
    """What can be wrong before it listens is one sentence, and no crash."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for sentence, settings in [
            (r"is not a setting", {"FORMDB_SERVE": "true"}),
            (r"FORMDB_PORT is", {"FORMDB_PORT": "70000"}),
            (r"the data folder cannot be used \(/etc/formdb\)", {"FORMDB_DATA_DIR": "/etc/formdb"}),
            (r"the data folder cannot be used \(/etc/passwd\)", {"FORMDB_DATA_DIR": "/etc/passwd"}),
            (r"FORMDB_ALLOW_UNAUTHENTICATED", {"FORMDB_HOST": "0.0.0.0"}),
            (r"cannot listen on 127\.0\.0\.1 port \d+: address already in use",
             {"FORMDB_PORT": str(taken.getsockname()[1])}),
        ]:
            said = release.says(sentence, "start", status=1, settings=settings)
            sentences = [line for line in said.splitlines() if not line.startswith("{")]
            expect(f"release: lines about {settings}", (len(sentences) <= 2, "formdb-server: " in sentences[0]), (True, True))
            for word in ("crash", "** (", '"error"', "Supervisor"):
                expect(f"release: {word} about {settings}", word in said, False)
    said = release.says(r"there is no command nonsense", "nonsense", status=2)
    expect("release: its help", said.count("\n") > 14, True)
    expect("release: help without a command", "load-dump" in release.run(), True)
    release.says(r"formdb-server load-dump FILE DIR", "help", "load-dump")
    release.says(r"no server has the data folder", "stop", status=1)
    gone = f"mkdir /tmp/gone && cd /tmp/gone && rmdir /tmp/gone && exec {release.program[0]} version"
    found, out, err = release.bare.run(["sh", "-c", gone], release.user, release.env)
    sentences = [line for line in (out + err).splitlines() if line.startswith("formdb-server: ")]
    expect("release: from a folder that is gone", (found, len(sentences), "init" in out + err), (1, 1, False))


def tour(release):
    release.ask("POST", "", {"name": "bare"}, 201)
    release.ask("POST", "/bare/features", FEATURE, 201)
    release.ask("POST", "/bare/timeseries", {"series_id": "s", "timestamp": 1, "value": 2}, 201)
    return questions(release)


def questions(release):
    found = release.ask("GET", "/bare/features?bbox=6,45,8,47")
    expect("release: features in a box", found["numberReturned"], 1)
    expect("release: the last point", release.ask("GET", "/bare/timeseries/s/latest")["value"], 2.0)
    database = release.ask("GET", "/bare")
    expect("release: blocks", database["seq"], 2)
    return database["root"]


def remote(release):
    """A shell in the server, with a terminal; what it has in common with the server."""
    ours, theirs = pty.openpty()
    program = release.bare.command([*release.program, "remote"], release.user, {**release.env, "TERM": "xterm"})
    shell = subprocess.Popen(["setsid", "--ctty", *program], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = await_text(release, ours, "iex", "")
    os.write(ours, b'IO.puts("pid " <> System.pid() <> " of " <> FormdbHttp.version())\n')
    await_text(release, ours, f"pid {release.process.running.pid} of ", shown)
    others = {at for at in listening(release.process.running.pid) if at[1] != release.port}
    expect("release: where else it listens for the shell", {address for address, _ in others}, {LOOPBACK})
    cookie = (release.bare.mounts["/var/lib/formdb"] / ".remote-shell/.erlang.cookie").read_bytes()
    expect("release: bytes of the cookie", len(cookie), 64)
    for pid in (shell.pid, release.process.running.pid):
        expect("release: the cookie is on a command line", cookie in Path(f"/proc/{pid}/cmdline").read_bytes(), False)
    os.write(ours, b"\x1c")
    shell.wait(20)
    os.close(ours)
    release.process.wait_for(lambda: "a remote shell was closed" in release.process.output())


def await_text(release, terminal, text, shown):
    deadline = time.monotonic() + 30
    while text not in shown:
        if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            fail(f"release: the shell never shows {text!r}: {shown!r}")
        try:
            shown += os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            fail(f"release: the shell has ended: {shown!r}; the server: {release.process.output()[-2000:]}")
    return shown


def early_ends(release):
    """SIGTERM while it loads its code ends it. For a moment before that the VM loses it, which is longer
    where processors are short: one in six may be lost."""
    lost = []
    for tenths in (5, 6, 8, 10, 12, 15):
        process = release.bare.start("release", [*release.program, "start"], release.user, release.env, release.folder)
        # The program itself: before it there are those that make its mounts.
        process.wait_for(lambda: b"beam.smp" in Path(f"/proc/{process.running.pid}/cmdline").read_bytes())
        time.sleep(tenths / 10)
        process.running.terminate()
        try:
            process.running.wait(10)
        except subprocess.TimeoutExpired:
            lost.append(tenths / 10)
            process.running.terminate()
            process.running.wait(30)
    if len(lost) > 1:
        fail(f"release: SIGTERM {lost} s after the start of the VM was lost: {process.output()[-2000:]}")


def hidden(release):
    """It serves where /proc has nothing but processes (systemd: ProcSubset=pid)."""
    release.bare.proc = "subset=pid"
    release.start()
    expect("release: a hidden /proc/meminfo", "panicked" in release.process.output(), False)
    release.run("stop")
    release.ended(0)
    release.bare.proc = "rw"


def backups(release, root):
    """Of the open database by way of the server, and what is made of it."""
    release.says(r"backup of bare up to block 2", "backup", "bare", "--name", "first")
    release.says(r"/backup/bare/first: whole", "verify-backup", "/backup/bare")
    release.says(root, "restore", "/backup/bare/first", "/var/lib/formdb/again")
    release.ask("POST", "", {"name": "again"}, 200)
    expect("release: the root of the restored database", release.ask("GET", "/again")["root"], root)
    release.says(root, "dump", "/backup/bare/first", "/backup/bare.ndjson")
    shown = release.run("dump", "/backup/bare/first", "-").splitlines()
    lines = [line for line in shown if line.startswith("{")]
    expect("release: a dump to standard output", lines, (release.bare.mounts["/backup"] / "bare.ndjson").read_text().splitlines())
    release.says(root, "load-dump", "/backup/bare.ndjson", "/var/lib/formdb/loaded")
    release.says(r"--salvage", "doctor", "--help")
    release.says(r"There is nothing to do", "doctor", "/var/lib/formdb/loaded")


def credentials(release):
    keys = {"FORMDB_API_KEYS_FILE": "/backup/keys.json"}
    users = {"FORMDB_USERS_FILE": "/backup/users.json"}
    key = release.run("keys", "create", "tour", "--scope", "read:*", settings=keys).strip()
    release.says(r'"name":"tour"', "keys", "list", settings=keys)
    release.says(r"ana is added", "users", "add", "ana", "--scope", "read:*", "--password-stdin",
                 settings=users, input="correct horse battery\n")
    release.start(**keys, **users)
    release.ask("GET", "/bare", status=401)
    release.ask("GET", "/bare", headers={"Authorization": f"Bearer {key}"})
    release.run("stop")
    release.ended(0)


def container(bare, stage, folder):
    """What the image is and does; its release."""
    release = Release(bare, stage.entrypoint, stage.user, stage.env, folder)
    release.env["FORMDB_BACKUP_DIR"] = "/backup"
    bare.share(folder / "data", stage.volume, stage.user)
    bare.share(folder / "backup", "/backup", stage.user)
    expect("release: what the image starts", stage.command, ["start"])
    check_refusals(release)
    first = release.start()
    pid = release.process.running.pid
    expect("release: the process that is started", (folder / "data/LOCK").read_text().strip(), str(pid))
    root = tour(release)
    expect("release: where it listens", listening(pid), {(LOOPBACK, release.port)})
    expect("release: its health check", bare.run(stage.health, release.user, release.env)[0], 0)
    release.says(r'"status":"ready"', "health")
    release.process.kill()
    expect("release: its health check without it", bare.run(stage.health, release.user, release.env)[0], 1)
    again = release.start()
    expect("release: the root after kill -9", questions(release), root)
    backups(release, root)
    for terminal in ("xterm", "dumb", "nonsense"):
        release.says(r"^formdb-server: a shell needs a terminal", "remote", status=1, settings={"TERM": terminal})
    expect("release: a shell without a terminal", "remote shell" in release.process.output(), False)
    remote(release)
    release.says(r"NOT CHECKED", "verify", "/var/lib/formdb/bare", status=1)
    release.says(r"has stopped", "stop")
    release.ended(0)
    expect("release: the folder of its shells", (folder / "data/.remote-shell").exists(), False)
    release.says(r"/bare: sound", "verify", "/var/lib/formdb")
    credentials(release)
    hidden(release)
    early_ends(release)
    return first, again


def service(bare, folder):
    """As the unit says."""
    settings = {}
    for line in (PROJECT / UNIT).read_text().splitlines():
        name, _, value = line.partition("=")
        settings.setdefault(name, value)
    place = bare.root / "etc/systemd/system/formdb.service"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes((PROJECT / UNIT).read_bytes())
    # What it refers to: the bare system has no systemd.
    units = bare.root / "usr/lib/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    for unit in Path("/usr/lib/systemd/system").iterdir():
        if unit.suffix in (".target", ".slice", ".mount"):
            shutil.copy(unit, units, follow_symlinks=False)
    for check in (["verify"], ["security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager"]):
        done = subprocess.run(["systemd-analyze", f"--root={bare.root}", *check, "formdb.service"],
                              capture_output=True, text=True)
        if done.returncode != 0 or "formdb.service" in done.stderr:
            fail(f"release: systemd-analyze {check[0]}: {(done.stdout + done.stderr)[-2000:]}")
    exposure = re.search(r"exposure level for formdb.service: ([\d.]+)", done.stdout).group(1)

    user = settings["User"]
    bare.build(f"useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin {user}")
    numbers = re.search(rf"^{user}:x:(\d+):(\d+):", (bare.root / "etc/passwd").read_text(), re.M).groups()
    numbers = [int(number) for number in numbers]
    bare.mounts.clear()
    bare.share(folder / "state", f"/var/lib/{settings['StateDirectory']}", numbers)
    bare.share(folder / "run", "/run", numbers)
    env = dict(pair.split("=", 1) for pair in shlex.split(settings["Environment"]))
    command = shlex.split(settings["ExecStart"])
    release = Release(bare, command[:1], numbers, env, folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "run/notify"))
        os.chmod(folder / "run/notify", 0o666)
        manager.settimeout(30)
        release.start(command, NOTIFY_SOCKET="/run/notify")
        told = manager.recv(4096).decode()
    expect("release: what it tells systemd", told, "READY=1\nSTATUS=0 databases\n")
    release.process.running.terminate()
    release.ended(0)
    expect("release: how it says that it stops", "SIGTERM received: stopping" in release.process.output(), True)

    trace = folder / "trace"
    release.start(command, ["strace", "-f", "-qq", "-o", str(trace)])
    tour(release)
    release.ask("DELETE", "/bare?purge=true")
    release.run("stop")
    release.ended(0)
    calls = traced(trace, command[0])
    expect("release: calls of the kernel in a trace", len(calls) > 50, True)
    expect("release: calls of the kernel that the unit forbids", calls - allowed((PROJECT / UNIT).read_text()), set())

    # From a folder with spaces, by a link, and by the default of the data folder.
    (bare.root / SPACES.lstrip("/")).parent.mkdir(parents=True)
    (bare.root / "opt/formdb").rename(bare.root / SPACES.lstrip("/"))
    (bare.root / "usr/bin/formdb-server").symlink_to(SPACES + "/bin/formdb-server")
    release = Release(bare, ["formdb-server"], numbers, {}, folder)
    release.start()
    release.ask("GET", "")
    remote(release)
    release.run("stop")
    release.ended(0)
    return exposure


def main():
    if os.geteuid() != 0:
        fail("release: a bare system needs root, for chroot and mounts; run it as root")
    system = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    if system.get("ID") != "debian":
        say("release: skipped: the bare system has to be this machine's, and that is no Debian")
        return
    began = time.monotonic()
    stage = Stage((PROJECT / "deploy/container/Containerfile").read_text())
    expect("release: the base of the image", stage.base.startswith("debian:"), True)
    with tempfile.TemporaryDirectory(prefix="formdb-release-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Users inside have to get to what is shared with them.
        folder.chmod(0o755)
        archive, size = build(stage, folder / "context")
        bare = Bare(folder / "root", system["VERSION_CODENAME"])
        try:
            unpack(archive, bare.root / "unpacked")
            check_missing(Release(bare, ["/unpacked/bin/formdb-server"], [10001, 10001], {}, folder))
            for kind, step in stage.steps:
                if kind == "RUN":
                    bare.build(step)
                else:
                    expect("release: what is copied", step.split()[:2], ["--from=builder", "/release"])
                    (bare.root / "unpacked").rename(bare.root / step.split()[2].lstrip("/"))
            unpacked = subprocess.run(["du", "-sm", bare.root / "opt/formdb"], capture_output=True, text=True).stdout.split()[0]
            first, again = container(bare, stage, folder)
            exposure = service(bare, folder)
        finally:
            bare.end()
    say(f"release: {archive.name}, {size}, unpacked {unpacked} MiB; it answers {first:.2f} s after its start, and "
        f"{again:.2f} s after kill -9; exposure of the unit {exposure}; passed in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
