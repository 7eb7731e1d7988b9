// SPDX-License-Identifier: Apache-2.0
// Random programs whose row operators were made into groups and compiled leave what the code itself
// leaves, for every tier of this processor, stepped and replayed. ATTOMETER_TEST_PROGRAMS=N tries
// more of them.
#include "compile/executable.h"
#include "compile/row_codes.h"
#include "graph/passes/passes.h"
#include "graph/passes/row_groups.h"
#include "left.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { PROGRAMS = 24 };

static int program_count(void) {
  const char *more = getenv("ATTOMETER_TEST_PROGRAMS");
  return more ? atoi(more) : PROGRAMS;
}

static Graph *make_graph(RandomProgram *random, uint64_t seed, int *groups) {
  Error error = {0};
  Graph *graph = random_program_trace(random);
  for (int i = 0; i < pass_count(); i++) pass_at(i)->run(graph);
  *groups += row_groups_form(graph);
  if (!graph_check(graph, &error))
    fail_msg("# program %llu, grouped: %s: %s", (unsigned long long)seed, error.where,
             error.message);
  return graph;
}

static void check(RandomProgram *random, uint64_t seed, Compiler *compiler, CpuTier tier,
                  Team *team, bool replay, int *groups) {
  Error error = {0};
  char what[96];
  Code *code;
  RowCodesFacts facts;
  Left expected = left_by_eager(random, kernels_for(tier), team);
  Graph *graph = make_graph(random, seed, groups);
  if (!row_codes_make(graph, compiler, tier, "random program", &code, &facts, &error))
    fail_msg("# program %llu: %s", (unsigned long long)seed, error.message);
  ExecutableOptions options = {kernels_for(tier), team, replay, NULL};
  Executable *executable = executable_open(graph, &options, &error);
  assert_non_null(executable);
  for (int i = 0; i < 4; i++) { // of a replay the first two go step by step
    random_program_reset(random);
    executable_run(executable);
  }
  Left found =
      left_of(random, executable_output(executable, 0), executable_output_count(executable));
  snprintf(what, sizeof what, "grouped, %s, %s", cpu_tier_name(tier), replay ? "replayed" : "run");
  left_compare(seed, what, &expected, &found, LEFT_ROUNDED);
  free(expected.values);
  free(found.values);
  executable_close(executable);
  code_unload(code);
}

static void groups_compute_what_the_code_does(void **state) {
  (void)state;
  Error error = {0};
  Team *team = team_open(2, false, &error);
  assert_non_null(team);
  for (CpuTier tier = CPU_TIER_REFERENCE; tier <= cpu_best_tier(); tier++) {
    CompilerOptions options = {.tier = tier, .bypass_cache = true, .interrupt = -1};
    Compiler *compiler = compiler_open(&options, &error);
    if (!compiler) fail_msg("# %s", error.message);
    int groups = 0;
    for (uint64_t seed = 1; seed <= (uint64_t)program_count(); seed++) {
      RandomProgram *random = random_program_open(seed);
      check(random, seed, compiler, tier, team, seed % 2, &groups);
      random_program_close(random);
    }
    assert_true(groups > program_count());
    compiler_close(compiler);
  }
  team_close(team);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(groups_compute_what_the_code_does)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
