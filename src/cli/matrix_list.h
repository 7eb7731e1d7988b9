// SPDX-License-Identifier: Apache-2.0
// What `attometer run --list` prints: the scenarios of a matrix in running order, what each rule
// did, and what each should cost.
#pragma once
#include "bench/generation/cost_estimate.h"
#include "bench/scenario_matrix.h"

// One estimate for each cell; NULL: the model is not known. As a table of 80 columns where the
// names allow it.
void matrix_list_table(const ScenarioMatrix *matrix, const CostEstimate *estimates);
// An array of {name, hash, config, rules}.
void matrix_list_json(const ScenarioMatrix *matrix);
