#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The matrix of the coverage levels and of some sweeps, written apart from the program.

Writes matrix.json: a list of {"level", "flash": whether flash_attention_2 is there, "axes": lists of
dimensions, "cells": [[hash, name, [rules that fired]]…] in running order, each hash once}.
Usage: make_matrix.py > matrix.json
"""
import itertools
import json
import sys

from make_scenarios import row

ATTENTIONS = ["flash_attention_2", "eager", "sdpa", "flex_attention"]
MODES = [None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"]
REPLAYED = {"reduce-overhead", "max-autotune"}
DIMENSIONS = ["warmup_iterations", "measurement_iterations", "batch_size", "sequence_length",
              "num_tokens_to_generate", "gpu_monitoring"]


def scenario(attention, kwargs=None, kernelize=False, batching=False):
    return {"attn_implementation": attention, "compile_kwargs": kwargs, "kernelize": kernelize,
            "continuous_batching": batching}


def by_level(level):
    if level >= 3:
        modes = MODES if level == 4 else MODES[:2]
        for attention, mode, kernelize, batching in itertools.product(
                ATTENTIONS, modes, [False, True], [False, True]):
            yield scenario(attention, mode and {"mode": mode}, kernelize, batching)
        return
    steps = [
        [scenario("flex_attention", {})],
        [scenario("flash_attention_2"), scenario("eager", {}),
         scenario("flash_attention_2", batching=True)],
        [scenario("sdpa", {}), scenario("flex_attention", {}, kernelize=True),
         scenario("flash_attention_2", kernelize=True), scenario("sdpa", batching=True)],
    ]
    for step in steps[:level + 1]:
        yield from step


def ruled(asked, flash):
    """What the validity rules make of a scenario, and the names of those that fired."""
    out, fired = dict(asked), []
    if out["attn_implementation"] == "flash_attention_2" and not flash:
        out["attn_implementation"] = "sdpa"
        fired.append("fa2-unavailable")
    compiled = out["compile_kwargs"] is not None
    if out["attn_implementation"] == "flash_attention_2" and compiled \
            and not out["continuous_batching"]:
        out["compile_kwargs"] = None
        fired.append("fa2-compile")
    if out["attn_implementation"] == "flex_attention" and out["continuous_batching"]:
        out["continuous_batching"] = False
        fired.append("flex-batching")
    if out["continuous_batching"] and out["compile_kwargs"] is not None \
            and out["compile_kwargs"].get("mode", "reduce-overhead") in REPLAYED:
        out["compile_kwargs"] = {**out["compile_kwargs"], "mode": "default"}
        fired.append("batching-mode")
    return out, fired


def matrix(level, flash=True, **axes):
    lists = [axes.get(name, [None]) for name in DIMENSIONS]
    cells, seen = [], set()
    for point in itertools.product(*lists):
        given = {name: value for name, value in zip(DIMENSIONS, point) if value is not None}
        for asked in by_level(level):
            effective, fired = ruled({**asked, **given}, flash)
            made = row(effective)
            if made["hash"] not in seen:
                seen.add(made["hash"])
                cells.append([made["hash"], made["name"], fired])
    return {"level": level, "flash": flash, "axes": axes, "cells": cells}


def cases():
    for level in range(5):
        yield matrix(level)
        yield matrix(level, flash=False)
        yield matrix(level, warmup_iterations=[3], measurement_iterations=[10])
    yield matrix(1, batch_size=[1, 4], sequence_length=[64, 128, 256])
    yield matrix(2, warmup_iterations=[0, 2], measurement_iterations=[1, 5], batch_size=[8, 1],
                 sequence_length=[16], num_tokens_to_generate=[2, 32],
                 gpu_monitoring=[True, False])
    yield matrix(4, num_tokens_to_generate=[16], gpu_monitoring=[False])


def main():
    rows = ",\n".join(json.dumps(case) for case in cases())
    sys.stdout.write(f"[\n{rows}\n]\n")


if __name__ == "__main__":
    main()
