#!/usr/bin/env bash
# A hundred vehicles drive through ten zones, and fences tell what they do there.
#
#     examples/fleet/fleet.sh [URL]
#
# needs bash, curl and awk, and a server: URL is http://127.0.0.1:4000 without one. It makes the database
# `fleet` there, anew. README.md beside it says what it prints. What can be set, with what it is otherwise:
#
#     VEHICLES=100  how many there are
#     STEPS=20      how often each moves
#     PAUSE=0.5     seconds between the moves
#     DWELL=3       after how many seconds in a zone one stays there
#     SEED=7        which ways they go
#     DATABASE=fleet
set -euo pipefail

url=${1:-http://127.0.0.1:4000}
vehicles=${VEHICLES:-100} steps=${STEPS:-20} pause=${PAUSE:-0.5} dwell=${DWELL:-3} seed=${SEED:-7}
zones=10
db=$url/api/v1/databases/${DATABASE:-fleet}
folder=$(mktemp -d)
streams=()
trap 'kill "${streams[@]}" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

ask() { curl -sS --fail-with-body --max-time 30 "$@"; }

# A square of a grid of five by two, larger than others by so much.
zone() {
  awk -v n="$1" -v more="${2:-0}" 'BEGIN {
    w = (n - 1) % 5 * 2 + 0.5; s = int((n - 1) / 5) * 2 + 0.5; e = w + 1 + more; t = s + 1 + more
    printf "{\"type\":\"Feature\",\"id\":\"zone-%d\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\",", n
    printf "\"coordinates\":[[[%g,%g],[%g,%g],[%g,%g],[%g,%g],[%g,%g]]]}}", w, s, e, s, e, t, w, t, w, s
  }'
}

# Where all vehicles are after each step: a line for each, a collection of features. They drive about on
# the grid, and turn at its edges.
ways() {
  awk -v many="$vehicles" -v steps="$steps" -v seed="$seed" '
    function bounded(x, most) { return x < 0 ? -x : x > most ? 2 * most - x : x }
    BEGIN {
      srand(seed)
      for (v = 1; v <= many; v++) { x[v] = rand() * 10; y[v] = rand() * 4 }
      for (step = 1; step <= steps; step++) {
        printf "{\"type\":\"FeatureCollection\",\"features\":["
        for (v = 1; v <= many; v++) {
          x[v] = bounded(x[v] + rand() * 0.8 - 0.4, 10); y[v] = bounded(y[v] + rand() * 0.8 - 0.4, 4)
          printf "%s{\"type\":\"Feature\",\"id\":\"vehicle-%d\",\"properties\":{\"kind\":\"vehicle\"},\"geometry\":", (v > 1 ? "," : ""), v
          printf "{\"type\":\"Point\",\"coordinates\":[%.4f,%.4f]}}", x[v], y[v]
        }
        print "]}"
      }
    }'
}

# A stream of events as sentences, one a line: what a fence tells of each vehicle. (In bash: awk waits for more
# lines than there are.)
sentences() {
  local zone=$1 event='' line rest
  while IFS= read -r line; do
    case $line in
      "event: "*) event=${line#event: } ;;
      "data: "*)
        if [ "$event" = dwell_event ] && [[ $line =~ '"feature_id":"'([^\"]*) ]]; then
          echo "${BASH_REMATCH[1]} stays in $zone ($dwell s)"
        elif [ "$event" = journal_event ] && [[ $line =~ '"reason":"area"' ]]; then
          rest=${line#*'"features":['}
          while [[ $rest =~ '"feature_id":"'([^\"]*)'","seq":'[0-9]*',"fence":"'([a-z]*)'"'(.*) ]]; do
            echo "${BASH_REMATCH[1]} ${verb[${BASH_REMATCH[2]}]} $zone (area)"
            rest=${BASH_REMATCH[3]}
          done
        elif [ "$event" = journal_event ] && [[ $line =~ '"fence":["'([a-z]*)'"]'(,'"reason":"'([a-z]*))? ]]; then
          local told=${BASH_REMATCH[1]} reason=${BASH_REMATCH[3]:+ (${BASH_REMATCH[3]})}
          [[ $line =~ '"id":"'([^\"]*) ]] && echo "${BASH_REMATCH[1]} ${verb[$told]} $zone$reason"
        fi ;;
    esac
  done
}

declare -A verb=([enter]=enters [exit]=leaves [cross]="passes through")
# Where a fence tells all of vehicles from the first block on.
stream() { echo "$db/journal/stream?since=0&fence=enter,exit,cross&feature=zone-$1&dwell=$dwell&prop.kind=vehicle"; }

ask -X DELETE "$db?purge=true" >/dev/null 2>&1 || true
ask "$url/api/v1/databases" --json "{\"name\":\"${DATABASE:-fleet}\"}" >/dev/null
for n in $(seq $zones); do zone "$n"; echo; done | ask "$db/features" -H 'content-type: application/x-ndjson' --data-binary @- >/dev/null

echo "$vehicles vehicles, $zones zones, $steps steps"
for n in $(seq $zones); do
  mkfifo "$folder/$n"
  curl -sSN "$(stream "$n")" >"$folder/$n" &
  streams+=($!)
  # It ends with the stream.
  sentences "zone-$n" <"$folder/$n" | tee "$folder/$n.live" &
done

step=0
while read -r features; do
  step=$((step + 1))
  ask "$db/features?on_duplicate=replace" -H 'content-type: application/geo+json' --data-binary "$features" >/dev/null
  # In the midst of it a zone grows, and takes in vehicles that stand still.
  if [ $step -eq $(((steps + 1) / 2)) ]; then
    echo "zone-3 grows"
    ask -X PUT "$db/features/zone-3" -H 'content-type: application/geo+json' --data-binary "$(zone 3 1)" >/dev/null
  fi
  sleep "$pause"
done < <(ways)
[ $step -eq "$steps" ]
# Who stays is due by then.
sleep "$dwell"

echo
echo "zone: enters, leaves, passes through, stays; and asked again from the beginning"
wrong=0
for n in $(seq $zones); do
  # All of it is in the journal: whoever comes later is told the same.
  for _ in $(seq 20); do
    (curl -sN --max-time 1 "$(stream "$n")" || true) | sentences "zone-$n" >"$folder/$n.again"
    cmp -s "$folder/$n.live" "$folder/$n.again" && break
  done
  counts=$(awk '{ many[$2]++ } END { printf "%d %d %d %d", many["enters"], many["leaves"], many["passes"], many["stays"] }' "$folder/$n.live")
  if cmp -s "$folder/$n.live" "$folder/$n.again"; then same="the same"; else same="something else" wrong=1; fi
  echo "zone-$n: $counts, $same"
done
exit $wrong
