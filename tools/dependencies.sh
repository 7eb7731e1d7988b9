#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs with apt-get what the build, the tests and the checks need and this machine lacks.
# With nothing missing it only asks dpkg, and needs neither network nor root.
set -eu

packages="build-essential meson ninja-build pkg-config python3 libjansson-dev libpcre2-dev
libutf8proc-dev libssl-dev libcmocka-dev clang libclang-rt-14-dev clang-format clang-tidy"

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "dependencies: not a Debian system; these packages are needed:" $packages >&2
  exit 0
fi
missing=""
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing \
  >/dev/null
