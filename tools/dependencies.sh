#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs with apt-get what is missing: for the build, for the tests too, or for the checks too.
# With nothing missing it only asks dpkg, and needs neither network nor root.
#   dependencies.sh [build | test | check]
set -eu

packages="build-essential meson ninja-build pkg-config python3 libjansson-dev libyaml-dev
libpcre2-dev libutf8proc-dev libssl-dev"
case ${1:-build} in
  build) ;;
  test) packages="$packages libcmocka-dev" ;;
  check) packages="$packages libcmocka-dev git clang libclang-rt-dev clang-format clang-tidy" ;;
  *) echo "dependencies.sh: '$1' is not one of build, test, check" >&2; exit 2 ;;
esac

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
