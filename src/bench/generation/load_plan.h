// SPDX-License-Identifier: Apache-2.0
// A load of requests on continuous batching, and how the engine serves it.
#pragma once
#include "base/arena.h"
#include "base/document.h"
#include "bench/generation/arrivals.h"

typedef struct {
  const int32_t *ids; // [length]
  int64_t length, max_new_tokens;
  double arrival; // seconds from the start; of ARRIVALS_LISTED
} LoadRequest;

typedef struct {
  Arrivals arrivals;
  uint64_t seed;               // of arrivals that are drawn
  const LoadRequest *requests; // NULL: the scenario's prompt and new tokens, `count` times
  int64_t count;               // 0: the scenario's batch size
  const char *scheduler;       // "fifo", "prefill_first"
  int64_t token_budget;        // tokens of a step
  int64_t block_size, blocks;  // blocks 0: enough for all that run at once
  int64_t max_sequences;       // that run at once
  bool share_prefixes;
  double ttft_bound, itl_bound; // seconds: what goodput asks of a request; 0: nothing
} LoadPlan;

enum { LOAD_MOST_REQUESTS = 1 << 20, LOAD_MOST_SEQUENCES = 1 << 16 };

LoadPlan load_plan_standard(void); // the peer's benchmark: identical prompts, all at the start
json_t *load_plan_json(const LoadPlan *plan); // new reference
// Reads it back into the arena.
CHECKED bool load_plan_read(const Field *field, Arena *arena, LoadPlan *plan, Error *error);
// The same without the requests, for the results. New reference.
json_t *load_plan_settings(const LoadPlan *plan);
