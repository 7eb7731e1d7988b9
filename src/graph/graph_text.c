// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_text.h"
#include "graph/row_group.h"
#include <inttypes.h>
#include <stdio.h>

enum { NAME_WIDTH = 18 };

static void append_value(const Graph *graph, int value, Text *text) {
  bool external = graph->values.items[value].kind == VALUE_EXTERNAL;
  text_append_format(text, "%c%d", external ? 'e' : 'r', value);
}

static void append_use(const Graph *graph, const GraphUse *use, Text *text) {
  char shape[128];
  append_value(graph, use->value, text);
  text_append_format(text, " %s", tensor_shape_text(&use->view, shape, sizeof shape));
  if (use->offset) text_append_format(text, " at %" PRId64, use->offset);
}

static bool writes_input(const GraphNode *node, int input) {
  return input == node->op->written || node->also_written >> input & 1;
}

static void append_written(const Graph *graph, const GraphNode *node, Text *text) {
  append_value(graph, node->output.value, text);
  for (int i = 0; i < node->input_count; i++) {
    if (!(node->also_written >> i & 1)) continue;
    text_append_text(text, ", ");
    append_value(graph, node->inputs[i].value, text);
  }
}

static void append_members(const GraphNode *node, Text *text) {
  const RowGroup *group = ((const RowGroupAttributes *)node->attributes)->group;
  text_append_format(text, "%*s%s:", NAME_WIDTH + 6, "", group->by_head ? "by head" : "by token");
  for (int i = 0; i < group->member_count; i++)
    text_append_format(text, "%s %s", i ? "," : "", group->members[i].op->name);
  text_append_character(text, '\n');
}

static void append_node(const Graph *graph, int index, Text *text) {
  const GraphNode *node = &graph->nodes.items[index];
  text_append_format(text, "%4d  %-*s ", index, NAME_WIDTH, node->op->name);
  append_written(graph, node, text);
  text_append_text(text, " = ");
  for (int i = 0; i < node->input_count; i++) {
    if (i) text_append_text(text, ", ");
    append_use(graph, &node->inputs[i], text);
  }
  text_append_character(text, '\n');
  if (row_group_is(node)) append_members(node, text);
}

void graph_text_append(const Graph *graph, Text *text) {
  for (size_t i = 0; i < graph->nodes.count; i++) append_node(graph, (int)i, text);
  text_append_text(text, "outputs");
  for (size_t i = 0; i < graph->outputs.count; i++) {
    text_append_character(text, ' ');
    append_use(graph, &graph->outputs.items[i], text);
  }
  text_append_character(text, '\n');
}

// The last node before `index` that wrote the value; -1: none.
static int last_writer(const Graph *graph, int value, int index) {
  for (int i = index - 1; i >= 0; i--)
    if (graph_writes(&graph->nodes.items[i], value)) return i;
  return -1;
}

static bool is_written(const Graph *graph, int value) {
  return last_writer(graph, value, (int)graph->nodes.count) >= 0;
}

static void append_arrow(const Graph *graph, const GraphUse *use, const char *to, int index,
                         Text *text) {
  char shape[128];
  int writer = last_writer(graph, use->value, index);
  bool external = graph->values.items[use->value].kind == VALUE_EXTERNAL;
  if (external && !is_written(graph, use->value)) return;
  if (external)
    text_append_format(text, "  e%d -> %s;\n", use->value, to);
  else if (writer >= 0)
    text_append_format(text, "  n%d -> %s [label=\"%s\"];\n", writer, to,
                       tensor_shape_text(&use->view, shape, sizeof shape));
}

static void append_box(const Graph *graph, int index, Text *text) {
  const GraphNode *node = &graph->nodes.items[index];
  char to[32];
  snprintf(to, sizeof to, "n%d", index);
  text_append_format(text, "  %s [shape=box, label=\"%s", to, node->op->name);
  if (row_group_is(node)) {
    const RowGroup *group = ((const RowGroupAttributes *)node->attributes)->group;
    for (int i = 0; i < group->member_count; i++)
      text_append_format(text, "\\n%s", group->members[i].op->name);
  }
  text_append_text(text, "\"];\n");
  for (int i = 0; i < node->input_count; i++) {
    append_arrow(graph, &node->inputs[i], to, index, text);
    if (writes_input(node, i) && graph->values.items[node->inputs[i].value].kind == VALUE_EXTERNAL)
      text_append_format(text, "  %s -> e%d;\n", to, node->inputs[i].value);
  }
}

void graph_dot_append(const Graph *graph, const char *name, Text *text) {
  text_append_format(text, "digraph \"%s\" {\n", name);
  for (size_t i = 0; i < graph->values.count; i++)
    if (graph->values.items[i].kind == VALUE_EXTERNAL && is_written(graph, (int)i))
      text_append_format(text, "  e%zu [label=\"memory %zu\"];\n", i, i);
  for (size_t i = 0; i < graph->nodes.count; i++) append_box(graph, (int)i, text);
  for (size_t i = 0; i < graph->outputs.count; i++) {
    char to[32];
    snprintf(to, sizeof to, "out%zu", i);
    text_append_format(text, "  %s [label=\"output\"];\n", to);
    append_arrow(graph, &graph->outputs.items[i], to, (int)graph->nodes.count, text);
  }
  text_append_text(text, "}\n");
}
