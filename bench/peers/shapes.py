# SPDX-License-Identifier: Apache-2.0
"""The shapes that every engine is measured on, and a GGUF file of one with random weights."""
import os

SHAPES = {
    "smollm2-135m": dict(hidden=576, intermediate=1536, layers=30, heads=9, kv_heads=3, head_dim=64,
                         vocabulary=49152, positions=8192, theta=100000.0),
    "llama-3.2-1b": dict(hidden=2048, intermediate=8192, layers=16, heads=32, kv_heads=8,
                         head_dim=64, vocabulary=128256, positions=131072, theta=500000.0),
}


def weights(shape):
    """Number of weights, the tied vocabulary matrix once."""
    s = SHAPES[shape]
    attention = s["hidden"] * s["head_dim"] * (2 * s["heads"] + 2 * s["kv_heads"])
    layer = attention + 3 * s["hidden"] * s["intermediate"] + 2 * s["hidden"]
    return s["vocabulary"] * s["hidden"] + s["layers"] * layer + s["hidden"]


def matrices(s):
    """Name in GGUF -> [rows, columns]."""
    yield "token_embd.weight", (s["vocabulary"], s["hidden"])
    for i in range(s["layers"]):
        yield f"blk.{i}.attn_q.weight", (s["heads"] * s["head_dim"], s["hidden"])
        yield f"blk.{i}.attn_k.weight", (s["kv_heads"] * s["head_dim"], s["hidden"])
        yield f"blk.{i}.attn_v.weight", (s["kv_heads"] * s["head_dim"], s["hidden"])
        yield f"blk.{i}.attn_output.weight", (s["hidden"], s["heads"] * s["head_dim"])
        yield f"blk.{i}.ffn_gate.weight", (s["intermediate"], s["hidden"])
        yield f"blk.{i}.ffn_up.weight", (s["intermediate"], s["hidden"])
        yield f"blk.{i}.ffn_down.weight", (s["hidden"], s["intermediate"])


def gguf_file(folder, shape, dtype):
    """Writes (once) a llama-architecture file without a vocabulary; returns its path."""
    import gguf
    import numpy as np
    path = os.path.join(folder, f"{shape}-{dtype}.gguf")
    if os.path.exists(path):
        return path
    s = SHAPES[shape]
    writer = gguf.GGUFWriter(path + ".part", "llama")
    writer.add_context_length(s["positions"])
    writer.add_embedding_length(s["hidden"])
    writer.add_block_count(s["layers"])
    writer.add_feed_forward_length(s["intermediate"])
    writer.add_head_count(s["heads"])
    writer.add_head_count_kv(s["kv_heads"])
    writer.add_rope_dimension_count(s["head_dim"])
    writer.add_rope_freq_base(s["theta"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(s["vocabulary"])
    writer.add_tokenizer_model("no_vocab")
    random = np.random.default_rng(1)
    for name, (rows, columns) in matrices(s):
        values = random.standard_normal((rows, columns), dtype=np.float32) * 0.02
        if dtype == "bfloat16":
            bits = values.view(np.uint32)
            halves = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
            writer.add_tensor(name, halves.view(np.uint8).reshape(rows, 2 * columns),
                              raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(name, values)
    for name in [f"blk.{i}.{kind}_norm.weight" for i in range(s["layers"])
                 for kind in ("attn", "ffn")] + ["output_norm.weight"]:
        writer.add_tensor(name, np.ones(s["hidden"], dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.rename(path + ".part", path)
    return path
