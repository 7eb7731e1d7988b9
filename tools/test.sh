#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of a configuration built by build.sh, and ends with the plain line
# "N passed, N failed". The thread sanitizer's turn is the tests of threads only.
set -eu
cd "$(dirname "$0")/.."

configuration=$1
names=""
[ "$configuration" = thread ] && names="device/team kernels/linear kernels/matmul kernels/ops
attention/attention model/model generate/generation tokenizer/tokenizer"
log=build-$configuration/meson-logs/testlog.txt
status=0
# shellcheck disable=SC2086
TSAN_OPTIONS=halt_on_error=1 ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
  meson test -C "build-$configuration" --no-rebuild --print-errorlogs $names || status=$?
count() { awk -v key="$1" '$1 == key ":" { n += $2 } END { print n + 0 }' "$log"; }
passed=$(count Ok)
failed=$(( $(count Fail) + $(count Timeout) + $(count "Unexpected Pass") ))
echo "$passed passed, $failed failed"
[ "$status" = 0 ] && [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
