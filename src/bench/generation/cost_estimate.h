// SPDX-License-Identifier: Apache-2.0
// What a scenario should take, on paper: its memory, and its time at the speed of light, which is
// the multiply-add peak for the prompt and the read bandwidth for each new token. Real runs take
// longer; of two scenarios the ratio is what to plan with.
#pragma once
#include "bench/generation/memory_estimate.h"
#include "bench/scenario.h"
#include "device/ceiling.h"

typedef enum {
  ESTIMATE_CEILINGS, // computed from what the machine can do at best
  ESTIMATE_EARLIER,  // what the same scenario took before
} EstimateSource;

typedef struct {
  int64_t bytes;  // peak; INT64_MAX: more than that
  double seconds; // of the scenario's process: trial, warmup and measured runs, and what is beside
  EstimateSource source;
} CostEstimate;

typedef struct {
  MemoryFacts facts;
  Ceilings ceilings;
  double fixed_seconds; // that every process spends beside its runs: it takes the ceilings again
} CostFacts;

// false: the scenario's dtype is none.
CHECKED bool cost_estimate_of(const CostFacts *facts, const Scenario *scenario, CostEstimate *out,
                              Error *error);
// What `ours`, the `attometer` part of an earlier result of the same hash, says that it took.
// False: it does not say, or was not measured.
bool cost_estimate_earlier(const json_t *ours, CostEstimate *out);
const char *estimate_source_name(EstimateSource source); // "ceilings", "earlier"
// The `plan` of a result: what was expected, null where nothing was, and what it took. New
// reference.
json_t *cost_estimate_json(const CostEstimate *estimate, double actual_seconds,
                           const json_t *actual_bytes);
