// SPDX-License-Identifier: Apache-2.0
// Programs of random graphs, step by step and replayed by teams of several sizes, leave what the
// code itself leaves, bit for bit, run after run.
#include "compile/executable.h"
#include "graph/passes/passes.h"
#include "left.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { PROGRAMS = 400, RUNS = 8 };

static Left run(RandomProgram *random, Executable *executable) {
  random_program_reset(random);
  executable_run(executable);
  return left_of(random, executable_output(executable, 0), executable_output_count(executable));
}

static void check(RandomProgram *random, uint64_t seed, const Left *expected, Team *team,
                  bool replay) {
  Error error = {0};
  char what[64];
  ExecutableOptions options = {kernels_for(cpu_best_tier()), team, replay, NULL};
  Graph *graph = random_program_trace(random);
  for (int i = 0; i < pass_count(); i++) pass_at(i)->run(graph);
  Executable *executable = executable_open(graph, &options, &error);
  assert_non_null(executable);
  snprintf(what, sizeof what, "%s by %d threads", replay ? "replayed" : "stepped", team_size(team));
  Left first = {0};
  for (int i = 0; i < RUNS; i++) {
    uint64_t before = memory_allocation_count();
    Left found = run(random, executable);
    if (i > 0 && memory_allocation_count() != before) fail_msg("# %s: it allocates", what);
    left_compare(seed, what, expected, &found, LEFT_ROUNDED);
    // Of a replay runs go in each of its ways.
    if (i == 0) first = found;
    assert_memory_equal(first.values, found.values, (size_t)found.count * sizeof *found.values);
    if (i > 0) free(found.values);
  }
  free(first.values);
  executable_close(executable);
}

static void programs_compute_what_the_code_does(void **state) {
  (void)state;
  Error error = {0};
  Team *teams[3];
  for (int i = 0; i < 3; i++) {
    teams[i] = team_open(i + 1, false, &error);
    assert_non_null(teams[i]);
  }
  for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
    RandomProgram *random = random_program_open(seed);
    Left expected = left_by_eager(random, kernels_for(cpu_best_tier()), teams[0]);
    for (int i = 0; i < 3; i++) check(random, seed, &expected, teams[i], true);
    check(random, seed, &expected, teams[1], false);
    free(expected.values);
    random_program_close(random);
  }
  for (int i = 0; i < 3; i++) team_close(teams[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(programs_compute_what_the_code_does)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
