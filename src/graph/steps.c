// SPDX-License-Identifier: Apache-2.0
#include "graph/steps.h"

static Tensor place(const Graph *graph, const StepMemory *shared, const StepMemory *own,
                    const GraphUse *use) {
  const GraphValue *value = &graph->values.items[use->value];
  bool is_own = own && own->plan->offset[use->value] >= 0;
  const StepMemory *memory = is_own ? own : shared;
  char *begin = value->kind == VALUE_EXTERNAL
                    ? value->address
                    : (char *)memory->block + memory->plan->offset[use->value];
  Tensor tensor = use->view;
  tensor.data = begin + use->offset;
  return tensor;
}

void steps_make(const Graph *graph, const StepMemory *shared, const StepMemory *own, Steps *steps) {
  *steps = (Steps){.count = (int)graph->nodes.count, .output_count = (int)graph->outputs.count};
  steps->steps = memory_allocate((size_t)(steps->count + 1) * sizeof *steps->steps);
  steps->outputs = memory_allocate((size_t)(steps->output_count + 1) * sizeof *steps->outputs);
  for (int i = 0; i < steps->count; i++) {
    const GraphNode *node = &graph->nodes.items[i];
    Step *step = &steps->steps[i];
    step->op = node->op;
    step->input_count = node->input_count;
    step->attributes = node->attributes;
    step->output = place(graph, shared, own, &node->output);
    for (int j = 0; j < node->input_count; j++)
      step->inputs[j] = place(graph, shared, own, &node->inputs[j]);
  }
  for (int i = 0; i < steps->output_count; i++)
    steps->outputs[i] = place(graph, shared, own, &graph->outputs.items[i]);
}

void steps_free(Steps *steps) {
  memory_free(steps->steps);
  memory_free(steps->outputs);
  *steps = (Steps){0};
}

static Tensor *tensor_of(Steps *steps, const LengthTerm *term) {
  if (term->node < 0) return &steps->outputs[term->use];
  Step *step = &steps->steps[term->node];
  return term->use < 0 ? &step->output : &step->inputs[term->use];
}

void steps_set_length(Steps *steps, const LengthTable *table, int64_t from, int64_t to) {
  for (size_t i = 0; i < table->terms.count; i++) {
    const LengthTerm *term = &table->terms.items[i];
    Tensor *tensor = tensor_of(steps, term);
    int64_t change = (to - from) * term->factor;
    if (term->field == LENGTH_SHAPE)
      tensor->shape[term->dimension] += change;
    else if (term->field == LENGTH_STRIDE)
      tensor->stride[term->dimension] += change;
    else
      tensor->data = (char *)tensor->data + change;
  }
}
