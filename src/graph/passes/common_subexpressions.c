// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"
#include <string.h>

static bool same_attributes(const GraphNode *a, const GraphNode *b) {
  size_t size = a->op->attributes_size;
  return size == 0 || memcmp(a->attributes, b->attributes, size) == 0;
}

static bool same_work(const GraphNode *a, const GraphNode *b) {
  if (a->op != b->op || a->op->written >= 0 || a->also_written) return false;
  if (a->input_count != b->input_count || !same_attributes(a, b)) return false;
  for (int i = 0; i < a->input_count; i++)
    if (!graph_same_use(&a->inputs[i], &b->inputs[i])) return false;
  return true;
}

// Whether the later node still finds what the earlier one found and left.
static bool unchanged(const Graph *graph, int earlier, int later) {
  const GraphNode *node = &graph->nodes.items[earlier];
  for (int i = 0; i < node->input_count; i++)
    if (graph_written_between(graph, node->inputs[i].value, earlier + 1, later) >= 0) return false;
  int end = (int)graph->nodes.count;
  return graph_written_between(graph, node->output.value, earlier + 1, end) < 0 &&
         graph_written_between(graph, graph->nodes.items[later].output.value, later + 1, end) < 0;
}

static void replace_value(Graph *graph, int from, int to) {
  for (size_t i = 0; i < graph->nodes.count; i++)
    for (int j = 0; j < graph->nodes.items[i].input_count; j++) {
      GraphUse *use = &graph->nodes.items[i].inputs[j];
      if (use->value == from) use->value = to;
    }
  for (size_t i = 0; i < graph->outputs.count; i++)
    if (graph->outputs.items[i].value == from) graph->outputs.items[i].value = to;
}

static int find_earlier(const Graph *graph, const bool *removed, int later) {
  for (int i = 0; i < later; i++)
    if (!removed[i] && same_work(&graph->nodes.items[i], &graph->nodes.items[later]) &&
        unchanged(graph, i, later))
      return i;
  return -1;
}

void pass_common_subexpressions(Graph *graph) {
  bool *removed = memory_allocate(graph->nodes.count + 1);
  for (int i = 0; i < (int)graph->nodes.count; i++) {
    int earlier = find_earlier(graph, removed, i);
    if (earlier < 0) continue;
    removed[i] = true;
    replace_value(graph, graph->nodes.items[i].output.value,
                  graph->nodes.items[earlier].output.value);
  }
  graph_remove_nodes(graph, removed);
  memory_free(removed);
}
