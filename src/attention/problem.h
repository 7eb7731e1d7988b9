// SPDX-License-Identifier: Apache-2.0
// One case of attention by itself, forward and backward, as `attometer attention` measures it:
//
//   s = score_mod(scale q kᵀ) where mask_mod, else -inf;  p = softmax(s);  out = p v
//   lse = log Σ exp(s)
//
// q_idx and kv_idx count from 0 whatever M and N are (causal is aligned at the top left). Query
// head h meets key head h / (heads / kv_heads). A row that sees no key gives out 0, lse -inf and
// zero gradients. Sums are float32; p is float32.
#pragma once
#include "kernels/kernels.h"
#include "mods/mod.h"
#include "tensor/tensor.h"

typedef struct {
  int64_t batch, heads, kv_heads, queries, keys, head_dim; // B, Hq, Hkv, M, N, D
  double scale;                                            // 1 / sqrt(D) usually
  Dtype dtype;         // of q, k, v, out, dout and the gradients: float32, bfloat16, float16
  const BoundMod *mod; // NULL: noop
} AttentionProblem;

// Tensors may be strided but for their last dimension: [B, S, H, D] seen as [B, H, S, D].
typedef struct {
  Tensor q;    // [B, Hq, M, D]
  Tensor k, v; // [B, Hkv, N, D]
} AttentionOperands;

typedef struct {
  Tensor out; // [B, Hq, M, D]
  float *lse; // [B, Hq, M]; the tiled kernels take NULL: not wanted
} AttentionResult;

typedef struct {
  Tensor dq;     // [B, Hq, M, D]
  Tensor dk, dv; // [B, Hkv, N, D]: summed over the heads of the group
} AttentionGradients;

enum { ATTENTION_MOST_HEAD_DIM = 256 };

// The mod of a problem; where it has none, *noop, which is filled: everything visible, the score as
// it is.
static inline const BoundMod *problem_mod(const AttentionProblem *problem, BoundMod *noop) {
  if (problem->mod) return problem->mod;
  *noop = (BoundMod){.name = "noop",
                     .shape = {.batch = problem->batch,
                               .heads = problem->heads,
                               .kv_heads = problem->kv_heads,
                               .queries = problem->queries,
                               .keys = problem->keys,
                               .head_dim = problem->head_dim}};
  return noop;
}
