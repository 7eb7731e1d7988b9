#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target from its kept corpus for $SECONDS_EACH seconds each (default 60), two at a time.
# A finding is left in build-fuzz/ and fails.
set -eu
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-60}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

tools/build.sh fuzz
run_target() {
  name=$1
  work=build-fuzz/work/$name
  mkdir -p "$work" "build-fuzz/findings"
  if ! "build-fuzz/fuzz/fuzz_$name" "$work" "fuzz/corpus/$name" -max_total_time="$seconds" \
      -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
      -artifact_prefix="build-fuzz/findings/$name-" >"build-fuzz/$name.log" 2>&1; then
    echo "fuzz $name: FAILED, see below"; tail -40 "build-fuzz/$name.log"
    return 1
  fi
  runs=$(awk '/number_of_executed_units/ { print $2 }' "build-fuzz/$name.log")
  echo "fuzz $name: $runs inputs in $seconds s, nothing found"
}

failed=0
set --
for target in build-fuzz/fuzz/fuzz_*; do
  [ -x "$target" ] && [ -f "$target" ] && set -- "$@" "${target##*/fuzz_}"
done
[ $# -gt 0 ] || { echo "fuzz: no targets were built" >&2; exit 1; }
while [ $# -gt 0 ]; do
  run_target "$1" & first=$!
  second=""
  if [ $# -gt 1 ]; then run_target "$2" & second=$!; shift; fi
  shift
  wait "$first" || failed=$((failed + 1))
  if [ -n "$second" ]; then wait "$second" || failed=$((failed + 1)); fi
done
[ "$failed" = 0 ]
