#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes what is made from the option tables, or with --check says what is stale.
#   tools/documents.sh [--check] [PROGRAM [ROOT]]
set -eu

check=0
if [ "${1:-}" = --check ]; then
  check=1
  shift
fi
root=${2:-$(cd "$(dirname "$0")/.." && pwd)}
program=${1:-$root/build/attometer}
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
stale=0

document() { # KIND FILE
  "$program" documents "$1" >"$fresh"
  if cmp -s "$fresh" "$root/$2"; then return; fi
  if [ $check = 1 ]; then
    echo "$2 is stale: run make docs" >&2
    diff -u "$root/$2" "$fresh" | head -n 40 >&2 || true
    stale=1
  else
    mkdir -p "$(dirname "$root/$2")"
    cat "$fresh" >"$root/$2"
    echo "wrote $2"
  fi
}

document markdown docs/cli.md
document exit-codes docs/exit-codes.md
document man share/man/attometer.1
document bash share/completions/attometer.bash
document zsh share/completions/_attometer
document fish share/completions/attometer.fish
exit $stale
