// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"
#include "kernels/operators/operators.h"

// The nodes of attention that holds its scores, by place in this order.
typedef enum { SCALE, MASK, SOFTMAX, VALUES, STAGES } Stage;

typedef struct {
  int scores;
  int stage[STAGES]; // SCALE: -1 where the scores are not scaled
} Chain;

static const Operator *const operators[STAGES] = {&scale_operator, &mask_operator,
                                                  &softmax_operator, &matmul_values_operator};

// Whether the node takes the scores on, all of them, as the first of its inputs alone.
static bool takes_on(const GraphNode *node, Stage stage, const GraphUse *scores) {
  if (node->op != operators[stage] || !graph_same_use(&node->inputs[0], scores)) return false;
  return node->input_count < 2 || node->inputs[1].value != scores->value;
}

// The chain that begins at `index`: nobody else sees the scores, and `past` stays as it is.
static bool find_chain(const Graph *graph, int index, Chain *chain) {
  const GraphNode *maker = &graph->nodes.items[index];
  int value = maker->output.value, stage = SCALE, found = 0;
  if (maker->op != &matmul_scores_operator || maker->input_count != 2) return false;
  *chain = (Chain){.scores = index, .stage = {-1, -1, -1, -1}};
  for (int i = index + 1; i < (int)graph->nodes.count && stage < STAGES; i++) {
    const GraphNode *node = &graph->nodes.items[i];
    if (!graph_reads(node, value)) continue;
    if (stage == SCALE && node->op != operators[SCALE]) stage = MASK;
    if (!takes_on(node, (Stage)stage, &maker->output)) return false;
    chain->stage[stage++] = i;
    found++;
  }
  if (stage < STAGES || graph_use_count(graph, value) != found) return false;
  const GraphNode *mask = &graph->nodes.items[chain->stage[MASK]];
  const GraphNode *values = &graph->nodes.items[chain->stage[VALUES]];
  return values->input_count == 2 &&
         graph_written_between(graph, mask->inputs[1].value, index, chain->stage[VALUES]) < 0;
}

static void add_past(Graph *graph, GraphNode *product, const GraphUse *past) {
  GraphUse inputs[3] = {product->inputs[0], product->inputs[1], *past};
  product->inputs = graph_keep(graph, inputs, sizeof inputs);
  product->input_count = 3;
}

static void close_chain(Graph *graph, const Chain *chain) {
  GraphNode *nodes = graph->nodes.items, *softmax = &nodes[chain->stage[SOFTMAX]];
  const GraphNode *mask = &nodes[chain->stage[MASK]];
  int scale = chain->stage[SCALE];
  MaskedSoftmaxAttributes attributes = {
      .window = ((const MaskAttributes *)mask->attributes)->window, .factor = 1.0};
  if (scale >= 0) attributes.factor = ((const ScaleAttributes *)nodes[scale].attributes)->factor;
  softmax->op = &masked_softmax_operator;
  softmax->attributes = graph_keep(graph, &attributes, sizeof attributes);
  softmax->inputs = mask->inputs;
  softmax->input_count = mask->input_count;
  add_past(graph, &nodes[chain->scores], &mask->inputs[1]);
  add_past(graph, &nodes[chain->stage[VALUES]], &mask->inputs[1]);
}

void pass_visible_keys(Graph *graph) {
  bool *removed = memory_allocate(graph->nodes.count + 1);
  Chain chain;
  for (int i = 0; i < (int)graph->nodes.count; i++) {
    if (!find_chain(graph, i, &chain)) continue;
    close_chain(graph, &chain);
    if (chain.stage[SCALE] >= 0) removed[chain.stage[SCALE]] = true;
    removed[chain.stage[MASK]] = true;
  }
  graph_remove_nodes(graph, removed);
  memory_free(removed);
}
