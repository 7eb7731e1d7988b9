// SPDX-License-Identifier: Apache-2.0
// What `attometer run --list` prints: the scenarios of a matrix in running order, what each rule
// did, and what each should cost.
#pragma once
#include "bench/generation/sweep_plan.h"

// `known`: the plan has estimates. As a table of 80 columns where the names allow it.
void matrix_list_table(const ScenarioMatrix *matrix, const SweepPlan *plan, bool known);
// An array of {name, hash, config, rules, plan: {fate, reason, seconds, bytes, source}}; without
// estimates the last three are null.
void matrix_list_json(const ScenarioMatrix *matrix, const SweepPlan *plan, bool known);
