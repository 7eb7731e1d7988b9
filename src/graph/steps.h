// SPDX-License-Identifier: Apache-2.0
// A graph with its memory: every tensor of every node has its address, and nothing is left to
// decide when it runs. Inputs and caches are read and written where they lie.
#pragma once
#include "graph/memory_plan.h"

typedef struct {
  const Operator *operator;
  Tensor inputs[OPERATOR_MAX_INPUTS];
  int input_count;
  const void *attributes; // belong to the graph, which must live as long
  Tensor output;
} Step;

typedef struct {
  Step *steps;
  int count;
  Tensor *outputs; // [output_count]: what the graph promises to its caller
  int output_count;
  Region block; // the results
} Steps;

// On failure *steps is {0}.
CHECKED bool steps_make(const Graph *graph, const MemoryPlan *plan, Steps *steps, Error *error);
void steps_free(Steps *steps);
// All of them, one after the other.
void steps_run(const Steps *steps, const OperatorContext *context);
