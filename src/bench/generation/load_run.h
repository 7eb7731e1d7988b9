// SPDX-License-Identifier: Apache-2.0
// Runs a load on a batch, inside the process: requests are submitted when their time has come, and
// steps are taken while there is work. All times are nanoseconds from the start of the run.
#pragma once
#include "bench/generation/load_plan.h"
#include "generate/continuous_batch.h"

typedef struct Load Load;

// The caller's storage is ids and times, [request.max_new_tokens] each.
typedef struct {
  int32_t *ids;
  int64_t *times;
  int64_t made;
  int64_t arrival, started, end; // scheduled; first computed; told of its end
  int64_t preemptions;
  bool refused;
  Error refusal;
  Load *load; // while it runs
} LoadResult;

typedef struct {
  int64_t end;                  // of the whole run
  int64_t busy_ns;              // in steps
  double running_ns, blocks_ns; // sequences, and blocks held, times how long: over the steps
  BatchFacts batch;
} LoadFacts;

// requests, results [count]. `arrivals`: ARRIVALS_CONCURRENCY waits for ends, others go by
// `times` [count], ascending. Allocates nothing by itself.
CHECKED bool load_run(Batch *batch, const Arrivals *arrivals, const LoadRequest *requests,
                      const int64_t *times, int64_t count, LoadResult *results, LoadFacts *facts,
                      Error *error);
