// SPDX-License-Identifier: Apache-2.0
// Choosing the next token from logits: greedy, or temperature, then top-k, then top-p (the order
// and the tie rules of the field: decoders.md §7).
#pragma once
#include "kernels/kernels.h"
#include <stdint.h>

typedef struct {
  bool sample;        // false: greedy, the first largest logit
  double temperature; // > 0
  int64_t top_k;      // 0: off; ties with the k-th are kept
  double top_p;       // 1: off; the smallest set with cumulative probability >= top_p
  uint64_t seed;
} Sampling;

Sampling sampling_greedy(void);
CHECKED bool sampling_check(const Sampling *sampling, Error *error); // that it makes sense

// Room to work in for one vocabulary, so that choosing allocates nothing.
typedef struct Sampler Sampler;

Sampler *sampler_open(const Kernels *kernels, int64_t vocabulary);
void sampler_close(Sampler *sampler); // NULL is fine
// The id chosen from logits [vocabulary]. The draw of a sampled one is a function of (seed,
// sequence, step) alone, whatever else runs beside it, and never a NaN's id; greedy takes a NaN for
// the largest, so that a broken model shows.
int32_t sampler_choose(Sampler *sampler, const Sampling *sampling, const float *logits,
                       int64_t sequence, int64_t step);
