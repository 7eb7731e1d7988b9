// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"
#include "kernels/operators/operators.h"

static bool unchanged(const Graph *graph, const GraphUse *use, int from, int to) {
  return graph_written_between(graph, use->value, from + 1, to) < 0;
}

// add(residual, product) becomes linear_add; returns the product's node, which goes, or -1.
static int take_residual(Graph *graph, int index) {
  GraphNode *add = &graph->nodes.items[index];
  if (add->op != &add_operator) return -1;
  for (int i = 0; i < 2; i++) {
    int product = graph_made_by(graph, add->inputs[i].value, &linear_operator);
    if (product < 0 || graph_only_user(graph, add->inputs[i].value) != index) continue;
    const GraphNode *linear = &graph->nodes.items[product];
    if (!unchanged(graph, &linear->inputs[0], product, index)) continue;
    GraphUse residual = add->inputs[!i];
    add->op = &linear_add_operator;
    add->inputs[0] = linear->inputs[0];
    add->inputs[1] = residual;
    add->attributes = linear->attributes;
    return product;
  }
  return -1;
}

// activation(norm_linear) becomes norm_linear with the activation; as above.
static int take_activation(Graph *graph, int index) {
  GraphNode *activation = &graph->nodes.items[index];
  if (activation->op != &activation_operator) return -1;
  int value = activation->inputs[0].value;
  int product = graph_made_by(graph, value, &norm_linear_operator);
  if (product < 0 || graph_only_user(graph, value) != index) return -1;
  const GraphNode *linear = &graph->nodes.items[product];
  FusedAttributes attributes = *(const FusedAttributes *)linear->attributes;
  if (attributes.activation != ACTIVATION_NONE ||
      !unchanged(graph, &linear->inputs[0], product, index))
    return -1;
  attributes.activation = ((const ActivationAttributes *)activation->attributes)->activation;
  activation->op = &norm_linear_operator;
  activation->attributes = graph_keep(graph, &attributes, sizeof attributes);
  activation->input_count = linear->input_count;
  activation->inputs = linear->inputs;
  return product;
}

void pass_epilogues(Graph *graph) {
  bool *removed = memory_allocate(graph->nodes.count + 1);
  for (int i = 0; i < (int)graph->nodes.count; i++) {
    int product = take_residual(graph, i);
    if (product < 0) product = take_activation(graph, i);
    if (product >= 0) removed[product] = true;
  }
  graph_remove_nodes(graph, removed);
  memory_free(removed);
}
