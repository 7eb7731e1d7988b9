// SPDX-License-Identifier: Apache-2.0
// The matrix of every level and of some sweeps, cell by cell: hash, name, rules.
#include "bench/levels.h"
#include "bench/scenario_matrix.h"
#include "bench/scenario_name.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { MOST_VALUES = 4 };

typedef struct {
  int64_t values[MOST_VALUES];
  size_t count;
} List;

static List list_of(const json_t *axes, const char *key) {
  List list = {0};
  const json_t *values = json_object_get(axes, key);
  for (; list.count < json_array_size(values); list.count++)
    list.values[list.count] = json_integer_value(json_array_get(values, list.count));
  return list;
}

static void build(const json_t *golden, ScenarioMatrix *matrix) {
  const json_t *axes = json_object_get(golden, "axes");
  const json_t *monitoring = json_object_get(axes, "gpu_monitoring");
  List warmups = list_of(axes, "warmup_iterations"),
       iterations = list_of(axes, "measurement_iterations"), batches = list_of(axes, "batch_size"),
       lengths = list_of(axes, "sequence_length"), tokens = list_of(axes, "num_tokens_to_generate");
  bool monitored[MOST_VALUES] = {0};
  for (size_t i = 0; i < json_array_size(monitoring); i++)
    monitored[i] = json_is_true(json_array_get(monitoring, i));
  MatrixAxes lists = {.warmups = warmups.values,
                      .warmup_count = warmups.count,
                      .iterations = iterations.values,
                      .iteration_count = iterations.count,
                      .batch_sizes = batches.values,
                      .batch_size_count = batches.count,
                      .sequence_lengths = lengths.values,
                      .sequence_length_count = lengths.count,
                      .tokens = tokens.values,
                      .token_count = tokens.count,
                      .monitoring = monitored,
                      .monitoring_count = json_array_size(monitoring)};
  RuleFacts facts = {json_is_true(json_object_get(golden, "flash"))};
  Scenarios bases = {0};
  Error error = {0};
  levels_append(json_integer_value(json_object_get(golden, "level")), &bases);
  assert_true(scenario_matrix_build(&bases, &lists, RULES_ALL, &facts, matrix, &error));
  ARRAY_FREE(&bases);
}

static void compare_cell(const MatrixCell *cell, const json_t *golden) {
  char name[SCENARIO_NAME_SIZE];
  json_t *fired = rules_json(cell->fired);
  assert_string_equal(scenario_name(&cell->effective, name),
                      json_string_value(json_array_get(golden, 1)));
  assert_string_equal(cell->hash, json_string_value(json_array_get(golden, 0)));
  assert_true(json_equal(fired, json_array_get(golden, 2)));
  json_decref(fired);
}

static void levels_are_the_golden_ones(void **state) {
  (void)state;
  json_error_t at;
  json_t *cases = json_load_file(GOLDEN "/matrix.json", 0, &at);
  assert_true(json_array_size(cases) > 15);
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *golden = json_array_get(cases, i), *cells = json_object_get(golden, "cells");
    ScenarioMatrix matrix;
    build(golden, &matrix);
    assert_int_equal(matrix.cells.count, json_array_size(cells));
    for (size_t j = 0; j < matrix.cells.count; j++)
      compare_cell(&matrix.cells.items[j], json_array_get(cells, j));
    scenario_matrix_free(&matrix);
  }
  json_decref(cases);
}

// Without rules nothing is turned into something else: 32 and 80 scenarios.
static void without_rules_the_products_are_whole(void **state) {
  (void)state;
  const RuleFacts facts = {true};
  const size_t counts[] = {1, 4, 8, 32, 80};
  for (int level = LEVEL_LEAST; level <= LEVEL_MOST; level++) {
    Scenarios bases = {0};
    ScenarioMatrix matrix;
    Error error = {0};
    levels_append(level, &bases);
    assert_true(scenario_matrix_build(&bases, &(MatrixAxes){0}, 0, &facts, &matrix, &error));
    assert_int_equal(matrix.cells.count, counts[level]);
    scenario_matrix_free(&matrix);
    ARRAY_FREE(&bases);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(levels_are_the_golden_ones),
      cmocka_unit_test(without_rules_the_products_are_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
