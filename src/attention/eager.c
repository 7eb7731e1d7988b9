// SPDX-License-Identifier: Apache-2.0
#include "attention/eager.h"

Tensor attention_eager(Ops *ops, const AttentionSpec *spec, const AttentionInputs *inputs) {
  Tensor scores = ops_matmul_scores(ops, &inputs->queries, &inputs->keys);
  Tensor scaled = ops_scale(ops, &scores, spec->scale);
  Tensor masked = ops_mask(ops, &scaled, &inputs->past, spec->window);
  Tensor probabilities = ops_softmax(ops, &masked);
  return ops_matmul_values(ops, &probabilities, &inputs->values);
}
