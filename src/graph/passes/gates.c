// SPDX-License-Identifier: Apache-2.0
#include "graph/passes/passes.h"
#include "kernels/operators/operators.h"

// The nodes of act(gate) up, gate and up being the halves of one product.
typedef struct {
  int product, activation, multiply;
} Gate;

// Whether the use is one half of the columns of what the product makes: 0 or 1; -1: neither.
static int half_of(const GraphUse *use, const GraphUse *product) {
  int64_t inner = product->view.shape[1] / 2, bytes = inner * (int64_t)sizeof(float);
  bool fits = use->value == product->value && use->view.rank == 2 &&
              use->view.shape[0] == product->view.shape[0] && use->view.shape[1] == inner &&
              use->view.stride[0] == product->view.stride[0] && product->view.shape[1] % 2 == 0;
  if (!fits || (use->offset != 0 && use->offset != bytes)) return -1;
  return use->offset == bytes;
}

static bool unchanged(const Graph *graph, int value, int from, int to) {
  return graph_written_between(graph, value, from + 1, to) < 0;
}

// The gate whose multiplication is at `index`.
static bool find_gate(const Graph *graph, int index, Gate *gate) {
  const GraphNode *multiply = &graph->nodes.items[index];
  if (multiply->op != &multiply_operator) return false;
  for (int i = 0; i < 2; i++) {
    int activation = graph_made_by(graph, multiply->inputs[i].value, &activation_operator);
    int product = graph_made_by(graph, multiply->inputs[!i].value, &norm_linear_operator);
    if (activation < 0 || product < 0 || graph_only_user(graph, multiply->inputs[i].value) != index)
      continue;
    const GraphNode *made = &graph->nodes.items[product];
    const GraphNode *active = &graph->nodes.items[activation];
    if (half_of(&active->inputs[0], &made->output) != 0 ||
        half_of(&multiply->inputs[!i], &made->output) != 1 ||
        graph_use_count(graph, made->output.value) != 2 ||
        !unchanged(graph, made->output.value, product, index) ||
        !unchanged(graph, made->inputs[0].value, product, index))
      continue;
    *gate = (Gate){product, activation, index};
    return true;
  }
  return false;
}

static void close_gate(Graph *graph, const Gate *gate) {
  const GraphNode *product = &graph->nodes.items[gate->product];
  GraphNode *multiply = &graph->nodes.items[gate->multiply];
  FusedAttributes attributes = *(const FusedAttributes *)product->attributes;
  const ActivationAttributes *activation = graph->nodes.items[gate->activation].attributes;
  attributes.activation = activation->activation;
  multiply->op = &gated_linear_operator;
  multiply->attributes = graph_keep(graph, &attributes, sizeof attributes);
  multiply->input_count = product->input_count;
  multiply->inputs = product->inputs;
}

void pass_gates(Graph *graph) {
  bool *removed = memory_allocate(graph->nodes.count + 1);
  Gate gate;
  for (int i = 0; i < (int)graph->nodes.count; i++) {
    if (!find_gate(graph, i, &gate)) continue;
    close_gate(graph, &gate);
    removed[gate.product] = removed[gate.activation] = true;
  }
  graph_remove_nodes(graph, removed);
  memory_free(removed);
}
