// SPDX-License-Identifier: Apache-2.0
// One program of random code recorded at three lengths leaves, at every length, what the code
// itself leaves; code whose views do not follow the length is refused.
#include "compile/compiled_graph.h"
#include "graph/trace.h"
#include "left.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { PROGRAMS = 200, COMPILED_PROGRAMS = 8, LONGEST = RANDOM_PROGRAM_MOST_ROWS };

static const int64_t recorded[3] = {LONGEST, 4, 2};

static Graph *record(RandomProgram *random, int64_t rows) {
  random_program_set_rows(random, rows);
  return random_program_trace(random);
}

static CompiledGraph *make(RandomProgram *random, uint64_t seed, Compiler *compiler, Team *team) {
  Error error = {0};
  CompiledGraphOptions options = {.kernels = kernels_for(cpu_best_tier()),
                                  .team = team,
                                  .replay = seed % 2,
                                  .compiler = compiler,
                                  .lengths = {recorded[0], recorded[1], recorded[2]}};
  Graph *longest = record(random, recorded[0]);
  for (int i = 0; i < 2; i++) options.shorter[i] = record(random, recorded[1 + i]);
  CompiledGraph *made = compiled_graph_open(longest, "random program", &options, &error);
  if (!made)
    fail_msg("# program %llu: %s: %s", (unsigned long long)seed, error.where, error.message);
  return made;
}

static void check_length(RandomProgram *random, uint64_t seed, CompiledGraph *compiled,
                         int64_t rows, Team *team) {
  Error error = {0};
  char what[64];
  Executable *executable = compiled_graph_executable(compiled);
  random_program_set_rows(random, rows);
  Left expected = left_by_eager(random, kernels_for(cpu_best_tier()), team);
  assert_true(executable_set_length(executable, rows, &error));
  random_program_reset(random);
  executable_run(executable);
  Left found =
      left_of(random, executable_output(executable, 0), executable_output_count(executable));
  snprintf(what, sizeof what, "at length %lld", (long long)rows);
  left_compare(seed, what, &expected, &found, LEFT_ROUNDED);
  free(expected.values);
  free(found.values);
}

static void try_programs(int count, Compiler *compiler, Team *team) {
  static const int64_t lengths[] = {LONGEST, 1, 3, 2, 5, 4, LONGEST};
  for (uint64_t seed = 1; seed <= (uint64_t)count; seed++) {
    RandomProgram *random = random_program_open(seed);
    CompiledGraph *compiled = make(random, seed, compiler, team);
    for (size_t i = 0; i < COUNT_OF(lengths); i++)
      check_length(random, seed, compiled, lengths[i], team);
    compiled_graph_close(compiled);
    random_program_close(random);
  }
}

static void one_program_serves_every_length(void **state) {
  (void)state;
  Error error = {0};
  Team *team = team_open(2, false, &error);
  assert_non_null(team);
  CompilerOptions options = {.tier = cpu_best_tier(), .bypass_cache = true, .interrupt = -1};
  Compiler *compiler = compiler_open(&options, &error);
  if (!compiler) fail_msg("# %s", error.message);
  try_programs(PROGRAMS, NULL, team);
  try_programs(COMPILED_PROGRAMS, compiler, team);
  compiler_close(compiler);
  team_close(team);
}

// A graph of `scales` scales of a tensor [rows, 8], after one of `first`.
static Graph *scaled(int64_t rows, double first, int scales) {
  static float input[LONGEST * LONGEST * 8];
  Error error = {0};
  Ops *ops = trace_open(&error);
  assert_non_null(ops);
  Tensor x = tensor_dense(DTYPE_F32, 2, (int64_t[]){rows, 8}, input);
  x = ops_scale(ops, &x, first);
  for (int i = 0; i < scales; i++) x = ops_scale(ops, &x, 0.5);
  trace_output(ops, &x);
  Graph *graph = trace_take(ops, &error);
  trace_close(ops);
  assert_non_null(graph);
  return graph;
}

static void check_refused(Graph *graphs[3], const char *why) {
  Error error = {0};
  LengthTable table;
  const GraphAtLength at[] = {{graphs[0], 6}, {graphs[1], 4}, {graphs[2], 2}};
  assert_false(length_table_make(at, &table, &error));
  assert_int_equal(error.code, ERROR_MISMATCH);
  assert_non_null(strstr(error.message, why));
  for (int i = 0; i < 3; i++) graph_close(graphs[i]);
}

static void what_does_not_follow_the_length_is_refused(void **state) {
  (void)state;
  check_refused((Graph *[]){scaled(36, 2, 1), scaled(16, 2, 1), scaled(4, 2, 1)}, "irregularly");
  check_refused((Graph *[]){scaled(6, 2, 1), scaled(4, 2, 1), scaled(2, 3, 1)}, "what is done");
  check_refused((Graph *[]){scaled(6, 2, 1), scaled(4, 2, 2), scaled(2, 2, 1)}, "number");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_program_serves_every_length),
                                     cmocka_unit_test(what_does_not_follow_the_length_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
