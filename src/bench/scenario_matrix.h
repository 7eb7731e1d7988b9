// SPDX-License-Identifier: Apache-2.0
// The scenarios of a run: base configurations times lists of dimensions, after the rules, each
// hash once.
#pragma once
#include "bench/rules.h"
#include "bench/scenario_file.h"

// Values of each dimension; an empty list leaves what the base says. Lists multiply: the dimension
// product is the outer loop (dtype outermost, then in the order below, the last fastest), the base
// configurations the inner one. Any list given makes every name be inferred again.
typedef struct {
  const char *const *dtypes;
  size_t dtype_count;
  const int64_t *warmups, *iterations, *batch_sizes, *depths, *sequence_lengths, *tokens;
  size_t warmup_count, iteration_count, batch_size_count, depth_count, sequence_length_count,
      token_count;
  const bool *monitoring;
  size_t monitoring_count;
} MatrixAxes;

typedef struct {
  Scenario requested, effective;
  RuleSet fired;
  char hash[SHA256_HEX_SIZE]; // of the effective form
} MatrixCell;

typedef struct {
  ARRAY_OF(MatrixCell) cells; // in running order
  size_t asked;               // before duplicates were dropped
} ScenarioMatrix;

enum { MATRIX_MAX_CELLS = 20000 };

CHECKED bool scenario_matrix_build(const Scenarios *bases, const MatrixAxes *axes, RuleSet rules,
                                   const RuleFacts *facts, ScenarioMatrix *matrix, Error *error);
void scenario_matrix_free(ScenarioMatrix *matrix);
