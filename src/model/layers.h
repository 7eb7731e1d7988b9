// SPDX-License-Identifier: Apache-2.0
// The parts of a decoder layer as a table, so that fused kernels can take the place of compositions
// of primitive operators, part by part, without the decoder knowing.
#pragma once
#include "attention/attention.h"
#include "model/config.h"
#include "model/weights.h"

// The cache of one layer, shown whole: [batch, kv_heads, capacity, head_dim]. A paged cache has one
// capacity for all sequences: the batch's stride is 0.
typedef struct {
  Tensor keys, values;
} KeyValues;

typedef struct {
  Tensor cosine, sine; // [positions, dimensions / 2]; unused without rotary embedding
  Tensor past;         // int64 [batch]
  Tensor slots;        // int64 [batch]: where the cache takes them; `past`, or of a paged cache
} Positions;

typedef struct {
  const char *name; // "plain", "fused"
  // h [T, hidden], the residual stream → queries [batch, heads, M, head_dim], normalised and
  // rotated as the layer says; keys and values go into the cache.
  Tensor (*queries)(Ops *ops, const ModelConfig *config, const LayerWeights *weights, bool rotate,
                    const Tensor *h, const Positions *positions, const KeyValues *cache);
  // heads [T, heads head_dim] → h + their projection.
  Tensor (*output)(Ops *ops, const LayerWeights *weights, const Tensor *heads, const Tensor *h);
  // h + the layer's perceptron of it.
  Tensor (*mlp)(Ops *ops, const ModelConfig *config, const LayerWeights *weights, const Tensor *h);
  // Of the last rows of h: logits [T, vocabulary], and of each row the first index of the largest.
  Tensor (*logits)(Ops *ops, const ModelConfig *config, const Weights *weights, const Tensor *h);
  Tensor (*choices)(Ops *ops, const ModelConfig *config, const Weights *weights, const Tensor *h);
} Layers;

extern const Layers layers_plain; // primitive operators alone
extern const Layers
    layers_fused; // kernelized: norms with the products that follow, gates and
                  // residuals with the products before them, rotation with the cache
