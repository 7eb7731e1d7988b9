// SPDX-License-Identifier: Apache-2.0
#include "graph/steps.h"

static Tensor place(const Graph *graph, const MemoryPlan *plan, const Region *block,
                    const GraphUse *use) {
  const GraphValue *value = &graph->values.items[use->value];
  char *begin = value->kind == VALUE_EXTERNAL ? value->address
                                              : (char *)block->data + plan->offset[use->value];
  Tensor tensor = use->view;
  tensor.data = begin + use->offset;
  return tensor;
}

bool steps_make(const Graph *graph, const MemoryPlan *plan, Steps *steps, Error *error) {
  *steps = (Steps){.count = (int)graph->nodes.count, .output_count = (int)graph->outputs.count};
  if (!region_map(&steps->block, (size_t)plan->bytes, error)) return false;
  steps->steps = memory_allocate((size_t)(steps->count + 1) * sizeof *steps->steps);
  steps->outputs = memory_allocate((size_t)(steps->output_count + 1) * sizeof *steps->outputs);
  for (int i = 0; i < steps->count; i++) {
    const GraphNode *node = &graph->nodes.items[i];
    Step *step = &steps->steps[i];
    *step = (Step){.operator= node->operator,
                   .input_count = node->input_count,
                   .attributes = node->attributes,
                   .output = place(graph, plan, &steps->block, &node->output)};
    for (int j = 0; j < node->input_count; j++)
      step->inputs[j] = place(graph, plan, &steps->block, &node->inputs[j]);
  }
  for (int i = 0; i < steps->output_count; i++)
    steps->outputs[i] = place(graph, plan, &steps->block, &graph->outputs.items[i]);
  return true;
}

void steps_free(Steps *steps) {
  memory_free(steps->steps);
  memory_free(steps->outputs);
  region_unmap(&steps->block);
  *steps = (Steps){0};
}

void steps_run(const Steps *steps, const OperatorContext *context) {
  for (int i = 0; i < steps->count; i++) {
    Step *step = &steps->steps[i];
    ArenaMark mark = arena_mark(context->scratch);
    operator_run(step->operator, context, step->inputs, step->input_count, step->attributes,
                 &step->output);
    arena_restore(context->scratch, mark);
  }
}
