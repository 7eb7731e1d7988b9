# SPDX-License-Identifier: Apache-2.0
"""More tiny checkpoints, smaller than those of make_models.py: head counts and sizes, biases, tying,
shards, stored dtypes, windows, and every RoPE scaling in the old and the new spelling of config.json.
The reference loads each folder as it stands (float32, eager), so that the spelling itself is tested.
Usage: python make_small_models.py OUT_DIR [NAME...]   (transformers and torch from PyPI)"""
import json
import os
import sys

import numpy as np
import torch
from transformers import (AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig, Qwen2Config,
                          Qwen3Config, SmolLM3Config)

VOCABULARY, PROMPT, NEW = 64, 41, 64
LEAST_GAP = 5e-3  # between the best two logits on the greedy path: below, a token is a coin toss


def base(**more):
    return {**dict(vocab_size=VOCABULARY, hidden_size=24, intermediate_size=32, num_hidden_layers=2,
                   num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
                   initializer_range=0.35, bos_token_id=1, eos_token_id=2, pad_token_id=0), **more}


def rope(kind, **more):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=1e4, **more))


LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
YARN = dict(factor=4.0, original_max_position_embeddings=32)

# name: (config class, its arguments, options: old spelling, stored dtype, shard size)
CASES = {
    "small-llama-theta-old": (LlamaConfig, base(rope_parameters=dict(rope_type="default", rope_theta=5e5)), dict(old="rope_type")),
    "small-llama-linear-old": (LlamaConfig, base(**rope("linear", factor=2.5)), dict(old="type")),
    "small-llama-dynamic-old": (LlamaConfig, base(max_position_embeddings=48, **rope("dynamic", factor=3.0)), dict(old="rope_type")),
    "small-llama-llama3-old": (LlamaConfig, base(**rope("llama3", **LLAMA3)), dict(old="rope_type")),
    "small-llama-yarn-old": (LlamaConfig, base(**rope("yarn", **YARN)), dict(old="type")),
    "small-llama-yarn-mscale": (LlamaConfig, base(head_dim=16, **rope("yarn", mscale=1.2, mscale_all_dim=0.8, truncate=False, **YARN)), {}),
    "small-llama-yarn-beta": (LlamaConfig, base(head_dim=16, **rope("yarn", beta_fast=8.0, beta_slow=2.0, attention_factor=1.3, **YARN)), {}),
    "small-llama-heads": (LlamaConfig, base(num_attention_heads=6, num_key_value_heads=3, head_dim=10), {}),
    "small-llama-mqa-sharded": (LlamaConfig, base(num_attention_heads=3, num_key_value_heads=1, tie_word_embeddings=False), dict(shard="9KB")),
    "small-llama-bf16": (LlamaConfig, base(mlp_bias=True, hidden_act="gelu"), dict(dtype=torch.bfloat16)),
    "small-llama-f16": (LlamaConfig, base(attention_bias=True, tie_word_embeddings=True), dict(dtype=torch.float16)),
    "small-mistral-full": (MistralConfig, base(sliding_window=None, head_dim=8, rms_norm_eps=1e-5), {}),
    "small-mistral-window": (MistralConfig, base(sliding_window=16, tie_word_embeddings=True), dict(old="rope_type")),
    "small-qwen2-window": (Qwen2Config, base(num_hidden_layers=3, use_sliding_window=True, sliding_window=7, max_window_layers=1), {}),
    "small-qwen2-yarn": (Qwen2Config, base(num_key_value_heads=4, tie_word_embeddings=True, **rope("yarn", **YARN)), dict(old="type")),
    "small-qwen3-bias": (Qwen3Config, base(num_attention_heads=6, num_key_value_heads=3, head_dim=12, attention_bias=True, tie_word_embeddings=True), {}),
    "small-qwen3-layers": (Qwen3Config, base(num_hidden_layers=3, head_dim=8, use_sliding_window=True, sliding_window=5,
                                             layer_types=["sliding_attention", "full_attention", "sliding_attention"]), {}),
    "small-smollm3-list": (SmolLM3Config, base(num_hidden_layers=3, no_rope_layers=[0, 1, 1], attention_bias=True, tie_word_embeddings=False), {}),
    "small-smollm3-window": (SmolLM3Config, base(num_hidden_layers=3, no_rope_layer_interval=2, use_sliding_window=True, sliding_window=6), {}),
    "small-gpt2-inner": (GPT2Config, dict(vocab_size=VOCABULARY, n_embd=24, n_layer=3, n_head=3, n_positions=128, n_inner=40, initializer_range=0.3,
                                          scale_attn_by_inverse_layer_idx=True, activation_function="relu", bos_token_id=1, eos_token_id=2), {}),
    "small-gpt2-untied": (GPT2Config, dict(vocab_size=VOCABULARY, n_embd=24, n_layer=2, n_head=2, n_positions=112, initializer_range=0.3,
                                           tie_word_embeddings=False, bos_token_id=1, eos_token_id=2), {}),
}


def respell(folder, key):
    """Rewrites config.json in the spelling of transformers 4."""
    path = os.path.join(folder, "config.json")
    config = json.load(open(path))
    new = config.pop("rope_parameters")
    config["rope_theta"] = new.pop("rope_theta")
    kind = new.pop("rope_type")
    config["rope_scaling"] = None if kind == "default" else {key: kind, **new}
    config["torch_dtype"] = config.pop("dtype", "float32")
    json.dump(config, open(path, "w"), indent=2)


def make(folder, config_class, arguments, options, seed):
    torch.manual_seed(seed)
    config = config_class(**arguments)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float()
    for name, parameter in model.named_parameters():  # norms and biases away from their trivial values
        if parameter.dim() == 1:
            is_scale = "norm" in name or ("ln_" in name and name.endswith("weight"))
            torch.nn.init.normal_(parameter, 1.0 if is_scale else 0.0, 0.2)
    model.to(options.get("dtype", torch.float32)).save_pretrained(folder, max_shard_size=options.get("shard", "1GB"))
    if "old" in options:
        respell(folder, options["old"])


def run(folder, seed):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = np.random.default_rng(seed).integers(3, VOCABULARY, size=(1, PROMPT))
    with torch.no_grad():
        logits = model(torch.tensor(ids)).logits[0].numpy()
        result = model.generate(torch.tensor(ids), do_sample=False, max_new_tokens=NEW, min_new_tokens=NEW, eos_token_id=None,
                                pad_token_id=0, return_dict_in_generate=True, output_logits=True)
    best = torch.cat(result.logits).topk(2, -1).values
    return ids[0].tolist(), logits, result.sequences[0, PROMPT:].tolist(), (best[:, 0] - best[:, 1]).min().item()


def main():
    out, only = sys.argv[1], sys.argv[2:]
    for name, (config_class, arguments, options) in CASES.items():
        if only and name not in only:
            continue
        folder = os.path.join(out, name)
        for seed in range(1, 100):
            make(folder, config_class, arguments, options, seed)
            ids, logits, greedy, gap = run(folder, seed)
            if gap >= LEAST_GAP and len(set(greedy)) > 8:
                break
        np.save(os.path.join(folder, "logits.npy"), logits.astype(np.float32))
        json.dump(dict(ids=ids, greedy=greedy, min_gap=gap), open(os.path.join(folder, "expected.json"), "w"))
        print(name, "seed", seed, "deviation", float(logits.std()), "gap", round(gap, 5), flush=True)


main()
