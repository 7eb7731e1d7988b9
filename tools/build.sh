#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds one configuration: release | debug | test | sanitize | thread | fuzz.
# The release binary is linked to build/attometer.
set -eu
cd "$(dirname "$0")/.."

configuration=$1
case $configuration in
  release)  folder=build/release;  options="--buildtype=release -Dtests=false" ;;
  debug)    folder=build-debug;    options="--buildtype=debug" ;;
  test)     folder=build-test;     options="--buildtype=debugoptimized" ;;
  sanitize) folder=build-sanitize
            options="--buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false" ;;
  thread)   folder=build-thread;   options="--buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false -Dwerror=false" ;;
  fuzz)     folder=build-fuzz;     options="--buildtype=debugoptimized -Dtests=false -Dfuzz=true
            -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false
            -Dc_args=-fsanitize=fuzzer-no-link"
            export CC=clang ;;
  *) echo "build.sh: '$configuration' is no configuration" >&2; exit 2 ;;
esac

if [ ! -f "$folder/build.ninja" ]; then
  # shellcheck disable=SC2086
  meson setup $folder $options >/dev/null
fi
ninja -C "$folder" --quiet
if [ "$configuration" = release ]; then
  ln -sf release/src/cli/attometer build/attometer
  strip --strip-debug build/release/src/cli/attometer 2>/dev/null || true
  size=$(stat -c %s build/release/src/cli/attometer)
  if [ "$size" -gt 5000000 ]; then
    echo "build.sh: the release binary is $size bytes, at most 5000000" >&2
    exit 1
  fi
fi
