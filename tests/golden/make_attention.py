# SPDX-License-Identifier: Apache-2.0
"""Small cases of attention with what PyTorch gives for them: flex_attention (out and lse) and, where it
has the mask or bias as a tensor, scaled_dot_product_attention (out and gradients), in float64. Gradients
of the rest, for which flex_attention has no CPU path, come from autograd of the formula written out,
which must agree with both to 1e-12. Inputs are bfloat16 values, so that they are the same in every dtype.

Writes attention/cases.json and attention/NAME.npy, float32: q, k, v, dout, out, lse, dq, dk, dv one after
another. Usage: python make_attention.py OUT_DIR   (torch and numpy from PyPI)"""
import json
import math
import os
import sys

import numpy as np
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

WINDOW, PREFIX, CAP = 6, 7, 3
SHAPES = {  # name: B, Hq, Hkv, M, N, D
    "square": (2, 4, 2, 24, 24, 8), "wide": (1, 6, 2, 13, 31, 5), "tall": (1, 3, 1, 34, 9, 16),
    "plain": (1, 2, 2, 17, 17, 12)}


def causal(b, h, q, k):
    return q >= k


# name: score_mod, mask_mod (as PyTorch's users write them), parameters, the expressions of those that
# are not one of the nine patterns
def mods(shape, doc, slope):
    _, heads, _, _, _, _ = shape
    return {
        "noop": (None, None, {}, {}),
        "causal": (None, causal, {}, {}),
        "rel": (lambda s, b, h, q, k: s + (q - k), None, {}, {}),
        "head_bias": (lambda s, b, h, q, k: s + 2 * h, None, {}, {}),
        "alibi": (lambda s, b, h, q, k: s + (k - q) * torch.exp2(-((h + 1) * 8.0 / heads)), causal, {}, {}),
        "sliding_window": (None, lambda b, h, q, k: (q >= k) & (q - k <= WINDOW), {"window": WINDOW}, {}),
        "document_mask": (None, lambda b, h, q, k: (doc[q] == doc[k]) & (q >= k), {}, {}),
        "prefix_lm": (None, lambda b, h, q, k: (k < PREFIX) | (q >= k), {"prefix": PREFIX}, {}),
        "softcap": (lambda s, b, h, q, k: CAP * torch.tanh(s / CAP), causal, {"cap": CAP}, {}),
        "slopes": (lambda s, b, h, q, k: s - slope[h] * torch.abs(q - k), lambda b, h, q, k: k % 3 != q % 3, {},
                   {"score": "score - slope[h] * abs(q_idx - kv_idx)", "mask": "kv_idx % 3 != q_idx % 3"}),
        "squares": (lambda s, b, h, q, k: torch.where(s > 0, s * s, s / 4), lambda b, h, q, k: (q > 2) & (k != 5), {},
                    {"score": "where(score > 0, score * score, score / 4)", "mask": "q_idx > 2 and kv_idx != 5"}),
    }


def tensors(shape, generator):
    b, heads, kv, m, n, d = shape
    draw = lambda *size: torch.randn(*size, generator=generator).bfloat16().double()
    return draw(b, heads, m, d), draw(b, kv, n, d), draw(b, kv, n, d), draw(b, heads, m, d)


def grid(shape, function, *before):
    """The mod over all (b, h, q, k), as vmap gives it to flex_attention."""
    b, heads, _, m, n, _ = shape
    index = [torch.arange(s).view([-1 if i == axis else 1 for i in range(4)])
             for axis, s in enumerate((b, heads, m, n))]
    return torch.broadcast_to(function(*before, *index), (b, heads, m, n))


def formula(shape, q, k, v, score_mod, mask_mod):
    group = shape[1] // shape[2]
    k, v = (x.repeat_interleave(group, dim=1) for x in (k, v))
    score = q @ k.transpose(-1, -2) / math.sqrt(shape[5])
    if score_mod:
        score = grid(shape, score_mod, score)
    if mask_mod:
        score = score.masked_fill(~grid(shape, mask_mod), -torch.inf)
    lse = torch.logsumexp(score, -1)
    p = torch.exp(score - torch.where(lse == -torch.inf, 0.0, lse).unsqueeze(-1))
    return p @ v, lse


def flex(shape, q, k, v, score_mod, mask_mod):
    b, heads, _, m, n, _ = shape
    block = mask_mod and create_block_mask(mask_mod, b, heads, m, n, device="cpu")
    return flex_attention(q, k, v, score_mod=score_mod, block_mask=block, enable_gqa=shape[1] != shape[2],
                          return_lse=True)


def sdpa(shape, q, k, v, score_mod, mask_mod):
    """None where the mod is no tensor that adds to the scores, or a row sees nothing."""
    bias = torch.zeros(shape[0], shape[1], shape[3], shape[4], dtype=torch.float64)
    if score_mod:
        once, twice = (grid(shape, score_mod, torch.full_like(bias, x)) for x in (1.0, 2.0))
        if not torch.equal(twice - once, torch.ones_like(once)):
            return None
        bias = once - 1.0
    if mask_mod:
        bias = bias.masked_fill(~grid(shape, mask_mod), -torch.inf)
    if torch.any(torch.all(bias == -torch.inf, -1)):
        return None
    if mask_mod is causal and not score_mod:
        return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return scaled_dot_product_attention(q, k, v, attn_mask=bias, enable_gqa=True)


def gradients(out, dout, operands):
    return torch.autograd.grad(out, operands, dout, retain_graph=True)


def must_agree(name, what, a, b):
    if not torch.allclose(a, b, rtol=1e-12, atol=1e-12):
        sys.exit(f"{name}: {what} differs by {(a - b).abs().max()}")


def case(name, shape, operands, dout, score_mod, mask_mod):
    q, k, v = (x.clone().requires_grad_() for x in operands)
    out, lse = formula(shape, q, k, v, score_mod, mask_mod)
    results = gradients(out, dout, (q, k, v))
    other, other_lse = flex(shape, *operands, score_mod, mask_mod)
    must_agree(name, "out of flex_attention", out, other)
    must_agree(name, "lse of flex_attention", lse, other_lse)
    third = sdpa(shape, q, k, v, score_mod, mask_mod)
    if third is not None:
        must_agree(name, "out of scaled_dot_product_attention", out, third)
        for what, a, b in zip(("dq", "dk", "dv"), results, gradients(third, dout, (q, k, v))):
            must_agree(name, what, a, b)
    values = [*operands, dout, out, lse, *results]
    return np.concatenate([x.detach().numpy().ravel() for x in values]).astype(np.float32), third is not None


def main():
    folder, cases = os.path.join(sys.argv[1], "attention"), []
    os.makedirs(folder, exist_ok=True)
    generator = torch.Generator().manual_seed(20261122)
    for shape_name, shape in SHAPES.items():
        length = max(shape[3], shape[4])
        doc = (torch.rand(length, generator=generator) < 0.15).cumsum(0)
        slope = torch.rand(shape[1], generator=generator).bfloat16().double()
        for mod_name, (score_mod, mask_mod, parameters, texts) in mods(shape, doc, slope).items():
            name = f"{mod_name}-{shape_name}"
            q, k, v, dout = tensors(shape, generator)
            values, by_sdpa = case(name, shape, (q, k, v), dout, score_mod, mask_mod)
            np.save(os.path.join(folder, name + ".npy"), values)
            arrays = {"doc": doc.tolist()} if mod_name == "document_mask" else {}
            if mod_name == "slopes":
                arrays = {"slope": slope.tolist()}
            cases.append({"name": name, "shape": list(shape), "mod": mod_name, **texts, "params": parameters,
                          "arrays": arrays, "scaled_dot_product_attention": by_sdpa})
    with open(os.path.join(folder, "cases.json"), "w", encoding="utf-8") as file:
        rows = ",\n".join("  " + json.dumps(row) for row in cases)
        file.write('{"torch": "%s", "cases": [\n%s\n]}\n' % (torch.__version__.split("+")[0], rows))


if __name__ == "__main__":
    main()
