// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"
#include "kernels/operators/operators.h"

static double factor_of(const GraphNode *node) {
  return ((const ScaleAttributes *)node->attributes)->factor;
}

// The node before `index` that touches the value, when it scales the very same elements; -1.
static int scaled_before(const Graph *graph, int index) {
  const GraphNode *scale = &graph->nodes.items[index];
  for (int i = index - 1; i >= 0; i--) {
    const GraphNode *node = &graph->nodes.items[i];
    if (!graph_reads(node, scale->output.value) && !graph_writes(node, scale->output.value))
      continue;
    bool same = node->op == &scale_operator && graph_same_use(&node->output, &scale->output);
    return same ? i : -1;
  }
  return -1;
}

// The earlier of two factors goes into the later one. (In double: what is rounded to float32 is
// their product.)
static void merge_scales(Graph *graph, bool *removed, int index) {
  GraphNode *scale = &graph->nodes.items[index];
  int earlier = scaled_before(graph, index);
  if (earlier < 0) return;
  ScaleAttributes attributes = {factor_of(scale) * factor_of(&graph->nodes.items[earlier])};
  scale->attributes = graph_keep(graph, &attributes, sizeof attributes);
  removed[earlier] = true;
}

void pass_constants(Graph *graph) {
  bool *removed = memory_allocate(graph->nodes.count + 1);
  for (int i = 0; i < (int)graph->nodes.count; i++) {
    if (graph->nodes.items[i].op != &scale_operator) continue;
    merge_scales(graph, removed, i);
    removed[i] = factor_of(&graph->nodes.items[i]) == 1.0;
  }
  graph_remove_nodes(graph, removed);
  memory_free(removed);
}
