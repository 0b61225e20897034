#!/usr/bin/env bash
# The README's commands on a bare Debian: the release in a folder of its own, with
# nothing but its base system, has to set up, build, serve and stop. Then an application
# there that has this one as a dependency, with a path, has to start.
#
#   test/interop/bare_debian.sh RELEASE     bookworm, trixie, ...
#
# Rust and what it has built are shared with this machine; Elixir, Erlang and the
# libraries are the release's own. Needs root (chroot, mounts) and debootstrap; leaves
# nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."

release=${1:?usage: test/interop/bare_debian.sh RELEASE}
project=$PWD
cargo_home=${CARGO_HOME:-$HOME/.cargo}
rustup_home=${RUSTUP_HOME:-$HOME/.rustup}

say() { printf 'interop: %s: %s\n' "$release" "$*"; }
fail() {
  say "$*" >&2
  exit 1
}

[ "$(id -u)" -eq 0 ] || fail "a bare system needs root, for chroot and mounts; run it as root"
command -v debootstrap >/dev/null || fail "debootstrap is not installed; bin/setup --interop installs it"

# --- The second half, in a mount namespace of its own: its mounts end with it ---------

if [ "${2-}" = inside ]; then
  root=$3
  what=$4
  for shared in "$cargo_home" "$rustup_home" "$project/native_rust/target"; do
    mkdir -p "$root$shared"
    mount --bind "$shared" "$root$shared"
  done
  mount -t proc proc "$root/proc"
  # Only what the README's reader would have in the environment, and where Rust is.
  exec chroot "$root" /usr/bin/env -i HOME="$HOME" PATH="$cargo_home/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
    CARGO_HOME="$cargo_home" RUSTUP_HOME="$rustup_home" LANG=C.UTF-8 \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    FORMDB_PORT=0 FORMDB_DRAIN_TIMEOUT_MS=2000 \
    bash -euc "$what" bash "$project"
fi

# --- The first half ---------------------------------------------------------------------

root=$(mktemp -d "${TMPDIR:-/tmp}/formdb-$release-XXXXXX")
log=$root.log
server=
cleanup() {
  if [ -n "$server" ]; then kill -KILL -- "-$server" 2>/dev/null || true; fi
  rm -rf --one-file-system "$root" "$log"
}
trap cleanup EXIT

say "making the bare system"
test/interop/bare_root.sh "$release" "$root" >"$log" 2>&1 || fail "debootstrap: $(tail -n 3 "$log")"
# The times of the files with them: Cargo goes by these.
mkdir -p "$root$project"
git ls-files -z | xargs -0 cp --parents --preserve=mode,timestamps -t "$root$project"

say "bin/setup && make run"
began=$SECONDS
# A session of its own, so that its end can be waited for and its rest be found.
setsid unshare --mount "$0" "$release" inside "$root" 'cd "$1"; bin/setup; exec make run' >"$log" 2>&1 &
server=$!
url=
for _ in $(seq 900); do
  url=$(grep -ao 'listening on http://[0-9.:]*' "$log" | head -n1 | cut -d' ' -f3) || true
  [ -z "$url" ] || break
  kill -0 "$server" 2>/dev/null || fail "it ended before it listened: $(tail -n 20 "$log")"
  sleep 1
done
[ -n "$url" ] || fail "it did not listen within 15 minutes: $(tail -n 20 "$log")"
libraries=$(cd "$root$project" && echo debian_libs/* deps/* | tr ' ' '\n' | sed -n 's|.*/\([a-z_]*-[0-9].*\)|\1|p' | tr '\n' ' ')
say "serves after $((SECONDS - began)) s, with ${libraries:-libraries from Hex}"

ask() { curl --silent --show-error --fail-with-body --max-time 20 "$@"; }
expect() {
  local found
  found=$(ask "${@:2}") || fail "${*:2}: $found"
  [[ "$found" == *"$1"* ]] || fail "${*:2}: found $found, expected $1"
}
feature='{"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[7,46]},"properties":{}}'
expect '"status":"ready"' "$url/health/ready"
expect '"id":"bare"' --json '{"name":"bare"}' "$url/api/v1/databases"
expect '"seq":1' --json "$feature" "$url/api/v1/databases/bare/features"
expect '"coordinates":[7,46]' "$url/api/v1/databases/bare/features/a"
expect '"numberReturned":1' "$url/api/v1/databases/bare/features?bbox=6,45,8,47"
expect '"seq":2' --json '{"series_id":"s","timestamp":1,"value":2}' "$url/api/v1/databases/bare/timeseries"
expect '"value":2.0' "$url/api/v1/databases/bare/timeseries/s/latest"
expect 'formdb_databases' "$url/metrics"

# A connection that stays open must not hold the stop up.
exec 7<>"/dev/tcp/127.0.0.1/${url##*:}"
stopped=$SECONDS
kill -TERM "$server" || fail "it is gone"
for _ in $(seq 200); do
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
kill -0 "$server" 2>/dev/null && fail "it does not stop: $(tail -n 5 "$log")"
status=0
wait "$server" || status=$?
exec 7>&-
took=$((SECONDS - stopped))
# Make says of itself that it was ended by the signal.
[ "$status" -eq 0 ] || [ "$status" -eq 143 ] || fail "it ended with status $status: $(tail -n 20 "$log")"
grep -q 'closed database bare' "$log" || fail "it did not close its database: $(tail -n 20 "$log")"
[ "$took" -le 7 ] || fail "the stop took $took s; 2 s are set, and 5 s are allowed beyond it"
server=
say "stopped within $took s"

# Its own code path, which Mix makes of dependencies, has to lead to the libraries, too.
say "an application with a path to it"
unshare --mount "$0" "$release" inside "$root" '
  mkdir -p /host && cd /host
  cat >mix.exs <<END
defmodule Host.MixProject do
  use Mix.Project
  def project, do: [app: :host, version: "0.1.0", deps: [{:formdb_http, path: "$1"}]]
  def application, do: [extra_applications: [:logger]]
end
END
  # Of the Rust library there is one.
  export FORMDB_NATIVE_LIBRARY="$1/priv/native/formdb_nif.so"
  unset FORMDB_PORT FORMDB_DRAIN_TIMEOUT_MS
  mix run -e "
    {:ok, _} = FormdbHttp.start_link(data_dir: \"data\")
    {:ok, %{created: true}} = FormdbHttp.open(\"a\")
    started = for {app, _, _} <- Application.started_applications(), do: app
    [] = [:cowboy, :jose, :prometheus, :ranch] -- started
    IO.puts(\"the host is served\")
  "' >"$log" 2>&1 || fail "it does not start: $(tail -n 20 "$log")"
grep -qx 'the host is served' "$log" || fail "it says nothing: $(tail -n 20 "$log")"
say "passed, with Elixir and OTP $(chroot "$root" elixir --short-version 2>/dev/null) $(chroot "$root" erl -noshell -eval 'io:put_chars(erlang:system_info(otp_release)), halt().')"
