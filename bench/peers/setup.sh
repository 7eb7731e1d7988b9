#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the peers under the folder given: transformers and PyTorch, tokenizers, and llama.cpp
# built for this processor from the source inside llama-cpp-python. What is there already is kept.
set -eu
home=$1
llama=0.3.36

mkdir -p "$home"
if [ ! -x "$home/venv/bin/python" ]; then
  python3 -m venv "$home/venv"
fi
"$home/venv/bin/python" -c 'import torch, transformers, tokenizers, gguf' 2>/dev/null ||
  "$home/venv/bin/pip" install --quiet --disable-pip-version-check \
    torch transformers tokenizers gguf numpy scikit-build-core

if [ ! -x "$home/llama-build/bin/llama-bench" ]; then
  command -v cmake >/dev/null || { echo "cmake is needed to build llama.cpp" >&2; exit 1; }
  "$home/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
    --no-build-isolation --dest "$home" "llama-cpp-python==$llama"
  mkdir -p "$home/llama-source"
  tar xzf "$home/llama_cpp_python-$llama.tar.gz" -C "$home/llama-source" --strip-components=1
  cmake -S "$home/llama-source/vendor/llama.cpp" -B "$home/llama-build" -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DGGML_CUDA=OFF -DLLAMA_CURL=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF -DBUILD_SHARED_LIBS=OFF >/dev/null
  ninja -C "$home/llama-build" llama-bench llama-batched-bench
fi
