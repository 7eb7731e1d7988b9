# SPDX-License-Identifier: Apache-2.0
"""PyTorch's attention on the CPU, one question a line: {"what": "forward" | "backward" | "flex" |
"decode", "shape": [B, Hq, Hkv, M, N, D], "causal": bool, "seconds": S} is answered with the seconds of
every timed call, after one that is not counted. {"what": "pattern", "pattern": NAME, "documents": [N]
integers or null, "shape", "seconds"} asks for flex_attention compiled for a pattern of attometer's, checked
against its definition once, and is answered with {"compile": seconds of the first call, "times": [...]}.
float32. Usage: attention_worker.py THREADS"""
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


# score_mod and mask_mod of the patterns, as a user of flex_attention writes them.
def patterns(heads, documents):
    causal = lambda b, h, m, n: m >= n
    slope = lambda h: torch.exp2(-8.0 * (h + 1) / heads)
    return {"noop": (None, None),
            "causal": (None, causal),
            "rel": (lambda s, b, h, m, n: s + (m - n), None),
            "head_bias": (lambda s, b, h, m, n: s + 2 * h, None),
            "alibi": (lambda s, b, h, m, n: s + (n - m) * slope(h), causal),
            "sliding_window": (None, lambda b, h, m, n: (m >= n) & (m - n <= 512)),
            "document_mask": (None, lambda b, h, m, n: (documents[m] == documents[n]) & (m >= n)),
            "prefix_lm": (None, lambda b, h, m, n: (n < 512) | (m >= n)),
            "softcap": (lambda s, b, h, m, n: 50.0 * torch.tanh(s / 50.0), causal)}


def check_pattern(call, q, k, v, score_mod, mask_mod):
    """The last rows of the last head, from the definition."""
    rows, heads, n = 16, q.shape[1], k.shape[2]
    m, keys, h = torch.arange(q.shape[2])[-rows:, None], torch.arange(n)[None], torch.tensor(heads - 1)
    score = q[0, -1, -rows:] @ k[0, -1].T / math.sqrt(q.shape[3])
    zero = torch.tensor(0)
    if score_mod:
        score = score_mod(score, zero, h, m, keys)
    if mask_mod:
        score = score.masked_fill(~mask_mod(zero, h, m, keys), -torch.inf)
    assert torch.allclose(call()[0, -1, -rows:], torch.softmax(score, -1) @ v[0, -1], atol=1e-4)


def pattern(ask):
    torch._dynamo.reset()  # else the ninth pattern would not be compiled any more
    heads, m, n = ask["shape"][1], ask["shape"][3], ask["shape"][4]
    documents = torch.tensor(ask["documents"]) if ask["documents"] else None
    score_mod, mask_mod = patterns(heads, documents)[ask["pattern"]]
    block = create_block_mask(mask_mod, None, None, m, n, device="cpu") if mask_mod else None
    q, k, v = operands(ask["shape"], False)
    compiled = torch.compile(flex_attention, dynamic=False)
    call = lambda: compiled(q, k, v, score_mod=score_mod, block_mask=block, enable_gqa=heads != ask["shape"][2])
    start = time.perf_counter()
    call()
    first = time.perf_counter() - start
    check_pattern(call, q, k, v, score_mod, mask_mod)
    return call, first


held = {}  # of each cell its compiled call


def pattern_answer(ask):
    key = (ask["pattern"], tuple(ask["shape"]))
    first = None
    if key not in held:
        held.clear()
        held[key], first = pattern(ask)
    return {"compile": first, "times": timed(held[key], ask["seconds"])}


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
        if ask["what"] == "pattern":
            with torch.no_grad():
                print(json.dumps(pattern_answer(ask)), flush=True)
            continue
        with torch.set_grad_enabled(ask["what"] == "backward"):
            call = CALLS[ask["what"]](ask["shape"], ask["causal"])
            print(json.dumps(timed(call, ask["seconds"])), flush=True)


if __name__ == "__main__":
    main()
