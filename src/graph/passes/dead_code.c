// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"

static void need(bool *needed, const GraphUse *use) {
  needed[use->value] = true;
}

// What the caller's memory gets (a cache) is always needed.
static bool is_needed(const Graph *graph, int value, const bool *needed) {
  return needed[value] || graph->values.items[value].kind == VALUE_EXTERNAL;
}

static bool writes_needed(const Graph *graph, const GraphNode *node, const bool *needed) {
  for (int i = 0; i < node->input_count; i++)
    if (node->also_written >> i & 1 && is_needed(graph, node->inputs[i].value, needed)) return true;
  return is_needed(graph, node->output.value, needed);
}

// Backwards: a node is kept when it makes or writes a value that something behind it, or the
// caller, reads. What is written through stays when the memory is the caller's (a cache).
void pass_dead_code(Graph *graph) {
  bool *needed = memory_allocate(graph->values.count + 1);
  bool *removed = memory_allocate(graph->nodes.count + 1);
  for (size_t i = 0; i < graph->outputs.count; i++) need(needed, &graph->outputs.items[i]);
  for (size_t i = graph->nodes.count; i-- > 0;) {
    const GraphNode *node = &graph->nodes.items[i];
    removed[i] = !writes_needed(graph, node, needed);
    for (int j = 0; !removed[i] && j < node->input_count; j++) need(needed, &node->inputs[j]);
  }
  graph_remove_nodes(graph, removed);
  memory_free(needed);
  memory_free(removed);
}
