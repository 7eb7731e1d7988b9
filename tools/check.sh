#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The checks beside the tests: house | format | lint | text (default: all), or format-in-place.
set -eu
cd "$(dirname "$0")/.."

sources() { git ls-files --cached --others --exclude-standard 'src/*.[ch]' 'tests/*.[ch]' 'fuzz/*.[ch]' 'bench/*.[ch]'; }

check_house() { tools/check_house.py; }
check_format() { sources | grep -v '_tables\.c$' | xargs clang-format --dry-run --Werror; }
check_lint() {
  [ -f build-test/compile_commands.json ] || tools/build.sh test
  output=$(mktemp)
  passed=true
  # One file a process: clang-tidy 14 takes every va_list for uninitialized from the second on.
  git ls-files 'src/*.c' | grep -v '_tables\.c$' |
    xargs -P 2 -n 1 clang-tidy -p build-test --quiet --warnings-as-errors='*' >"$output" 2>&1 ||
    passed=false
  # The findings without the paths to them; when there is none to see, all that was said.
  $passed || grep -E ': (warning|error): ' "$output" | sed 's|^[^ ]*\.\./||' | sort -u | grep . ||
    cat "$output"
  rm -f "$output"
  $passed
}
check_text() {
  # Tabs, trailing blanks, and names that must not leave this machine.
  if git grep -nIE '[[:blank:]]+$' -- '*.c' '*.h' '*.sh' '*.py' '*.md' '*.build'; then
    echo "trailing blanks" >&2; return 1
  fi
  if git grep -nIP '\t' -- '*.c' '*.h'; then echo "tabs" >&2; return 1; fi
}

case ${1:-all} in
  all) check_house; check_format; check_text; check_lint ;;
  house) check_house ;;
  format) check_format ;;
  lint) check_lint ;;
  text) check_text ;;
  format-in-place) sources | grep -v '_tables\.c$' | xargs clang-format -i ;;
  *) echo "check.sh: '$1' is no check" >&2; exit 2 ;;
esac
