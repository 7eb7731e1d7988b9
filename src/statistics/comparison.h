// SPDX-License-Identifier: Apache-2.0
// Whether one set of numbers is better than another: better, worse, or cannot tell.
#pragma once
#include "statistics/sample.h"

typedef enum { VERDICT_CANNOT_TELL, VERDICT_BETTER, VERDICT_WORSE } Verdict;

typedef struct {
  double ratio;  // median of the candidate / median of the base
  Interval ci95; // of the ratio, by bootstrap
  Verdict verdict;
} Comparison;

// The candidate is better when the whole interval lies on the good side of 1, farther than
// `least_effect` (0.01: a change under 1 % is no change). Fewer than 3 values on a side, or a NaN
// anywhere: cannot tell.
Comparison comparison_make(const double *base, size_t base_count, const double *candidate,
                           size_t candidate_count, bool less_is_better, double least_effect,
                           uint64_t seed);
const char *verdict_text(Verdict verdict); // "better", "worse", "cannot tell"
