// SPDX-License-Identifier: Apache-2.0
// Tunes the steps of executables (compile modes max-autotune…): steps that are alike form a
// question, whose candidates (step_choices.h) are timed on those steps themselves, one after the
// other (their weights come from memory as they do in a run), by the team that runs them. Winners
// are kept with their evidence (tuning_store.h) and found there by the next process; of two that
// want the same answer at once one waits for the other's, for a while.
#pragma once
#include "compile/executable.h"
#include "compile/tuning_store.h"

typedef struct {
  const Kernels *kernels;
  Team *team;
  const CodeCache *cache; // NULL, or one that cannot be used: answers last as long as the tuner
  bool refresh;           // nothing is taken from the cache: all is timed anew, and kept
  bool replay;            // of the executables
} StepTunerOptions;

typedef struct {
  int64_t tuning_ns;
  int questions, cached, changed; // different ones; found in the cache; where the winner is another
                                  // than what is done without tuning
  int candidates;                 // timed
  int64_t copied_bytes;           // of weights that won with a copy of their own (weight_copies.h)
} StepTunerFacts;

typedef struct StepTuner StepTuner;

StepTuner *step_tuner_open(const StepTunerOptions *options);
void step_tuner_close(StepTuner *tuner); // NULL is fine
// Of an executable that has run, whose memory thus holds real values; its outputs are lost. A
// choice that there is no memory for is no candidate.
void step_tuner_run(StepTuner *tuner, Executable *executable);
StepTunerFacts step_tuner_facts(const StepTuner *tuner);
