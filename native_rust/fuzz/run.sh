#!/usr/bin/env bash
# Fuzzes the engine: fuzz/run.sh [SECONDS [TARGET...]], default 60 seconds for each of
# all targets, two at a time. Needs neither cargo-fuzz nor a nightly compiler: the
# flags are those that cargo-fuzz gives, without a sanitizer (the engine has no unsafe
# code). What is found lies in artifacts/, what is learnt in corpus/.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-60}
shift || true
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
  targets=(block cbor points_batch features points json documents predicates snapshots
    recovery operations)
fi

host=$(rustc -vV | sed -n 's/^host: //p')
# A target of its own, so that build scripts are not instrumented.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1" \
  cargo build --quiet --release --target "$host" $(printf -- '--bin %s ' "${targets[@]}")
programs=${CARGO_TARGET_DIR:-target}/$host/release

fuzz() {
  local target=$1 log=artifacts/$1.log
  mkdir -p "corpus/$target" "artifacts/$target"
  if ! "$programs/$target" "corpus/$target" "seeds/$target" -max_total_time="$seconds" \
    -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="artifacts/$target/" >"$log" 2>&1; then
    {
      tail -n 40 "$log"
      echo "fuzz: $target failed; its input is in native_rust/fuzz/artifacts/$target, and again:"
      echo "  native_rust/fuzz/run.sh replays it: $programs/$target INPUT"
    } >&2
    return 1
  fi
  printf 'fuzz: %-12s %s executions in %s s\n' "$target" \
    "$(sed -n 's/^stat::number_of_executed_units: //p' "$log")" "$seconds" >&2
}
export -f fuzz
export seconds programs
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'fuzz {}'
