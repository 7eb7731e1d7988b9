// SPDX-License-Identifier: Apache-2.0
// The operators and their attributes, for those who look into a recorded graph; models use the
// wrappers of kernels/ops.h. One file per group of operators; shapes are said there.
#pragma once
#include "kernels/ops.h"

typedef struct {
  const Matrix *matrix;
  LinearPlan plan;  // of linear, linear_add; {0}: the standard one
} MatrixAttributes; // embedding, linear, linear_argmax, linear_add

typedef struct {
  double epsilon;
} NormAttributes; // rms_norm, layer_norm

typedef struct {
  int64_t activation;
} ActivationAttributes;

typedef struct {
  double factor;
} ScaleAttributes;

typedef struct {
  int64_t window;
} MaskAttributes;

typedef struct {
  int64_t window;
  double factor;
} MaskedSoftmaxAttributes;

typedef struct {
  const Matrix *matrix;
  double epsilon;
  int64_t layer_norm; // 0: RMSNorm
  int64_t activation; // of norm_linear, gated_linear
  LinearPlan plan;    // of the same; {0}: the standard one
} FusedAttributes;    // norm_linear, norm_argmax, gated_linear

typedef struct {
  int64_t heads, kv_heads, head_dim, rotate;
  const float *query_norm, *key_norm; // [head_dim] or NULL
  double epsilon;
} RopeCacheAttributes;

extern const Operator embedding_operator;      // ids
extern const Operator add_positions_operator;  // x, table, past
extern const Operator linear_operator;         // x
extern const Operator linear_argmax_operator;  // x
extern const Operator rms_norm_operator;       // x, weight
extern const Operator layer_norm_operator;     // x, weight [, bias]
extern const Operator rope_operator;           // x, cosine, sine, past
extern const Operator activation_operator;     // x
extern const Operator multiply_operator;       // a, b
extern const Operator add_operator;            // a, b
extern const Operator scale_operator;          // x
extern const Operator mask_operator;           // scores, past
extern const Operator softmax_operator;        // x
extern const Operator masked_softmax_operator; // scores, past
extern const Operator matmul_scores_operator;  // q, k [, past]
extern const Operator matmul_values_operator;  // p, v [, past]
extern const Operator cache_write_operator;    // x, cache, past
extern const Operator norm_linear_operator;    // x, weight [, bias]
extern const Operator norm_argmax_operator;    // x, weight [, bias]
extern const Operator gated_linear_operator;   // x, weight [, bias]
extern const Operator linear_add_operator;     // x, residual
extern const Operator rope_cache_operator;     // qkv, cosine, sine, past, slots, keys, values
extern const Operator take_rows_operator;      // x, rows
