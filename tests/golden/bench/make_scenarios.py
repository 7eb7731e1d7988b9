#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names and hashes of benchmark scenarios, made with Python's own json and hashlib.

Writes scenarios.json: a list of {"scenario": what a configuration file may hold, "name", "verbose",
"hash"}. Usage: make_scenarios.py > scenarios.json
"""
import hashlib
import itertools
import json
import sys

DEFAULTS = {
    "warmup_iterations": 5, "measurement_iterations": 20, "gpu_monitoring": True,
    "continuous_batching": False, "batch_size": 1, "sequence_length": 128,
    "num_tokens_to_generate": 128, "attn_implementation": "eager", "compile_kwargs": None,
    "kernelize": False,
}
KWARGS = {"fullgraph": True, "dynamic": None, "backend": "inductor", "mode": "reduce-overhead",
          "options": None}
SUFFIXES = [("dtype", "dtype", "bfloat16"), ("device", "device", None), ("threads", "threads", 0),
            ("cpu_mask", "cpu", None), ("sdpa_backend", "sdpa", None)]


def completed(scenario):
    config = {**DEFAULTS, **{k: v for k, v in scenario.items() if k in DEFAULTS}}
    if "compile_mode" in scenario and scenario["compile_mode"] is not None:
        config["compile_kwargs"] = {"mode": scenario["compile_mode"],
                                    "options": scenario.get("compile_options") or None}
    if config["compile_kwargs"] is not None:
        config["compile_kwargs"] = {key: config["compile_kwargs"].get(key, KWARGS[key])
                                    for key in KWARGS}
    return config


def compact_name(config, scenario):
    kwargs = config["compile_kwargs"]
    name = "-".join([
        f"w{config['warmup_iterations']}_i{config['measurement_iterations']}",
        "monitored" if config["gpu_monitoring"] else "unmonitored",
        f"b{config['batch_size']}_s{config['sequence_length']}"
        f"_n{config['num_tokens_to_generate']}",
        config["attn_implementation"],
        f"compiled_{kwargs['mode']}" if kwargs else "uncompiled",
        "kernelized" if config["kernelize"] else "unkernelized",
        "cb" if config["continuous_batching"] else "generate"])
    for key, word, default in SUFFIXES:
        value = scenario.get(key, default)
        if value != default:
            name += f"-{word}_{value}"
    return name


def verbose_name(config):
    return ", ".join([
        f"{config['warmup_iterations']} warmup", f"{config['measurement_iterations']} iterations",
        f"{'with' if config['gpu_monitoring'] else 'no'} GPU monitoring",
        f"batch size {config['batch_size']}", f"sequence length {config['sequence_length']}",
        f"{config['num_tokens_to_generate']} generated tokens",
        f"{config['attn_implementation']} attention",
        "compiled" if config["compile_kwargs"] else "not compiled",
        "kernelized" if config["kernelize"] else "not kernelized",
        "continuous batching" if config["continuous_batching"] else "regular generate"])


def row(scenario):
    config = completed(scenario)
    hashed = {"name": scenario.get("name") or compact_name(config, scenario), **config}
    return {"scenario": scenario, "name": hashed["name"], "verbose": verbose_name(config),
            "hash": hashlib.sha256(json.dumps(hashed).encode()).hexdigest()}


def scenarios():
    yield {}
    for attention, kwargs, kernelize, batching in itertools.product(
            ["eager", "sdpa", "flash_attention_2", "flex_attention"],
            [None, {}, {"mode": "default"}, {"mode": "max-autotune"},
             {"mode": "max-autotune-no-cudagraphs", "dynamic": True}],
            [False, True], [False, True]):
        yield {"attn_implementation": attention, "compile_kwargs": kwargs, "kernelize": kernelize,
               "continuous_batching": batching, "skip_validity_check": True}
    yield {"name": "na\u00efve \u65e5\u672c \U0001f600 \"quoted\" \\ back \x7f"}
    yield {"warmup_iterations": 0, "measurement_iterations": 1, "gpu_monitoring": False,
           "batch_size": 16, "sequence_length": 4096, "num_tokens_to_generate": 2}
    yield {"compile_kwargs": {"fullgraph": False, "dynamic": False, "backend": "eager",
                              "options": {"epilogue": True, "depth": 3, "rate": 0.1, "tiny": 1e-05,
                                          "big": 1e+16, "one": 1.0, "list": [1, "a", None, {}],
                                          "text": "\u00e9"}}}
    yield {"dtype": "float32"}
    yield {"dtype": "float16", "device": "cuda", "threads": 3, "cpu_mask": "avx2",
           "attn_implementation": "sdpa", "sdpa_backend": "math"}
    yield {"attn_implementation": "sdpa", "sdpa_backend": "efficient_attention"}
    yield {"compile_mode": "max-autotune", "compile_options": {}}
    yield {"compile_mode": "default", "compile_options": {"a": 1}}
    yield {"compile_mode": None, "compile_options": {}}


def main():
    rows = ",\n".join(json.dumps(row(scenario)) for scenario in scenarios())
    sys.stdout.write(f"[\n{rows}\n]\n")


if __name__ == "__main__":
    main()
