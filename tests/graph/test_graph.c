// SPDX-License-Identifier: Apache-2.0
// A trace of random code, run again from memory of its own, gives what the code itself gives; so it
// does after every pass.
#include "graph/passes/passes.h"
#include "graph/steps.h"
#include "kernels/operators/operators.h"
#include "left.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { PROGRAMS = 2000 };

// The memory of results is poisoned: nothing may come from there that was not written.
static Left run_graph(RandomProgram *program, const Graph *graph, const OperatorContext *context) {
  MemoryPlan plan;
  Steps steps;
  memory_plan_make(graph, NULL, &plan);
  assert_true(plan.bytes <= plan.unshared);
  void *block = aligned_alloc(64, (size_t)plan.bytes + 64);
  memset(block, 0xff, (size_t)plan.bytes);
  StepMemory memory = {&plan, block};
  steps_make(graph, &memory, NULL, &steps);
  random_program_reset(program);
  for (int i = 0; i < steps.count; i++) {
    Step *step = &steps.steps[i];
    ArenaMark mark = arena_mark(context->scratch);
    operator_run(step->op, context, step->inputs, step->input_count, step->attributes,
                 &step->output);
    arena_restore(context->scratch, mark);
  }
  Left left = left_of(program, steps.outputs, steps.output_count);
  steps_free(&steps);
  memory_plan_free(&plan);
  free(block);
  return left;
}

// What the passes are expected to make of some of the programs.
static const Operator *const made[] = {&norm_linear_operator, &gated_linear_operator,
                                       &linear_add_operator};

static void count_made(const Graph *graph, size_t counts[COUNT_OF(made)]) {
  for (size_t i = 0; i < graph->nodes.count; i++)
    for (size_t j = 0; j < COUNT_OF(made); j++) counts[j] += graph->nodes.items[i].op == made[j];
}

static void graphs_compute_what_the_code_does(void **state) {
  (void)state;
  Error error = {0};
  Team *team = team_open(1, false, &error);
  OperatorContext context = {kernels_for(cpu_best_tier()), team, arena_open(0)};
  size_t nodes = 0, kept = 0, counts[COUNT_OF(made)] = {0};
  for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
    RandomProgram *program = random_program_open(seed);
    Left expected = left_by_eager(program, context.kernels, team);
    Graph *graph = random_program_trace(program);
    Left found = run_graph(program, graph, &context);
    left_compare(seed, "traced", &expected, &found, LEFT_EXACT);
    free(found.values);
    nodes += graph->nodes.count;
    bool rounded = false;
    for (int i = 0; i < pass_count(); i++) {
      pass_at(i)->run(graph);
      if (!graph_check(graph, &error)) fail_msg("# %s: %s", pass_at(i)->name, error.message);
      found = run_graph(program, graph, &context);
      rounded = rounded || pass_at(i)->rounds;
      left_compare(seed, pass_at(i)->name, &expected, &found, rounded ? LEFT_ROUNDED : LEFT_EXACT);
      free(found.values);
    }
    kept += graph->nodes.count;
    count_made(graph, counts);
    graph_close(graph);
    free(expected.values);
    random_program_close(program);
  }
  assert_true(kept < nodes); // the passes found something to do
  for (size_t j = 0; j < COUNT_OF(made); j++) assert_true(counts[j] > PROGRAMS / 10);
  arena_close(context.scratch);
  team_close(team);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(graphs_compute_what_the_code_does)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
