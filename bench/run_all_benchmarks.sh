#!/usr/bin/env bash
# Runs every benchmark; results go to bench/results/TIMESTAMP/, one text file each,
# and SUMMARY.md with all of them and the machine they ran on.
set -euo pipefail
cd "$(dirname "$0")/.."

export MIX_ENV=prod
export ELIXIR_ERL_OPTIONS="${ELIXIR_ERL_OPTIONS:-+fnu}"
results="bench/results/$(date -u +%Y%m%dT%H%M%SZ)"
data="$(mktemp -d)"
trap 'rm -rf "$data"' EXIT
export FORMDB_DATA_DIR="$data"
mkdir -p "$results"

mix compile

failed=0
for bench in bench/*_bench.exs; do
	name="$(basename "$bench" .exs)"
	echo "== $name"
	mix run "$bench" 2>&1 | tee "$results/$name.txt" || failed=1
done

{
	echo "# Benchmarks of $(date -u '+%Y-%m-%d %H:%M') UTC"
	echo
	echo "- $(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
	echo "- $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo) of memory, Linux $(uname -r)"
	echo "- revision $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
	for file in "$results"/*.txt; do
		echo
		echo "## $(basename "$file" .txt)"
		echo
		echo '```'
		cat "$file"
		echo '```'
	done
} >"$results/SUMMARY.md"

echo "results are in $results"
exit "$failed"
