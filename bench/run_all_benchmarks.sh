#!/usr/bin/env bash
# Runs every benchmark against a fresh data folder, and keeps the results.
#
#   bench/run_all_benchmarks.sh [--quick] [--runs N] [--peers] [--growth] [--only NAME]...
#
#   --quick       less work and shorter rounds: 3 minutes in all, once built
#   --peers       in place of these, the same questions to this system and to others, which
#                 are installed: at most 50 minutes, some 6 if quick (bench/peers/README.md)
#   --growth      in place of these, how costs grow with data, and what heavy work does to readers:
#                 an hour, up to 18 GiB of memory and 25 GB of disk; minutes if quick
#   --runs N      measure each row in N rounds (3; 2 if quick, and 1 of what is slow), whose
#                 range is its noise
#   --only NAME   only this benchmark; may be given more than once. Names are those below
#
# Installs what is missing (bin/setup --tools) and builds. Results go to
# bench/results/TIMESTAMP: NAME.txt and NAME.json of each benchmark, and SUMMARY.md, in which
# every figure stands beside the earlier system's, the target, and the last run's.
#
# A benchmark that fails does not stop the others. Ends with 1 if one failed: an answer was
# wrong, or the load test's p95 was not below 500 ms or its p99 not below 1000 ms. Targets
# that are missed are listed, no more.
set -euo pipefail
cd "$(dirname "$0")/.."

names=(spatial_index temporal_index query_cache database storage backup http_read read_latency live webhook websocket_stress http_load)
peers=(peers_geo peers_polygons peers_writes peers_bulk peers_time)
growth=(growth interference)
all=("${names[@]}" "${peers[@]}" "${growth[@]}")

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' bench/run_all_benchmarks.sh; echo "Names: ${all[*]}"; }
refuse() {
  printf 'run_all_benchmarks: %s\n' "$1" >&2
  exit 2
}

BENCH_QUICK=
BENCH_ROUNDS=
only=()
asked=()
while [ "$#" -gt 0 ]; do
  case "$1" in
    --quick) BENCH_QUICK=1 ;;
    --peers) asked+=("${peers[@]}") ;;
    --growth) asked+=("${growth[@]}") ;;
    --runs)
      [[ "${2-}" =~ ^[1-9][0-9]*$ ]] || refuse "--runs takes a whole number above 0, found '${2-}'"
      BENCH_ROUNDS=$2
      shift
      ;;
    --only)
      [[ " ${all[*]} " == *" ${2-} "* && -n "${2-}" ]] ||
        refuse "--only takes one of: ${all[*]}; found '${2-}'"
      only+=("$2")
      shift
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) refuse "unknown argument $1; --help lists those there are" ;;
  esac
  shift
done
: "${BENCH_ROUNDS:=$([ -n "$BENCH_QUICK" ] && echo 2 || echo 3)}"
export BENCH_QUICK BENCH_ROUNDS
if [ "${#only[@]}" -gt 0 ]; then
  asked=("${only[@]}")
elif [ "${#asked[@]}" -eq 0 ]; then
  asked=("${names[@]}")
fi

# Containers and service managers start shells without HOME; Mix and Cargo need it.
export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}"
# Where rustup puts Rust, and bin/setup k6.
export PATH="$HOME/.cargo/bin:$PWD/.tools/k6/bin:$PATH"
# Without +Bd a signal from the terminal would be answered with a menu.
export ELIXIR_ERL_OPTIONS="${ELIXIR_ERL_OPTIONS:-+fnu +MBas gf +MHas gf} +Bd"
# Benchee, where Hex can be reached, is a dependency of development. The code is the same.
export MIX_ENV=dev

bin/setup --tools
if [[ " ${asked[*]}" == *" peers_"* ]]; then bin/setup --peers; fi
if [[ " ${asked[*]} " == *" growth "* ]]; then bin/setup --growth; fi
mix compile
MIX_ENV=prod mix compile

# In this project's folder, since the system's for temporary files may be in memory, where
# nothing is durable.
mkdir -p tmp
work=$(mktemp -d "$PWD/tmp/bench.XXXXXX")
export FORMDB_DATA_DIR="$work/data" TMPDIR="$work"
mkdir "$FORMDB_DATA_DIR"

# What runs at the moment; it is ended with us. Programs of a script without a terminal's
# job control ignore Ctrl-C, so that all of them are ended here.
running=()
end() {
  local pid
  for pid in "${running[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${running[@]}"; do
    # Ten seconds to end in order.
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
  done
  running=()
}
clean_up() {
  end
  rm -rf "$work"
}
trap clean_up EXIT
trap 'echo; echo "stopped; what was measured is in $results"; exit 130' INT TERM

started=$(date +%s)
BENCH_STARTED=$(date -u '+%Y-%m-%d %H:%M UTC')
BENCH_LOAD=$(cut -d' ' -f1 /proc/loadavg)
export BENCH_STARTED BENCH_LOAD
results="bench/results/$(date -u +%Y%m%dT%H%M%SZ)"
mkdir -p "$results"

# measured NAME COMMAND...: runs it, with its output on the terminal and in NAME.txt.
measured() {
  local name=$1
  shift
  BENCH_JSON="$PWD/$results/$name.json" "$@" </dev/null > >(tee "$results/$name.txt") 2>&1 &
  running+=("$!")
  wait "$!"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# k6 against a server of its own.
http_load() {
  local port server progress status=0
  port=$(free_port)
  mkdir "$work/served"
  FORMDB_HOST=127.0.0.1 FORMDB_PORT=$port FORMDB_DATA_DIR="$work/served" MIX_ENV=prod \
    mix formdb.server </dev/null >"$results/server.log" 2>&1 &
  server=$!
  running+=("$server")
  for _ in $(seq 300); do
    curl -fs "http://127.0.0.1:$port/health/ready" >/dev/null && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  if ! curl -fs "http://127.0.0.1:$port/health/ready" >/dev/null; then
    echo "the server does not serve on port $port; its log is $results/server.log"
    status=1
  else
    # k6 says nothing until it is done.
    while sleep 30; do echo "   ... $(($(date +%s) - begun)) s"; done &
    progress=$!
    running+=("$progress")
    BASE_URL="http://127.0.0.1:$port" measured http_load k6 run --quiet bench/http_load_test.js ||
      status=$?
  fi
  end
  return "$status"
}

statuses=()
failed=()
for name in "${all[@]}"; do
  if [[ " ${asked[*]} " != *" $name "* ]]; then continue; fi
  begun=$(date +%s)
  echo
  echo "== $name ($(date +%H:%M:%S))"
  status=0
  if [ "$name" = http_load ]; then
    http_load || status=$?
  elif [ "$name" = websocket_stress ]; then
    measured "$name" mix run bench/websocket_stress_test.exs || status=$?
  elif [[ "$name" == peers_* ]]; then
    measured "$name" mix run --no-start "bench/peers/${name#peers_}.exs" || status=$?
  else
    measured "$name" mix run "bench/${name}_bench.exs" || status=$?
  fi
  running=()
  statuses+=("$name=$status")
  if [ "$status" -ne 0 ]; then failed+=("$name"); fi
  echo "== $name took $(($(date +%s) - begun)) s$([ "$status" -eq 0 ] || echo " and FAILED with $status")"
done

BENCH_SECONDS=$(($(date +%s) - started)) \
  mix run --no-start bench/support/summarize.exs "$results" "${statuses[@]}"
sed -n '/^## Targets/,$p' "$results/SUMMARY.md"
echo
echo "all of it took $(($(date +%s) - started)) s; the report is $results/SUMMARY.md"
if [ "${#failed[@]}" -gt 0 ]; then
  echo "FAILED: ${failed[*]} (the reasons are in $results/NAME.txt)"
  exit 1
fi
