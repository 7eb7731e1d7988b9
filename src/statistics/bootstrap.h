// SPDX-License-Identifier: Apache-2.0
// 95 % confidence intervals by the percentile bootstrap (Efron 1979): the statistic is computed on
// BOOTSTRAP_ROUNDS resamples drawn with replacement, and the middle 95 % of it is the interval.
// Deterministic for a seed. Fewer than two values say nothing about the next one: the interval is
// NaN.
#pragma once
#include "statistics/sample.h"

enum { BOOTSTRAP_ROUNDS = 2000 };

Interval bootstrap_median(const double *values, size_t count, uint64_t seed);
Interval bootstrap_mean(const double *values, size_t count, uint64_t seed);
// Of median(numerator) / median(denominator), the two resampled independently.
Interval bootstrap_ratio(const double *numerator, size_t numerator_count, const double *denominator,
                         size_t denominator_count, uint64_t seed);
