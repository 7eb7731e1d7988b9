#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Attometer beside its peers, on this machine, now. Everything of the peers lives outside the tree,
# in ${ATTOMETER_PEERS:-~/.cache/attometer/peers}; the tables are written to bench/results/.
#
#   bench/peers/run.sh [generation] [batching] [attention] [flex] [kernels] [tokenizers]     (default: all)
set -eu
cd "$(dirname "$0")/../.."
home=${ATTOMETER_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/attometer/peers}
export ATTOMETER_PEERS="$home"

bench/peers/setup.sh "$home"
[ $# -gt 0 ] || set -- generation batching attention flex kernels tokenizers
for part in "$@"; do
  case $part in
    generation) "$home/venv/bin/python" bench/peers/generation.py ;;
    batching) "$home/venv/bin/python" bench/peers/batching.py ;;
    attention) "$home/venv/bin/python" bench/peers/attention.py ;;
    flex) "$home/venv/bin/python" bench/peers/flex.py ;;
    kernels) "$home/venv/bin/python" bench/peers/kernels.py ;;
    tokenizers) bench/peers/tokenizers.sh "$home" ;;
    *) echo "run.sh: '$part' is not one of generation, batching, attention, flex, kernels, tokenizers" >&2; exit 2 ;;
  esac
done
