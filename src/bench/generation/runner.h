// SPDX-License-Identifier: Apache-2.0
// The sweep: every cell of the matrix in a process of its own, one after the other, each recorded
// on disk before the next begins. A crash, a time-out or a lack of memory is a recorded result and
// the sweep goes on; only what every scenario would meet again (no such model, a disk that takes no
// results, Ctrl-C) ends it.
#pragma once
#include "base/progress.h"
#include "bench/generation/entry.h"
#include "bench/generation/load_plan.h"
#include "bench/generation/pacing.h"
#include "bench/generation/stock.h"
#include "bench/generation/sweep_plan.h"
#include "bench/results.h"

typedef struct {
  const ScenarioMatrix *matrix;
  const SweepPlan *plan; // estimates of the cells; NULL: there are none
  PacingOptions pacing;
  StockOptions stock; // model, workers, prompts
  bool brief;         // times and checks alone, without ceilings
  EntryFacts facts;
  Results *results;
  Progress *progress;
  const char *dump_graph, *dump_folder; // graphs of compiled scenarios: "before", "after", "all",
                                        // and a folder that gets one for each; NULL: none
  const LoadPlan *load;                 // of continuous batching; NULL: load_plan_standard
} RunnerOptions;

typedef struct {
  int64_t measured, invalid; // invalid ones are among the measured
  int64_t failed, skipped;
  int64_t kept; // taken from the resumed file
  int64_t left; // not started, for the budget of time
} RunnerSummary;

// One scenario in a process of its own, of options->stock.command. `made` is of its dtype and has
// its case.
WorkerOutcome runner_scenario(const RunnerOptions *options, const Stock *made,
                              const MatrixCell *cell, WorkerListener *listener, void *context);
// False: the sweep was ended; what was finished is on disk.
CHECKED bool runner_run(const RunnerOptions *options, RunnerSummary *summary, Error *error);
