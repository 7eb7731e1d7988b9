// SPDX-License-Identifier: Apache-2.0
// How fast a sweep may go through its scenarios: a budget of time, and pauses that let the machine
// cool down.
#pragma once
#include "bench/generation/cost_estimate.h"

typedef struct {
  double budget;    // seconds of the sweep; 0: as long as it takes
  double cool_down; // seconds between scenarios
} PacingOptions;

typedef struct {
  PacingOptions options;
  int64_t start;  // clock_now when the sweep began
  bool started;   // a scenario has been run: the next one waits
  int64_t count;  // of scenarios whose estimate came from ceilings
  double log_sum; // of the logarithms of actual / estimated seconds of those
} Pacing;

Pacing pacing_begin(const PacingOptions *options);
// Whether a scenario is expected to end within the budget. Ceilings promise too much, so what they
// promise is multiplied by the geometric mean of what scenarios took so far over what was promised.
// Without an estimate it fits while anything is left. Else `reason` says why not.
bool pacing_fits(const Pacing *pacing, const CostEstimate *estimate, int64_t now, char *reason,
                 size_t size);
// A scenario took so long.
void pacing_took(Pacing *pacing, const CostEstimate *estimate, double seconds);
// Waits before the next scenario; ERROR_INTERRUPTED when `interrupt` (-1: none) becomes readable.
CHECKED bool pacing_wait(Pacing *pacing, int interrupt, Error *error);
