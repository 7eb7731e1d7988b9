// SPDX-License-Identifier: Apache-2.0
// A graph with its memory: every tensor of every node has its address, and nothing is left to
// decide when it runs. Inputs and caches are read and written where they lie.
#pragma once
#include "graph/length_table.h"
#include "graph/memory_plan.h"

typedef struct {
  const Operator *op;
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
} Steps;

// Where the results of a graph begin: `plan` says the offset of each in `block`.
typedef struct {
  const MemoryPlan *plan;
  void *block;
} StepMemory;

// Results that own->plan has lie there, the others in shared; own NULL: all in shared.
void steps_make(const Graph *graph, const StepMemory *shared, const StepMemory *own, Steps *steps);
void steps_free(Steps *steps); // not the memory
// Makes the views those of another length; `from` is the length they have now.
void steps_set_length(Steps *steps, const LengthTable *table, int64_t from, int64_t to);
