// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"
#include "kernels/operators/operators.h"

static const Operator *with_norm(const Operator *op) {
  if (op == &linear_operator) return &norm_linear_operator;
  return op == &linear_argmax_operator ? &norm_argmax_operator : NULL;
}

// The node becomes the product of norm's input.
static void take_norm(Graph *graph, const GraphNode *norm, GraphNode *product) {
  FusedAttributes attributes = {
      .matrix = ((const MatrixAttributes *)product->attributes)->matrix,
      .epsilon = ((const NormAttributes *)norm->attributes)->epsilon,
      .layer_norm = norm->op == &layer_norm_operator,
      .activation = ACTIVATION_NONE,
  };
  product->op = with_norm(product->op);
  product->attributes = graph_keep(graph, &attributes, sizeof attributes);
  product->input_count = norm->input_count;
  product->inputs = norm->inputs;
}

// The node that takes the norm at `index` in; -1: none.
static int find_product(const Graph *graph, int index) {
  const GraphNode *norm = &graph->nodes.items[index];
  if (norm->op != &rms_norm_operator && norm->op != &layer_norm_operator) return -1;
  int user = graph_only_user(graph, norm->output.value);
  if (user < 0 || !with_norm(graph->nodes.items[user].op)) return -1;
  int written = graph_written_between(graph, norm->inputs[0].value, index + 1, user);
  return written < 0 ? user : -1;
}

void pass_norm_prologues(Graph *graph) {
  bool *removed = memory_allocate(graph->nodes.count + 1);
  for (int i = 0; i < (int)graph->nodes.count; i++) {
    int product = find_product(graph, i);
    if (product < 0) continue;
    take_norm(graph, &graph->nodes.items[i], &graph->nodes.items[product]);
    removed[i] = true;
  }
  graph_remove_nodes(graph, removed);
  memory_free(removed);
}
