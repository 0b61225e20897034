#!/usr/bin/env bash
# examples/phoenix, with Phoenix as Hex has it: compiled without a warning of its own, and its tests. Where
# Hex cannot be reached it is skipped, with the reason.
set -euo pipefail
cd "$(dirname "$0")/../../examples/phoenix"

say() { printf 'interop: Phoenix: %s\n' "$*"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export MIX_ENV=test

# Without a terminal and with a time limit: Mix asks questions when Hex is missing.
if ! { timeout 60 mix local.hex --force --if-missing && timeout 60 mix local.rebar --force --if-missing &&
  timeout 300 mix deps.get; } </dev/null >"$log" 2>&1; then
  say "skipped, Hex cannot be used: $(grep . "$log" | tail -n 1 || echo it gave no answer in time)"
  exit 0
fi
mix deps.compile
mix compile --warnings-as-errors
mix test
say "the example's tests passed with $(mix deps | sed -n 's/^\* \(phoenix\|phoenix_live_view\|bandit\) \([0-9.]*\).*/\1 \2/p' | tr '\n' ' ')"
