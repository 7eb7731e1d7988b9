// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario_matrix.h"
#include "bench/scenario_name.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static const RuleFacts everything = {.flash_attention_2 = true};

static Scenario scenario_with(const char *attention, const char *mode, bool batching) {
  Scenario scenario = scenario_standard();
  snprintf(scenario.attn_implementation, sizeof scenario.attn_implementation, "%s", attention);
  if (mode) scenario.compile = compile_kwargs_mode(mode);
  scenario.continuous_batching = batching;
  return scenario;
}

// Applies the rules and compares what fired and what came of it.
static void assert_rules(Scenario scenario, const RuleFacts *facts, RuleSet fired,
                         const char *attention, const char *mode, bool batching) {
  assert_int_equal(rules_apply(RULES_ALL, facts, &scenario), fired);
  assert_string_equal(scenario.attn_implementation, attention);
  assert_int_equal(scenario.compile.compiled, mode != NULL);
  if (mode) assert_string_equal(scenario.compile.mode, mode);
  assert_int_equal(scenario.continuous_batching, batching);
}

static void rules_do_what_they_say(void **state) {
  (void)state;
  const RuleFacts nothing = {.flash_attention_2 = false};
  const char *fa2 = "flash_attention_2", *flex = "flex_attention";
  assert_rules(scenario_with(fa2, NULL, false), &nothing, 1u << RULE_FA2_UNAVAILABLE, "sdpa", NULL,
               false);
  assert_rules(scenario_with(fa2, "default", false), &nothing, 1u << RULE_FA2_UNAVAILABLE, "sdpa",
               "default", false);
  assert_rules(scenario_with(fa2, "default", false), &everything, 1u << RULE_FA2_COMPILE, fa2, NULL,
               false);
  assert_rules(scenario_with(fa2, "default", true), &everything, 0, fa2, "default", true);
  assert_rules(scenario_with(fa2, "max-autotune", true), &everything, 1u << RULE_BATCHING_MODE, fa2,
               "default", true);
  assert_rules(scenario_with(flex, "max-autotune", true), &everything, 1u << RULE_FLEX_BATCHING,
               flex, "max-autotune", false);
  assert_rules(scenario_with("sdpa", "max-autotune-no-cudagraphs", true), &everything, 0, "sdpa",
               "max-autotune-no-cudagraphs", true);
  Scenario unchecked = scenario_with(fa2, "default", false);
  unchecked.skip_validity_check = true;
  assert_rules(unchecked, &nothing, 0, fa2, "default", false);
}

static void rules_are_found_by_name(void **state) {
  (void)state;
  Rule rule;
  assert_true(rule_by_name("flex-batching", &rule));
  assert_int_equal(rule, RULE_FLEX_BATCHING);
  assert_false(rule_by_name("flex", &rule));
  Scenario scenario = scenario_with("flex_attention", NULL, true);
  assert_int_equal(rules_apply(RULES_ALL & ~(1u << RULE_FLEX_BATCHING), &everything, &scenario), 0);
}

static void dimensions_are_the_outer_loop(void **state) {
  (void)state;
  Error error = {0};
  Scenario bases[] = {scenario_with("eager", NULL, false), scenario_with("sdpa", NULL, false)};
  const Scenarios from = {bases, 2, 2};
  const int64_t batches[] = {1, 4}, lengths[] = {64, 128, 256};
  const char *const dtypes[] = {"float32", "bfloat16"};
  const MatrixAxes axes = {.dtypes = dtypes,
                           .dtype_count = 2,
                           .batch_sizes = batches,
                           .batch_size_count = 2,
                           .sequence_lengths = lengths,
                           .sequence_length_count = 3};
  ScenarioMatrix matrix;
  assert_true(scenario_matrix_build(&from, &axes, RULES_ALL, &everything, &matrix, &error));
  assert_int_equal(matrix.cells.count, 24);
  for (size_t i = 0; i < 24; i++) {
    const Scenario *scenario = &matrix.cells.items[i].effective;
    assert_string_equal(scenario->attn_implementation, i % 2 ? "sdpa" : "eager");
    assert_int_equal(scenario->sequence_length, lengths[i / 2 % 3]);
    assert_int_equal(scenario->batch_size, batches[i / 6 % 2]);
    assert_string_equal(scenario->dtype, dtypes[i / 12]);
  }
  scenario_matrix_free(&matrix);
}

static void the_same_hash_runs_once(void **state) {
  (void)state;
  Error error = {0};
  Scenario bases[] = {scenario_with("flash_attention_2", "default", false),
                      scenario_with("flash_attention_2", NULL, false),
                      scenario_with("flash_attention_2", "max-autotune", false)};
  const Scenarios from = {bases, 3, 3};
  ScenarioMatrix matrix;
  const MatrixAxes none = {0};
  assert_true(scenario_matrix_build(&from, &none, RULES_ALL, &everything, &matrix, &error));
  assert_int_equal(matrix.asked, 3);
  assert_int_equal(matrix.cells.count, 1);
  assert_int_equal(matrix.cells.items[0].fired, 1u << RULE_FA2_COMPILE);
  assert_true(matrix.cells.items[0].requested.compile.compiled);
  scenario_matrix_free(&matrix);
}

static void names_stay_unless_lists_multiply(void **state) {
  (void)state;
  Error error = {0};
  char name[SCENARIO_NAME_SIZE];
  Scenario base = scenario_standard();
  snprintf(base.name, sizeof base.name, "mine");
  const Scenarios from = {&base, 1, 1};
  const int64_t batches[] = {2};
  ScenarioMatrix matrix;
  assert_true(
      scenario_matrix_build(&from, &(MatrixAxes){0}, RULES_ALL, &everything, &matrix, &error));
  assert_string_equal(scenario_name(&matrix.cells.items[0].effective, name), "mine");
  scenario_matrix_free(&matrix);
  const MatrixAxes axes = {.batch_sizes = batches, .batch_size_count = 1};
  assert_true(scenario_matrix_build(&from, &axes, RULES_ALL, &everything, &matrix, &error));
  assert_string_equal(scenario_name(&matrix.cells.items[0].effective, name),
                      "w5_i20-monitored-b2_s128_n128-eager-uncompiled-unkernelized-generate");
  scenario_matrix_free(&matrix);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rules_do_what_they_say),           cmocka_unit_test(rules_are_found_by_name),
      cmocka_unit_test(dimensions_are_the_outer_loop),    cmocka_unit_test(the_same_hash_runs_once),
      cmocka_unit_test(names_stay_unless_lists_multiply),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
