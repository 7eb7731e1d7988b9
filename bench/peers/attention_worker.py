# SPDX-License-Identifier: Apache-2.0
"""PyTorch's attention on the CPU, one question a line: {"what": "forward" | "backward" | "flex" |
"decode", "shape": [B, Hq, Hkv, M, N, D], "causal": bool, "seconds": S} is answered with the seconds of
every timed call, after one that is not counted. float32. Usage: attention_worker.py THREADS"""
import json
import math
import sys
import time

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

LEAST_CALLS = 3
compiled_flex = torch.compile(flex_attention, dynamic=False)


def operands(shape, gradients):
    b, heads, kv, m, n, d = shape
    make = lambda h, length: torch.rand(b, length, h, d).transpose(1, 2).requires_grad_(gradients)
    return make(heads, m), make(kv, n), make(kv, n)


def forward(shape, causal):
    q, k, v = operands(shape, False)
    return lambda: scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=shape[1] != shape[2])


def backward(shape, causal):
    q, k, v = operands(shape, True)
    out = scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=shape[1] != shape[2])
    dout = torch.rand_like(out)
    return lambda: torch.autograd.grad(out, (q, k, v), dout, retain_graph=True)


def flex(shape, causal):
    q, k, v = operands(shape, False)
    block = None
    if causal:
        block = create_block_mask(lambda b, h, i, j: i >= j, None, None, shape[3], shape[4], device="cpu")
    return lambda: compiled_flex(q, k, v, block_mask=block, enable_gqa=shape[1] != shape[2])


CALLS = {"forward": forward, "backward": backward, "decode": forward, "flex": flex}


def timed(call, seconds):
    call()
    times, begin = [], time.perf_counter()
    while len(times) < LEAST_CALLS or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def check(shape, causal):
    """The peer is asked for what it is asked for: softmax(q kT / sqrt(D)) v, top-left causal."""
    q, k, v = operands(shape, False)
    score = q @ k.repeat_interleave(shape[1] // shape[2], 1).transpose(-1, -2) / math.sqrt(shape[5])
    if causal:
        score = score.masked_fill(~torch.ones(shape[3], shape[4], dtype=torch.bool).tril(), -torch.inf)
    out = torch.softmax(score, -1) @ v.repeat_interleave(shape[1] // shape[2], 1)
    other = scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=shape[1] != shape[2])
    assert torch.allclose(out, other, atol=1e-5)


def main():
    torch.set_num_threads(int(sys.argv[1]))
    check((1, 4, 2, 33, 47, 16), True)
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        ask = json.loads(line)
        with torch.set_grad_enabled(ask["what"] == "backward"):
            call = CALLS[ask["what"]](ask["shape"], ask["causal"])
            print(json.dumps(timed(call, ask["seconds"])), flush=True)


if __name__ == "__main__":
    main()
