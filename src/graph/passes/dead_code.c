// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"

static void need(bool *needed, const GraphUse *use) {
  needed[use->value] = true;
}

// Backwards: a node is kept when it makes or writes a value that something behind it, or the
// caller, reads. What is written through stays when the memory is the caller's (a cache).
void pass_dead_code(Graph *graph) {
  bool *needed = memory_allocate(graph->values.count + 1);
  bool *removed = memory_allocate(graph->nodes.count + 1);
  for (size_t i = 0; i < graph->outputs.count; i++) need(needed, &graph->outputs.items[i]);
  for (size_t i = graph->nodes.count; i-- > 0;) {
    const GraphNode *node = &graph->nodes.items[i];
    bool external = graph->values.items[node->output.value].kind == VALUE_EXTERNAL;
    removed[i] = !external && !needed[node->output.value];
    for (int j = 0; !removed[i] && j < node->input_count; j++) need(needed, &node->inputs[j]);
  }
  graph_remove_nodes(graph, removed);
  memory_free(needed);
  memory_free(removed);
}
