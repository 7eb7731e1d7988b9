// SPDX-License-Identifier: Apache-2.0
// Who runs each node of a replayed graph, which values every thread has for itself, and where the
// threads have to wait for each other.
#pragma once
#include "graph/memory_plan.h"

typedef enum {
  RUN_BY_PARTS, // all threads, each its share
  RUN_BY_EACH,  // every thread, whole, into memory of its own
  RUN_BY_FIRST, // the caller's thread alone: a small operator that writes what all share
  RUN_BY_FORK   // outside a task: the operator forks by itself
} RunBy;

typedef struct {
  RunBy *by;       // [nodes]
  bool *barrier;   // [nodes]: before the node
  bool *own;       // [values]: each thread has its own copy
  MemoryPlan plan; // of the results that threads share
  MemoryPlan own_plan;
} Schedule;

void schedule_make(const Graph *graph, Schedule *schedule);
void schedule_free(Schedule *schedule);
