// SPDX-License-Identifier: Apache-2.0
// What a scenario should need, computed on paper from the model's shape: the figure that the
// measured peak is read against.
#pragma once
#include "model/config.h"

typedef struct {
  int64_t batch, prompt_length, new_tokens;
  Dtype dtype;       // of weights and cache
  bool score_matrix; // attention keeps a whole [heads, length, length] matrix (eager)
} MemoryShape;

typedef struct {
  int64_t weights;     // tied ones once
  int64_t cache;       // keys and values of every token
  int64_t activations; // float32: the residual stream twice, the widest layer intermediates of the
                       // prefill at once, scores when kept, the logits of the last position
} MemoryEstimate;

MemoryEstimate memory_estimate_of(const ModelConfig *config, const MemoryShape *shape);
int64_t memory_estimate_total(const MemoryEstimate *estimate);
