// SPDX-License-Identifier: Apache-2.0
#include "bench/generation/memory_estimate.h"

static int64_t largest(int64_t a, int64_t b) {
  return a > b ? a : b;
}

// Floats that one token of the prefill needs inside a layer: attention's q, k, v and output, or
// the MLP's gate, up and product, whichever is more, beside the normed input.
static int64_t token_floats(const ModelConfig *config) {
  int64_t attention = (2 * config->heads + 2 * config->kv_heads) * config->head_dim;
  int64_t mlp = (config->gated ? 3 : 1) * config->intermediate;
  return 3 * config->hidden + largest(attention, mlp);
}

// A score matrix is alive while attention runs, for one sequence's heads at a time.
static int64_t score_floats(const ModelConfig *config, const MemoryShape *shape) {
  if (!shape->score_matrix) return 0;
  return shape->batch * config->heads * shape->prompt_length * shape->prompt_length;
}

MemoryEstimate memory_estimate_of(const ModelConfig *config, const MemoryShape *shape) {
  int64_t bytes = dtype_facts(shape->dtype)->block_bytes;
  int64_t length = shape->prompt_length + shape->new_tokens;
  int64_t floats = shape->batch * shape->prompt_length * token_floats(config) +
                   score_floats(config, shape) + shape->batch * config->vocabulary;
  return (MemoryEstimate){
      .weights = config_weights(config) * bytes,
      .cache =
          shape->batch * length * config->layers * 2 * config->kv_heads * config->head_dim * bytes,
      .activations = floats * (int64_t)sizeof(float),
  };
}

int64_t memory_estimate_total(const MemoryEstimate *estimate) {
  return estimate->weights + estimate->cache + estimate->activations;
}
