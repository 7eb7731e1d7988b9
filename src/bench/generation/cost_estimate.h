// SPDX-License-Identifier: Apache-2.0
// What a scenario should take, on paper: its memory, and its time at the speed of light, which is
// the multiply-add peak for the prompt and the read bandwidth for each new token. Real runs take
// longer; of two scenarios the ratio is what to plan with.
#pragma once
#include "bench/generation/memory_estimate.h"
#include "bench/scenario.h"
#include "device/ceiling.h"

typedef struct {
  int64_t bytes;  // peak; INT64_MAX: more than that
  double seconds; // of the trial, warmup and measured runs together
} CostEstimate;

// false: the scenario's dtype is none.
CHECKED bool cost_estimate_of(const MemoryFacts *facts, const Scenario *scenario,
                              const Ceilings *ceilings, CostEstimate *out, Error *error);
