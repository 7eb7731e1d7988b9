// SPDX-License-Identifier: Apache-2.0
// The parts of a decoder layer as a table, so that fused kernels can take the place of compositions
// of primitive operators, part by part, without the decoder knowing.
#pragma once
#include "attention/attention.h"
#include "model/config.h"
#include "model/weights.h"

// The cache of one layer, shown whole: [batch, kv_heads, capacity, head_dim].
typedef struct {
  Tensor keys, values;
} KeyValues;

typedef struct {
  Tensor cosine, sine; // [positions, dimensions / 2]; unused without rotary embedding
  Tensor past;         // int64 [batch]
} Positions;

typedef struct {
  const char *name;
  // x [T, hidden] → normalised, the shape of x.
  Tensor (*norm)(Ops *ops, const ModelConfig *config, const Norm *norm, const Tensor *x);
  // qkv [T, (heads + 2 kv_heads) head_dim] → queries [batch, heads, M, head_dim], normalised and
  // rotated as the layer says; keys and values go into the cache.
  Tensor (*queries)(Ops *ops, const ModelConfig *config, const LayerWeights *weights, bool rotate,
                    const Tensor *qkv, const Positions *positions, const KeyValues *cache);
  // x [T, hidden], normalised → [T, hidden], before the residual is added.
  Tensor (*mlp)(Ops *ops, const ModelConfig *config, const LayerWeights *weights, const Tensor *x);
} Layers;

extern const Layers layers_plain; // primitive operators alone
