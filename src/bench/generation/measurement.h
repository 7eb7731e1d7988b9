// SPDX-License-Identifier: Apache-2.0
// The order of runs of one scenario: a trial run (does it work at all? its time is the first-run
// time, and it touches every page that later runs use), warmup runs (discarded), measured runs.
// What runs is an Executor, so that the order can be tested without an engine.
#pragma once
#include "bench/generation/precision.h"
#include "bench/process_usage.h"

// One generation of [batch, new_tokens] into the caller's storage, as generation_run fills it.
typedef struct {
  void *context;
  bool (*run)(void *context, int32_t *ids, int64_t *times, int64_t *counts, int64_t *end,
              Error *error);
} Executor;

typedef enum { PHASE_TRIAL, PHASE_WARMUP, PHASE_MEASURE } MeasurementPhase;

typedef struct {
  int64_t warmup, iterations, batch, prompt_length, new_tokens;
  PrecisionGoal goal; // measured runs go on, `iterations` of them at least
  // Told after each run, outside its time; may be NULL. Returning false stops the measurement.
  bool (*listener)(void *context, MeasurementPhase phase, int64_t done, int64_t total);
  void *listener_context;
} MeasurementPlan;

// Owned storage: measurement_free.
typedef struct {
  int64_t iterations, batch, prompt_length, new_tokens;
  int64_t *times;       // [iterations, batch, new_tokens]
  int64_t *ends;        // [iterations]
  int32_t *ids;         // [iterations, batch, new_tokens]
  int64_t trial_end;    // of the first run
  int64_t trial_first;  // its first token
  uint64_t allocations; // heap allocations in all measured runs: 0 in a sound engine
  ProcessUsage usage;   // of the measured runs
  double precision;     // reached, where the plan has a goal
} Measurement;

const char *measurement_phase_name(MeasurementPhase phase);
// Every run's counts and times are checked; a mismatch is ERROR_MISMATCH and fails it.
CHECKED bool measurement_run(const MeasurementPlan *plan, const Executor *executor,
                             Measurement *measurement, Error *error);
void measurement_free(Measurement *measurement); // a zero one is fine
TokenTimes measurement_times(const Measurement *measurement, int64_t iteration);
