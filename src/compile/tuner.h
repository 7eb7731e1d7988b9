// SPDX-License-Identifier: Apache-2.0
// Finds the fastest of several ways to do one thing. The first is what is done without a tuner;
// each other is timed in turn with the best so far, call by call, and takes its place only where it
// is faster beyond doubt: the 95 % bootstrap interval of the ratio of the medians lies wholly below
// 1 by at least TUNER_EFFECT, twice (of many candidates one may seem faster by chance). Where noise
// leaves that open, what was stays. All that was found out goes into the record.
//
// A trial is the caller's: something that can be called again and again.
#pragma once
#include "compile/tuning_store.h"

#define TUNER_EFFECT 0.01

typedef struct {
  void (*run)(void *trial); // one call
  int64_t (*now)(void);     // clock_now
  int64_t trial_ns;         // that the calls of each side of a comparison may take, about
  int64_t deadline;         // on that clock: no candidate is begun after it
  void *best;               // the trial
  TuningRecord *record;
} Tuner;

// The record begins with the standard way; `same` is another trial of it, timed against it, so that
// the record shows the noise too. `plan` says run, now, trial_ns and deadline.
Tuner tuner_begin(const Tuner *plan, TuningRecord *record, const char *name, void *standard,
                  void *same);
// Whether a candidate of that name is worth a trial: it is new, and there is room and time.
bool tuner_wants(const Tuner *tuner, const char *name);
// Times it. True: it is the best from now on, and the former best is no longer needed.
bool tuner_try(Tuner *tuner, const char *name, void *trial);
