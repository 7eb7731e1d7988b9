// SPDX-License-Identifier: Apache-2.0
// A trace of random code, run again from memory of its own, gives what the code itself gives; so it
// does after every pass.
#include "base/memory.h"
#include "graph/passes/passes.h"
#include "graph/steps.h"
#include "graph/trace.h"
#include "kernels/eager.h"
#include "random_program.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { PROGRAMS = 2000 };

// What a run leaves: its outputs, densely, and the cache.
typedef struct {
  float *values;
  int64_t count;
} Left;

static void take(Left *left, const Tensor *tensor) {
  int64_t rows = tensor->shape[0], columns = tensor->shape[1];
  left->values = realloc(left->values, (size_t)(left->count + rows * columns) * sizeof(float));
  for (int64_t row = 0; row < rows; row++)
    memcpy(left->values + left->count + row * columns,
           (const float *)tensor->data + row * tensor->stride[0], (size_t)columns * sizeof(float));
  left->count += rows * columns;
}

static Left gather(const RandomProgram *program, const Tensor *outputs, int count) {
  Left left = {0};
  int64_t cached;
  const float *cache = random_program_cache(program, &cached);
  for (int i = 0; i < count; i++) take(&left, &outputs[i]);
  Tensor whole = tensor_dense(DTYPE_F32, 2, (int64_t[]){1, cached}, (void *)cache);
  take(&left, &whole);
  return left;
}

static Left run_eager(RandomProgram *program, const Kernels *kernels, Team *team) {
  Tensor outputs[RANDOM_PROGRAM_MOST_OUTPUTS];
  Ops *ops = eager_open(kernels, team);
  Error error = {0};
  random_program_reset(program);
  int count = random_program_run(program, ops, outputs);
  assert_true(ops_finish(ops, &error));
  Left left = gather(program, outputs, count);
  eager_close(ops);
  return left;
}

static Graph *trace(RandomProgram *program) {
  Tensor outputs[RANDOM_PROGRAM_MOST_OUTPUTS];
  Error error = {0};
  Ops *ops = trace_open(&error);
  assert_non_null(ops);
  int count = random_program_run(program, ops, outputs);
  for (int i = 0; i < count; i++) trace_output(ops, &outputs[i]);
  Graph *graph = trace_take(ops, &error);
  if (!graph) fail_msg("# %s", error.message);
  trace_close(ops);
  return graph;
}

// The memory of results is poisoned: nothing may come from there that was not written.
static Left run_graph(RandomProgram *program, const Graph *graph, const OperatorContext *context) {
  MemoryPlan plan;
  Steps steps;
  Error error = {0};
  memory_plan_make(graph, 0, &plan);
  assert_true(plan.bytes <= plan.unshared);
  assert_true(steps_make(graph, &plan, &steps, &error));
  memset(steps.block.data, 0xff, steps.block.size);
  random_program_reset(program);
  steps_run(&steps, context);
  Left left = gather(program, steps.outputs, steps.output_count);
  steps_free(&steps);
  memory_plan_free(&plan);
  return left;
}

static void compare(uint64_t seed, const char *what, const Left *expected, const Left *found) {
  assert_int_equal(expected->count, found->count);
  for (int64_t i = 0; i < expected->count; i++) {
    float a = expected->values[i], b = found->values[i];
    if (isnan(a) || a != b)
      fail_msg("# program %llu, %s: element %lld is %g, expected %g", (unsigned long long)seed,
               what, (long long)i, (double)b, (double)a);
  }
}

static void graphs_compute_what_the_code_does(void **state) {
  (void)state;
  Error error = {0};
  Team *team = team_open(1, false, &error);
  OperatorContext context = {kernels_for(cpu_best_tier()), team, arena_open(0)};
  size_t nodes = 0, kept = 0;
  for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
    RandomProgram *program = random_program_open(seed);
    Left expected = run_eager(program, context.kernels, team);
    Graph *graph = trace(program);
    Left found = run_graph(program, graph, &context);
    compare(seed, "traced", &expected, &found);
    free(found.values);
    nodes += graph->nodes.count;
    for (int i = 0; i < pass_count(); i++) {
      pass_at(i)->run(graph);
      if (!graph_check(graph, &error)) fail_msg("# %s: %s", pass_at(i)->name, error.message);
      found = run_graph(program, graph, &context);
      compare(seed, pass_at(i)->name, &expected, &found);
      free(found.values);
    }
    kept += graph->nodes.count;
    graph_close(graph);
    free(expected.values);
    random_program_close(program);
  }
  assert_true(kept < nodes); // the passes found something to do
  arena_close(context.scratch);
  team_close(team);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(graphs_compute_what_the_code_does)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
