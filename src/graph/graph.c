// SPDX-License-Identifier: Apache-2.0
#include "graph/graph.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

Graph *graph_open(void) {
  Graph *graph = memory_allocate(sizeof *graph);
  graph->arena = arena_open(0);
  return graph;
}

void graph_close(Graph *graph) {
  if (!graph) return;
  ARRAY_FREE(&graph->values);
  ARRAY_FREE(&graph->nodes);
  ARRAY_FREE(&graph->outputs);
  arena_close(graph->arena);
  memory_free(graph);
}

int graph_external(Graph *graph, void *address, int64_t bytes) {
  for (size_t i = 0; i < graph->values.count; i++) {
    GraphValue *value = &graph->values.items[i];
    if (value->kind != VALUE_EXTERNAL || value->address != address) continue;
    if (bytes > value->bytes) value->bytes = bytes;
    return (int)i;
  }
  GraphValue value = {VALUE_EXTERNAL, address, bytes, -1};
  ARRAY_APPEND(&graph->values, value);
  return (int)graph->values.count - 1;
}

int graph_result(Graph *graph, int64_t bytes) {
  GraphValue value = {VALUE_RESULT, NULL, bytes, (int)graph->nodes.count};
  ARRAY_APPEND(&graph->values, value);
  return (int)graph->values.count - 1;
}

void graph_append(Graph *graph, const GraphNode *node) {
  GraphNode copy = *node;
  copy.also_written |= node->op->also_written;
  copy.inputs = graph_keep(graph, node->inputs, (size_t)node->input_count * sizeof *node->inputs);
  if (node->attributes)
    copy.attributes = graph_keep(graph, node->attributes, node->op->attributes_size);
  ARRAY_APPEND(&graph->nodes, copy);
}

bool graph_writes(const GraphNode *node, int value) {
  for (int i = 0; i < node->input_count; i++)
    if (node->also_written & 1u << i && node->inputs[i].value == value) return true;
  return node->output.value == value;
}

bool graph_reads(const GraphNode *node, int value) {
  for (int i = 0; i < node->input_count; i++)
    if (node->inputs[i].value == value) return true;
  return false;
}

int graph_written_between(const Graph *graph, int value, int from, int to) {
  for (int i = from; i < to; i++)
    if (graph_writes(&graph->nodes.items[i], value)) return i;
  return -1;
}

static bool same_view(const Tensor *a, const Tensor *b) {
  size_t size = (size_t)a->rank * sizeof *a->shape;
  return a->dtype == b->dtype && a->rank == b->rank && memcmp(a->shape, b->shape, size) == 0 &&
         memcmp(a->stride, b->stride, size) == 0;
}

bool graph_same_use(const GraphUse *a, const GraphUse *b) {
  return a->value == b->value && a->offset == b->offset && same_view(&a->view, &b->view);
}

int graph_use_count(const Graph *graph, int value) {
  int count = 0;
  for (size_t i = 0; i < graph->nodes.count; i++)
    count += graph_reads(&graph->nodes.items[i], value);
  for (size_t i = 0; i < graph->outputs.count; i++) count += graph->outputs.items[i].value == value;
  return count;
}

int graph_only_user(const Graph *graph, int value) {
  const GraphValue *made = &graph->values.items[value];
  if (made->kind != VALUE_RESULT || graph_use_count(graph, value) != 1) return -1;
  const GraphUse *whole = &graph->nodes.items[made->node].output;
  for (int i = made->node + 1; i < (int)graph->nodes.count; i++) {
    const GraphNode *node = &graph->nodes.items[i];
    if (graph_writes(node, value)) return -1;
    int uses = 0;
    bool all = true;
    for (int j = 0; j < node->input_count; j++) {
      if (node->inputs[j].value != value) continue;
      uses++;
      all = all && graph_same_use(&node->inputs[j], whole);
    }
    if (uses) return uses == 1 && all ? i : -1;
  }
  return -1;
}

int graph_made_by(const Graph *graph, int value, const Operator *op) {
  const GraphValue *made = &graph->values.items[value];
  if (made->kind != VALUE_RESULT || made->node < 0) return -1;
  const GraphNode *node = &graph->nodes.items[made->node];
  return node->op == op && node->output.value == value ? made->node : -1;
}

void *graph_keep(Graph *graph, const void *bytes, size_t size) {
  return arena_copy_bytes(graph->arena, bytes, size);
}

// Bytes from the beginning of its value to the end of what the view sees.
static bool use_end(const GraphUse *use, int64_t *end) {
  int64_t elements = 1, bytes;
  for (int i = 0; i < use->view.rank; i++) {
    if (use->view.shape[i] == 0) elements = 0;
    int64_t reach;
    if (__builtin_mul_overflow(use->view.shape[i] - 1, use->view.stride[i], &reach)) return false;
    if (elements && __builtin_add_overflow(elements, reach, &elements)) return false;
  }
  if (!dtype_bytes(use->view.dtype, elements, &bytes)) return false;
  return !__builtin_add_overflow(use->offset, bytes, end);
}

// `made`: the value may be the node's own.
static bool check_use(const Graph *graph, const GraphUse *use, int node, bool made, Error *error) {
  char where[64];
  int64_t end;
  snprintf(where, sizeof where, "graph, node %d", node);
  if (use->value < 0 || (size_t)use->value >= graph->values.count)
    return error_set(error, ERROR_MISMATCH, where, "uses value %d of %zu", use->value,
                     graph->values.count);
  const GraphValue *value = &graph->values.items[use->value];
  if (value->kind == VALUE_RESULT && value->node >= node + made)
    return error_set(error, ERROR_MISMATCH, where, "uses a value that node %d makes", value->node);
  if (use->offset < 0 || !use_end(use, &end) || end > value->bytes)
    return error_set(error, ERROR_MISMATCH, where,
                     "sees more of value %d than its %" PRId64 " bytes", use->value, value->bytes);
  return true;
}

static bool same_shape(const Tensor *a, const Tensor *b) {
  return a->dtype == b->dtype && a->rank == b->rank &&
         memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

static bool check_operator(const GraphNode *node, int index, Error *error) {
  Tensor inputs[OPERATOR_MAX_INPUTS], output;
  char where[64];
  snprintf(where, sizeof where, "graph, node %d", index);
  for (int i = 0; i < node->input_count; i++) inputs[i] = node->inputs[i].view;
  int written = node->op->written;
  output = written >= 0 ? inputs[written] : (Tensor){0};
  if (!node->op->infer(inputs, node->input_count, node->attributes, &output, error))
    return error_within(error, where);
  if (written >= 0 && node->output.value != node->inputs[written].value)
    return error_set(error, ERROR_MISMATCH, where, "writes another value than its input");
  if (same_shape(&output, &node->output.view)) return true;
  return error_set(error, ERROR_MISMATCH, where, "%s gives another shape than is recorded",
                   node->op->name);
}

static bool check_node(const Graph *graph, int index, Error *error) {
  const GraphNode *node = &graph->nodes.items[index];
  for (int i = 0; i < node->input_count; i++)
    if (!check_use(graph, &node->inputs[i], index, node->also_written >> i & 1, error))
      return false;
  if (!check_use(graph, &node->output, index, true, error)) return false;
  const GraphValue *made = &graph->values.items[node->output.value];
  if (node->op->written < 0 && (made->kind != VALUE_RESULT || made->node != index))
    return error_set(error, ERROR_MISMATCH, NULL, "graph, node %d: its value is not its own",
                     index);
  return check_operator(node, index, error);
}

bool graph_check(const Graph *graph, Error *error) {
  for (size_t i = 0; i < graph->nodes.count; i++)
    if (!check_node(graph, (int)i, error)) return false;
  for (size_t i = 0; i < graph->outputs.count; i++)
    if (!check_use(graph, &graph->outputs.items[i], (int)graph->nodes.count, false, error))
      return false;
  return true;
}

void graph_remove_nodes(Graph *graph, const bool *removed) {
  int count = (int)graph->nodes.count, kept = 0;
  int *place = memory_allocate(((size_t)count + 1) * sizeof *place);
  for (int i = 0; i < count; i++) {
    place[i] = removed[i] ? -1 : kept;
    if (!removed[i]) graph->nodes.items[kept++] = graph->nodes.items[i];
  }
  for (size_t i = 0; i < graph->values.count; i++) {
    GraphValue *value = &graph->values.items[i];
    if (value->node >= 0) value->node = place[value->node];
  }
  graph->nodes.count = (size_t)kept;
  memory_free(place);
}
