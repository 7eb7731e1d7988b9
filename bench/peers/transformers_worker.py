# SPDX-License-Identifier: Apache-2.0
"""One transformers model in one process: reads JSON requests {"attention", "prompt", "tokens"} from
stdin, one line each, and answers {"prefill_s", "decode_s"} (decode: mean seconds a token). Sleeps in
between, so that other engines can be measured in turn.
Usage: transformers_worker.py SHAPE DTYPE THREADS"""
import json
import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from shapes import SHAPES


def model_of(shape, dtype):
    s = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=s["vocabulary"], hidden_size=s["hidden"], intermediate_size=s["intermediate"],
        num_hidden_layers=s["layers"], num_attention_heads=s["heads"],
        num_key_value_heads=s["kv_heads"], head_dim=s["head_dim"],
        max_position_embeddings=s["positions"], rope_theta=s["theta"], tie_word_embeddings=True)
    torch.manual_seed(1)
    model = LlamaForCausalLM(config).to(getattr(torch, dtype)).eval()
    return model


@torch.inference_mode()
def measure(model, prompt, tokens):
    """Prefill of `prompt` ids, then `tokens` - 1 steps, greedy, with the growing cache."""
    ids = torch.randint(0, model.config.vocab_size, (1, prompt))
    start = time.perf_counter()
    out = model(ids, use_cache=True, logits_to_keep=1)
    token = out.logits[:, -1:].argmax(-1)
    first = time.perf_counter()
    for _ in range(tokens - 1):
        out = model(token, past_key_values=out.past_key_values, use_cache=True, logits_to_keep=1)
        token = out.logits[:, -1:].argmax(-1)
    end = time.perf_counter()
    return {"prefill_s": first - start, "decode_s": (end - first) / max(1, tokens - 1)}


def main():
    shape, dtype, threads = sys.argv[1:4]
    torch.set_num_threads(int(threads))
    model = model_of(shape, dtype)
    measure(model, 16, 4)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if model.config._attn_implementation != request["attention"]:
            model.set_attn_implementation(request["attention"])
            measure(model, 16, 4)
        print(json.dumps(measure(model, request["prompt"], request["tokens"])), flush=True)


main()
