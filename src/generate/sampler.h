// SPDX-License-Identifier: Apache-2.0
// Choosing the next token from logits: greedy, or temperature, then top-k, then top-p (the order
// and the tie rules of the field: decoders.md §7).
#pragma once
#include "base/random.h"
#include <stdbool.h>

typedef struct {
  bool sample;        // false: greedy, the first largest logit
  double temperature; // > 0
  int64_t top_k;      // 0: off; ties with the k-th are kept
  double top_p;       // 1: off; the smallest set with cumulative probability >= top_p
  uint64_t seed;
} Sampling;

Sampling sampling_greedy(void);
