// SPDX-License-Identifier: Apache-2.0
// Where the results of a graph lie in one block of memory: two results share bytes only when one is
// dead before the other is made. Largest first, each at the lowest offset that is free while it
// lives (greedy by size; Pisarchyk & Lee 2020, arXiv:2001.03288).
#pragma once
#include "graph/graph.h"

typedef struct {
  int64_t *offset;  // [values] into the block; -1: not a result, or never used
  int64_t bytes;    // of the block
  int64_t unshared; // bytes that results would need if none shared
} MemoryPlan;

// Nodes run one after the other. `chosen` [values]: plan these alone; NULL: all results.
void memory_plan_make(const Graph *graph, const bool *chosen, MemoryPlan *plan);
void memory_plan_free(MemoryPlan *plan);
