// SPDX-License-Identifier: Apache-2.0
// The plan of a sweep: its flags, what is told before it begins and when it has ended.
#pragma once
#include "base/progress.h"
#include "bench/generation/pacing.h"
#include "bench/generation/precision.h"
#include "bench/generation/sweep_plan.h"
#include "bench/results.h"
#include "cli/arguments.h"

extern const OptionTable run_plan_options; // --order, --time-budget, --cool-down, --until …

PacingOptions run_plan_pacing(const Arguments *arguments);
PrecisionGoal run_plan_goal(const Arguments *arguments);

typedef struct {
  SweepPlan plan;
  bool known;        // the model could be read: there are estimates
  Ceilings ceilings; // that they stand on
  int64_t available; // bytes of memory; 0: not known
} RunPlan;

// Measures ceilings, looks for earlier results of the model in --output-dir, estimates, and puts
// the matrix into the order asked for. model: a path, or NULL where the model is not known. A model
// that cannot be read gives a plan without estimates and, unless `reading` is NULL, says there why.
CHECKED bool run_plan_make(const Arguments *arguments, const char *model, ScenarioMatrix *matrix,
                           RunPlan *plan, Error *reading, Error *error);
void run_plan_free(RunPlan *plan);

// Before the sweep: how many scenarios, how long, how much memory, what is left out and why.
void run_plan_tell(const RunPlan *plan, const ScenarioMatrix *matrix, const PrecisionGoal *goal,
                   Progress *progress);
// After it: what was estimated beside what it took.
void run_plan_compare(const RunPlan *plan, const ScenarioMatrix *matrix, const Results *results,
                      Progress *progress);
