// SPDX-License-Identifier: Apache-2.0
// The passes, graph to graph, one file each. A pass keeps what graph_check promises and what the
// graph computes, up to the rounding that its description names.
#pragma once
#include "graph/graph.h"

typedef struct {
  const char *name, *text;
  bool rounds; // it moves roundings
  void (*run)(Graph *graph);
} Pass;

int pass_count(void);
const Pass *pass_at(int index); // in the order in which they run

// Scales by 1 go, and of two that follow each other on the same elements the first.
void pass_constants(Graph *graph);
// Nodes whose results nobody uses go, and then those that only they used.
void pass_dead_code(Graph *graph);
// Of two nodes that compute the same from the same, the later one goes.
void pass_common_subexpressions(Graph *graph);
// Attention that holds its scores, over a cache shown whole, computes the keys that queries see:
// matmul_scores and matmul_values with past, masked_softmax.
void pass_visible_keys(Graph *graph);
// A norm that one product alone takes becomes its prologue: norm_linear, norm_argmax.
void pass_norm_prologues(Graph *graph);
// act(gate) up of the halves of one norm_linear becomes its epilogue: gated_linear.
void pass_gates(Graph *graph);
// A residual or an activation that follows a product becomes its epilogue: linear_add, norm_linear
// with an activation. The sums start from the residual, which moves a rounding.
void pass_epilogues(Graph *graph);
