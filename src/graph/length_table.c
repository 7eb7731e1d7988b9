// SPDX-License-Identifier: Apache-2.0
#include "graph/length_table.h"
#include "graph/row_group.h"
#include <stdio.h>
#include <string.h>

typedef struct {
  const GraphAtLength *graphs; // [3]
  LengthTable *table;
  Error *error;
} Making;

static bool differ(const Making *making, const char *what, int node) {
  char where[64];
  snprintf(where, sizeof where, "graph, node %d", node);
  return error_set(making->error, ERROR_MISMATCH, where, "%s depends on the length", what);
}

// One number in the three graphs: constant, or with a term of its own.
static bool take_number(const Making *making, LengthTerm term, const int64_t values[3]) {
  int64_t steps[2] = {making->graphs[0].length - making->graphs[1].length,
                      making->graphs[0].length - making->graphs[2].length};
  int64_t changes[2] = {values[0] - values[1], values[0] - values[2]};
  if (changes[0] % steps[0]) return differ(making, "a view irregularly", term.node);
  term.factor = changes[0] / steps[0];
  if (changes[1] != term.factor * steps[1]) return differ(making, "a view irregularly", term.node);
  if (term.factor) ARRAY_APPEND(&making->table->terms, term);
  return true;
}

static bool take_use(const Making *making, int node, int use, const GraphUse *uses[3]) {
  const Tensor *first = &uses[0]->view;
  for (int i = 1; i < 3; i++)
    if (uses[i]->value != uses[0]->value || uses[i]->view.rank != first->rank ||
        uses[i]->view.dtype != first->dtype)
      return differ(making, "what is used", node);
  LengthTerm term = {.node = node, .use = use, .field = LENGTH_OFFSET};
  if (!take_number(making, term, (int64_t[]){uses[0]->offset, uses[1]->offset, uses[2]->offset}))
    return false;
  for (int d = 0; d < first->rank; d++) {
    LengthTerm shape = {node, use, LENGTH_SHAPE, d, 0}, stride = {node, use, LENGTH_STRIDE, d, 0};
    if (!take_number(
            making, shape,
            (int64_t[]){first->shape[d], uses[1]->view.shape[d], uses[2]->view.shape[d]}) ||
        !take_number(
            making, stride,
            (int64_t[]){first->stride[d], uses[1]->view.stride[d], uses[2]->view.stride[d]}))
      return false;
  }
  return true;
}

// Attributes are the same bytes; those of row groups name groups that are alike.
static bool same_attributes(const GraphNode *a, const GraphNode *b) {
  if (row_group_is(a))
    return row_group_alike(((const RowGroupAttributes *)a->attributes)->group,
                           ((const RowGroupAttributes *)b->attributes)->group);
  size_t size = a->op->attributes_size;
  return size == 0 || memcmp(a->attributes, b->attributes, size) == 0;
}

static bool take_node(const Making *making, int index) {
  const GraphNode *nodes[3];
  for (int i = 0; i < 3; i++) nodes[i] = &making->graphs[i].graph->nodes.items[index];
  for (int i = 1; i < 3; i++)
    if (nodes[i]->op != nodes[0]->op || nodes[i]->input_count != nodes[0]->input_count ||
        nodes[i]->also_written != nodes[0]->also_written || !same_attributes(nodes[0], nodes[i]))
      return differ(making, "what is done", index);
  for (int use = 0; use < nodes[0]->input_count; use++)
    if (!take_use(making, index, use,
                  (const GraphUse *[]){&nodes[0]->inputs[use], &nodes[1]->inputs[use],
                                       &nodes[2]->inputs[use]}))
      return false;
  return take_use(making, index, -1,
                  (const GraphUse *[]){&nodes[0]->output, &nodes[1]->output, &nodes[2]->output});
}

static bool take_outputs(const Making *making) {
  const Graph *graphs[3];
  for (int i = 0; i < 3; i++) graphs[i] = making->graphs[i].graph;
  for (size_t use = 0; use < graphs[0]->outputs.count; use++)
    if (!take_use(making, -1, (int)use,
                  (const GraphUse *[]){&graphs[0]->outputs.items[use],
                                       &graphs[1]->outputs.items[use],
                                       &graphs[2]->outputs.items[use]}))
      return false;
  return true;
}

static bool same_size(const Making *making) {
  const Graph *first = making->graphs[0].graph;
  for (int i = 1; i < 3; i++) {
    const Graph *other = making->graphs[i].graph;
    if (other->nodes.count != first->nodes.count || other->values.count != first->values.count ||
        other->outputs.count != first->outputs.count)
      return differ(making, "the number of operators", (int)first->nodes.count);
  }
  return true;
}

bool length_table_make(const GraphAtLength graphs[3], LengthTable *table, Error *error) {
  Making making = {graphs, table, error};
  *table = (LengthTable){.recorded = graphs[0].length};
  bool done = same_size(&making);
  for (size_t i = 0; done && i < graphs[0].graph->nodes.count; i++)
    done = take_node(&making, (int)i);
  done = done && take_outputs(&making);
  if (!done) length_table_free(table);
  return done;
}

void length_table_free(LengthTable *table) {
  ARRAY_FREE(&table->terms);
}
