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

// `overlapping`: nodes [i, i + overlapping] may run at the same time, so that a result is kept for
// that many nodes after its last use (0: strictly one after the other).
void memory_plan_make(const Graph *graph, int overlapping, MemoryPlan *plan);
void memory_plan_free(MemoryPlan *plan);
