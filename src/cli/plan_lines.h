// SPDX-License-Identifier: Apache-2.0
// The sentences about a plan.
#pragma once
#include "base/text.h"
#include "bench/generation/sweep_plan.h"

// "6 scenarios: 4 to run, 1 kept, 1 skipped"
void plan_lines_counts(const PlanTotals *totals, Text *line);
// "about 12 s (ceilings: …), at most 0.32 GiB of 7.1 GiB"; `open`: the number of runs is not fixed.
void plan_lines_cost(const PlanTotals *totals, const Ceilings *ceilings, int64_t available,
                     bool open, Text *line);
// How many items are left out for the reason of this one; 0 when an earlier item has it, or this
// one is not left out.
size_t plan_lines_same_reason(const SweepPlan *plan, size_t index);

// What was estimated beside what it took, summed over the scenarios that were measured.
typedef struct {
  size_t count;
  double estimated, actual; // seconds
  double least, most;       // of actual / estimated
  size_t sized;             // whose peak memory is known
  double memory_most;       // of peak / estimated
} PlanOutcome;

void plan_outcome_add(PlanOutcome *outcome, const CostEstimate *estimate, const json_t *ours);
void plan_lines_outcome(const PlanOutcome *outcome, Text *line);
