// SPDX-License-Identifier: Apache-2.0
// What becomes of a traced graph: passes, groups of row operators as C text, code for
// them from the cache or the system's compiler, memory and schedule; each of the steps is timed.
#pragma once
#include "compile/executable.h"
#include "compile/row_codes.h"

// The names of the first and the last step that a listener is told of; passes come between.
#define COMPILED_GRAPH_FIRST_STEP "traced"
#define COMPILED_GRAPH_LAST_STEP "row-groups"

typedef struct {
  const Kernels *kernels;
  Team *team;
  bool replay;        // see compile/executable.h
  Compiler *compiler; // NULL: operators as they are, without code of their own
  // The same code recorded for two shorter lengths, and all three lengths, the longest first: the
  // result then runs at any length up to the longest. Taken over. shorter[0] NULL: one length.
  Graph *shorter[2];
  int64_t lengths[3];
  // Told about the graph as it was recorded and after each step; NULL: nobody is.
  void (*listener)(void *context, const char *label, const char *step, const Graph *graph);
  void *listener_context;
} CompiledGraphOptions;

typedef struct {
  int64_t passes_ns, bind_ns; // the passes and the grouping; memory and schedule
  RowCodesFacts codes;        // zero without a compiler
  ExecutableFacts executable;
} CompiledGraphFacts;

typedef struct CompiledGraph CompiledGraph;

// Takes the graph over (also when it fails). `label` is for people: "decode, batch 1".
CHECKED CompiledGraph *compiled_graph_open(Graph *graph, const char *label,
                                           const CompiledGraphOptions *options, Error *error);
void compiled_graph_close(CompiledGraph *compiled); // NULL is fine
const CompiledGraphFacts *compiled_graph_facts(const CompiledGraph *compiled);
Executable *compiled_graph_executable(CompiledGraph *compiled);
