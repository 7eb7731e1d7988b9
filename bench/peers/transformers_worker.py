# SPDX-License-Identifier: Apache-2.0
"""One transformers model in one process: reads JSON requests {"attention", "prompt", "tokens"} from
stdin, one line each, and answers {"prefill_s", "decode_s"} (decode: mean seconds a token), for "compiled"
(torch.compile of sdpa with a static cache of the length that is needed) also "compile_s", what the calls
took that compiled. Sleeps in between, so that other engines can be measured in turn.
Usage: transformers_worker.py SHAPE DTYPE THREADS"""
import json
import sys
import time

import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, StaticCache

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
def measure(model, step, cache, prompt, tokens):
    """Prefill of `prompt` ids, then `tokens` - 1 steps, greedy."""
    ids = torch.randint(0, model.config.vocab_size, (1, prompt))
    start = time.perf_counter()
    token = step(ids, cache=cache, use_cache=True, logits_to_keep=1).logits[:, -1:].argmax(-1)
    first = time.perf_counter()
    for _ in range(tokens - 1):
        token = step(token, cache=cache, use_cache=True, logits_to_keep=1).logits[:, -1:].argmax(-1)
    end = time.perf_counter()
    return {"prefill_s": first - start, "decode_s": (end - first) / max(1, tokens - 1)}


def measure_growing(model, prompt, tokens):
    return measure(model, model, DynamicCache(config=model.config), prompt, tokens)


class Compiled:
    """Compiled once for each size, by a run that is not counted."""
    def __init__(self, model):
        self.model, self.seconds = model, {}
        self.step = torch.compile(model, dynamic=False)

    def run(self, prompt, tokens):
        cache = StaticCache(config=self.model.config, max_cache_len=prompt + tokens)
        return measure(self.model, self.step, cache, prompt, tokens)

    def measure(self, prompt, tokens):
        if (prompt, tokens) not in self.seconds:
            start = time.perf_counter()
            self.run(prompt, tokens)
            self.seconds[prompt, tokens] = time.perf_counter() - start
        return {**self.run(prompt, tokens), "compile_s": self.seconds[prompt, tokens]}


def main():
    shape, dtype, threads = sys.argv[1:4]
    torch.set_num_threads(int(threads))
    model = model_of(shape, dtype)
    measure_growing(model, 16, 4)
    compiled = Compiled(model)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        compiles = request["attention"] == "compiled"
        attention = "sdpa" if compiles else request["attention"]
        if model.config._attn_implementation != attention:
            model.set_attn_implementation(attention)
            measure_growing(model, 16, 4)
        run = compiled.measure if compiles else lambda *size: measure_growing(model, *size)
        print(json.dumps(run(request["prompt"], request["tokens"])), flush=True)


main()
