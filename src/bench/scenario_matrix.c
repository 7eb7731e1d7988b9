// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario_matrix.h"
#include "bench/scenario_name.h"
#include <stdio.h>
#include <string.h>

// Dimensions in the order of the loops, outermost first.
enum { DTYPE, WARMUP, ITERATIONS, BATCH, DEPTH, SEQUENCE, TOKENS, MONITORING, DIMENSIONS };

static void axis_counts(const MatrixAxes *axes, size_t counts[DIMENSIONS]) {
  counts[DTYPE] = axes->dtype_count;
  counts[WARMUP] = axes->warmup_count;
  counts[ITERATIONS] = axes->iteration_count;
  counts[BATCH] = axes->batch_size_count;
  counts[DEPTH] = axes->depth_count;
  counts[SEQUENCE] = axes->sequence_length_count;
  counts[TOKENS] = axes->token_count;
  counts[MONITORING] = axes->monitoring_count;
}

// Puts the values at `index` of every given axis into the scenario.
static void set_dimensions(const MatrixAxes *axes, const size_t counts[DIMENSIONS],
                           const size_t index[DIMENSIONS], Scenario *scenario) {
  bool given = false;
  for (int i = 0; i < DIMENSIONS; i++) given = given || counts[i] > 0;
  if (given) scenario->name[0] = '\0';
  if (counts[DTYPE])
    snprintf(scenario->dtype, sizeof scenario->dtype, "%s", axes->dtypes[index[DTYPE]]);
  if (counts[WARMUP]) scenario->warmup_iterations = axes->warmups[index[WARMUP]];
  if (counts[ITERATIONS]) scenario->measurement_iterations = axes->iterations[index[ITERATIONS]];
  if (counts[BATCH]) scenario->batch_size = axes->batch_sizes[index[BATCH]];
  if (counts[DEPTH]) scenario->depth = axes->depths[index[DEPTH]];
  if (counts[SEQUENCE]) scenario->sequence_length = axes->sequence_lengths[index[SEQUENCE]];
  if (counts[TOKENS]) scenario->num_tokens_to_generate = axes->tokens[index[TOKENS]];
  if (counts[MONITORING]) scenario->gpu_monitoring = axes->monitoring[index[MONITORING]];
}

// The next point of the product, the last dimension fastest; false after the last one.
static bool next_point(const size_t counts[DIMENSIONS], size_t index[DIMENSIONS]) {
  for (int i = DIMENSIONS - 1; i >= 0; i--) {
    if (++index[i] < counts[i]) return true;
    index[i] = 0;
  }
  return false;
}

static bool has_hash(const ScenarioMatrix *matrix, const char *hash) {
  for (size_t i = 0; i < matrix->cells.count; i++)
    if (strcmp(matrix->cells.items[i].hash, hash) == 0) return true;
  return false;
}

static bool add_cell(ScenarioMatrix *matrix, const Scenario *requested, RuleSet rules,
                     const RuleFacts *facts, Error *error) {
  MatrixCell cell = {.requested = *requested, .effective = *requested};
  cell.fired = rules_apply(rules, facts, &cell.effective);
  if (!scenario_check(&cell.effective, "scenario", error) ||
      !scenario_hash(&cell.effective, cell.hash, error))
    return false;
  if (matrix->asked++ >= MATRIX_MAX_CELLS)
    return error_set(error, ERROR_ARGUMENT, NULL, "more than %d scenarios asked for",
                     MATRIX_MAX_CELLS);
  if (!has_hash(matrix, cell.hash)) ARRAY_APPEND(&matrix->cells, cell);
  return true;
}

bool scenario_matrix_build(const Scenarios *bases, const MatrixAxes *axes, RuleSet rules,
                           const RuleFacts *facts, ScenarioMatrix *matrix, Error *error) {
  *matrix = (ScenarioMatrix){0};
  size_t counts[DIMENSIONS], index[DIMENSIONS] = {0};
  axis_counts(axes, counts);
  do {
    for (size_t i = 0; i < bases->count; i++) {
      Scenario scenario = bases->items[i];
      set_dimensions(axes, counts, index, &scenario);
      if (!add_cell(matrix, &scenario, rules, facts, error)) return false;
    }
  } while (next_point(counts, index));
  return true;
}

void scenario_matrix_free(ScenarioMatrix *matrix) {
  ARRAY_FREE(&matrix->cells);
}
