#!/bin/sh
# bin/formdb-server of a release: starts the Erlang VM of this folder with the command that is given.
set -eu

fail() {
  printf 'formdb-server: %s\n' "$*" >&2
  exit 1
}

# The VM asks for its working folder when it starts. (The shell's own pwd may have kept the name.)
env pwd -P >/dev/null 2>&1 ||
  fail "the working folder is not there any more: go to another one (cd /) and try again"

root=$(dirname "$(dirname "$(readlink -f "$0")")")
read -r erts version <"$root/releases/start_erl.data" || true
this="$root/releases/$version"

# What the VM's own start script would set.
export ROOTDIR="$root" BINDIR="$root/erts-$erts/bin" EMU=beam PROGNAME=formdb-server
export PATH="${PATH:-/usr/bin:/bin}"
# The VM needs one, and service managers give none. Nothing is kept there.
export HOME="${HOME:-/}"
# A dump of the VM would hold what the databases hold. ERL_CRASH_DUMP_BYTES=-1 asks for one.
export ERL_CRASH_DUMP_BYTES="${ERL_CRASH_DUMP_BYTES-0}"
export FORMDB_DATA_DIR="${FORMDB_DATA_DIR-/var/lib/formdb}"

# What the linker does not find, or not new enough.
if command -v ldd >/dev/null 2>&1; then
  missing=$(ldd "$BINDIR/beam.smp" "$root"/lib/crypto-*/priv/lib/crypto.so "$root"/lib/formdb_http-*/priv/native/formdb_nif.so 2>&1 |
    sed -n -e "s/.*version \`\(.*\)' not found.*/\1/p" -e 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' \
      -e 's/.*Error loading shared library \([^:]*\):.*/\1/p' | sort -u | tr '\n' ' ')
  [ -z "$missing" ] || fail "this system lacks ${missing% }, which the release needs. On Debian and Ubuntu" \
    "\`apt install libssl3 libstdc++6 libtinfo6 zlib1g\` installs the libraries; for a newer GLIBC or GLIBCXX the release has to be built on this system"
fi

# The VM, with flags of its own and the command. Binaries and heaps of processes come and go
# with requests, and "good fit" (gf) finds room for them in less time.
vm() {
  exec "$BINDIR/erlexec" -boot "$this/start_clean" -boot_var RELEASE_LIB "$root/lib" -config "$this/sys" \
    +fnu +MBas gf +MHas gf -epmd_module Elixir.FormdbHttpCli.NodePorts -s Elixir.FormdbHttpCli main "$@"
}

case "${1-}" in
  start)
    # Where the cookie of a shell will be, when one is asked for.
    HOME="$FORMDB_DATA_DIR/.remote-shell"
    # All code is loaded at once: the folder may be replaced while the server runs.
    if [ -t 0 ]; then
      # Ctrl-C reaches every process in the terminal. The VM ignores it (+Bi) and gets the signal for an
      # orderly stop instead. A trapped signal ends `wait`, hence the loop until the VM is gone.
      (vm -noinput -mode embedded +Bi -extra "$@") &
      server=$!
      trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM HUP
      status=0
      while kill -0 "$server" 2>/dev/null; do wait "$server" && status=0 || status=$?; done
      exit "$status"
    fi
    vm -noinput -mode embedded +Bd -extra "$@"
    ;;
  remote)
    if [ "$#" -gt 1 ]; then vm -noinput -extra "$@"; fi
    # Without one, and with one of which the system knows nothing, IEx opens a shell in a VM of its own, and
    # says so in passing.
    up=known
    if command -v tput >/dev/null 2>&1; then up=$(tput -T "${TERM:-dumb}" cuu1 2>/dev/null) || true; fi
    case "${TERM-}" in '' | dumb) up= ;; esac
    [ -n "$up" ] || fail "a shell needs a terminal that can do more than this system knows of TERM=${TERM-}: set TERM, such as TERM=xterm"
    if [ ! -t 0 ] || [ ! -t 1 ]; then
      fail "a shell needs a terminal: standard input or output is none (with ssh, docker exec or podman exec give -t, with kubectl exec -it)"
    fi
    asked=$( (vm -noinput -extra remote) ) || exit $?
    # The folder of the cookie.
    HOME=$(printf '%s\n' "$asked" | head -n 1)
    node=$(printf '%s\n' "$asked" | tail -n 1)
    exec "$this/iex" --hidden --name "shell-$$@127.0.0.1" --boot "$this/start_clean" --boot-var RELEASE_LIB "$root/lib" \
      --erl "-start_epmd false -epmd_module Elixir.FormdbHttpCli.NodePorts -kernel inet_dist_use_interface {127,0,0,1}" \
      --remsh "$node"
    ;;
  *)
    vm -noshell -extra "$@"
    ;;
esac
