// SPDX-License-Identifier: Apache-2.0
// What a scenario should need, computed on paper from the model's shape: the figure that the
// measured peak is read against, and that is known before anything is started.
#pragma once
#include "base/document.h"
#include "bench/scenario.h"
#include "model/config.h"

// What of a model decides how much memory it needs.
typedef struct {
  int64_t weights; // parameters, tied ones once
  int64_t vocabulary, hidden, layers, heads, kv_heads, head_dim, intermediate;
  bool gated;
} MemoryFacts;

typedef struct {
  int64_t batch, depth, prompt_length, new_tokens; // depth: tokens cached before the prompt
  Dtype dtype;                                     // of weights and cache
  bool score_matrix; // attention keeps a whole [heads, length, length] matrix (eager)
} MemoryShape;

// Bytes; INT64_MAX stands for more than that.
typedef struct {
  int64_t weights;     // tied ones once
  int64_t cache;       // keys and values of every token
  int64_t activations; // float32: the residual stream twice, the widest layer intermediates of the
                       // prefill at once, scores when kept, the logits of the last position
} MemoryEstimate;

MemoryFacts memory_facts_of(const ModelConfig *config);
// Reads what model_facts wrote.
CHECKED bool memory_facts_read(const Field *model, MemoryFacts *facts, Error *error);

// ERROR_ARGUMENT: the scenario's dtype is none.
CHECKED bool memory_shape_of(const Scenario *scenario, MemoryShape *shape, Error *error);
MemoryEstimate memory_estimate_of(const MemoryFacts *facts, const MemoryShape *shape);
int64_t memory_estimate_total(const MemoryEstimate *estimate);
