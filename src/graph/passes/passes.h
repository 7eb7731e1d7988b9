// SPDX-License-Identifier: Apache-2.0
// The passes, graph to graph, one file each. A pass keeps what graph_check promises and what the
// graph computes, up to the rounding that its description names.
#pragma once
#include "graph/graph.h"

typedef struct {
  const char *name, *text;
  void (*run)(Graph *graph);
} Pass;

int pass_count(void);
const Pass *pass_at(int index); // in the order in which they run

// Nodes whose results nobody uses go, and then those that only they used.
void pass_dead_code(Graph *graph);
// Of two nodes that compute the same from the same, the later one goes.
void pass_common_subexpressions(Graph *graph);
