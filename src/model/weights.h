// SPDX-License-Identifier: Apache-2.0
// The weights of a decoder in the form the kernels read. Matrices are packed (kernels/matrix.h) in
// the model's dtype; norms and biases are float32, rounded to the dtype first.
#pragma once
#include "kernels/matrix.h"

typedef struct {
  const float *weight, *bias; // [size]; bias NULL for RMSNorm; weight NULL: no such norm
} Norm;

typedef struct {
  Norm attention_norm;       // [hidden]
  Matrix qkv;                // [(heads + 2 kv_heads) head_dim, hidden]: rows q, k, v
  Norm query_norm, key_norm; // [head_dim], qwen3
  Matrix attention_output;   // [hidden, heads head_dim]
  Norm mlp_norm;             // [hidden]
  Matrix up;   // gated: [2 intermediate, hidden], rows gate, up; else [intermediate, hidden]
  Matrix down; // [hidden, intermediate]
} LayerWeights;

typedef struct {
  Matrix embedding;       // [vocabulary, hidden]
  const float *positions; // [max_positions, hidden] or NULL (gpt2)
  Norm final_norm;        // [hidden]
  Matrix head;            // [vocabulary, hidden]; shares the embedding's panels when tied
  LayerWeights *layers;   // [layers]
} Weights;
