// SPDX-License-Identifier: Apache-2.0
// Whether B is better than A, looked at several times while pairs of measurements come in, without
// raising more false alarms than promised.
//
// Looks stand at fixed counts of pairs. Each may spend a part of alpha: after n of `most` pairs
// alpha n / most in all, less what earlier looks spent (linear spending, Lan & DeMets 1983); the
// last look spends what is left. A look whose pairs are too few to reach its part spends nothing. A
// look speaks when the exact signed-rank test of the pairs' log ratios rejects at its part, and the
// bootstrap interval of the ratio of medians at the same confidence lies beyond the least effect.
// By the union bound all looks together speak falsely with a chance of at most alpha; when pairs
// stop coming may depend on how long they took, as that does not tell A from B.
#pragma once
#include "statistics/comparison.h"

typedef struct {
  double alpha;        // chance of a verdict where there is no difference, over all looks
  double least_effect; // 0.01: a change under 1 % is none
  size_t most;         // pairs, <= SIGNED_RANK_MOST
  size_t looks;        // planned, >= 1
  bool less_is_better;
  uint64_t seed; // of the bootstrap
} SequentialDesign;

typedef struct {
  size_t pairs;    // that the last look saw
  double spent;    // of alpha
  double p, level; // of that look; level 0: too few pairs to tell anything
  double ratio;    // median of B / median of A
  Interval
      interval; // of it, paired bootstrap; NaN where the look did without (sequential_interval)
  double confidence; // of the interval: 1 - level
  Verdict verdict;
  bool decided;    // nothing more is looked at: a verdict, or
  bool negligible; // the whole interval is within the least effect
} SequentialComparison;

// Whether a look is planned after so many pairs.
bool sequential_is_look(const SequentialDesign *design, size_t pairs);
// Looks at a and b [count], pair by pair, unless all is decided. `last`: no more pairs will come.
void sequential_look(const SequentialDesign *design, const double *a, const double *b, size_t count,
                     bool last, SequentialComparison *comparison);
// Fills in the interval of the pairs that the last look saw, for a report.
void sequential_interval(const SequentialDesign *design, const double *a, const double *b,
                         SequentialComparison *comparison);
