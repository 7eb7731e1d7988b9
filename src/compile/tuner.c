// SPDX-License-Identifier: Apache-2.0
#include "compile/tuner.h"
#include "statistics/comparison.h"
#include "statistics/timing.h"
#include <stdio.h>
#include <string.h>

enum { SEED = 1, WARMUP = 2, MOST_CALLS = 48 };

static void to_doubles(const TimedCall *call, double *values) {
  for (int i = 0; i < call->count; i++) values[i] = (double)call->values_ns[i];
}

// The best and another, in turn. Whether the other is clearly faster.
static bool compare(const Tuner *tuner, void *other, TuningCandidate *candidate) {
  int64_t values_ns[2][TIMING_MOST];
  double values[2][TIMING_MOST];
  TimedCall calls[2] = {{.context = tuner->best, .run = tuner->run, .values_ns = values_ns[0]},
                        {.context = other, .run = tuner->run, .values_ns = values_ns[1]}};
  TimingPlan plan = {
      .warmup = WARMUP, .time_ns = tuner->trial_ns, .most = MOST_CALLS, .now = tuner->now};
  for (int i = 0; i < 2; i++) timing_warm_up(&plan, &calls[i]);
  timing_run(&plan, calls, 2);
  for (int i = 0; i < 2; i++) to_doubles(&calls[i], values[i]);
  Comparison comparison = comparison_make(values[0], (size_t)calls[0].count, values[1],
                                          (size_t)calls[1].count, true, TUNER_EFFECT, SEED);
  int64_t median = (int64_t)sample_median(values[1], (size_t)calls[1].count);
  candidate->median_ns = median < 1 ? 1 : median;
  candidate->count = calls[1].count;
  candidate->ratio = comparison.ratio;
  candidate->low = comparison.ci95.low;
  candidate->high = comparison.ci95.high;
  return comparison.verdict == VERDICT_BETTER;
}

static void set_name(TuningCandidate *candidate, const char *name) {
  snprintf(candidate->name, sizeof candidate->name, "%s", name);
}

Tuner tuner_begin(const Tuner *plan, TuningRecord *record, const char *name, void *standard,
                  void *same) {
  Tuner tuner = *plan;
  tuner.best = standard;
  tuner.record = record;
  record->winner = 0;
  record->count = 1;
  set_name(&record->candidates[0], name);
  (void)compare(&tuner, same, &record->candidates[0]);
  return tuner;
}

bool tuner_wants(const Tuner *tuner, const char *name) {
  const TuningRecord *record = tuner->record;
  if (record->count == TUNING_MOST_CANDIDATES || tuner->now() > tuner->deadline) return false;
  for (int i = 0; i < record->count; i++)
    if (strcmp(record->candidates[i].name, name) == 0) return false;
  return true;
}

bool tuner_try(Tuner *tuner, const char *name, void *trial) {
  TuningRecord *record = tuner->record;
  TuningCandidate *candidate = &record->candidates[record->count];
  set_name(candidate, name);
  bool better = compare(tuner, trial, candidate);
  if (better) better = compare(tuner, trial, candidate);
  if (better) {
    tuner->best = trial;
    record->winner = record->count;
  }
  record->count++;
  return better;
}
