// SPDX-License-Identifier: Apache-2.0
// Confidence intervals, of 95 % where nothing else is said, by the percentile bootstrap (Efron
// 1979): the statistic is computed on BOOTSTRAP_ROUNDS resamples drawn with replacement, and the
// middle of them is the interval. Deterministic for a seed. Fewer than two values say nothing about
// the next one: the interval is NaN.
#pragma once
#include "statistics/sample.h"

enum { BOOTSTRAP_ROUNDS = 2000 };

Interval bootstrap_median(const double *values, size_t count, uint64_t seed);
Interval bootstrap_mean(const double *values, size_t count, uint64_t seed);
// Of median(numerator) / median(denominator), the two resampled independently.
Interval bootstrap_ratio(const double *numerator, size_t numerator_count, const double *denominator,
                         size_t denominator_count, uint64_t seed);
// The same of `count` pairs, drawn as pairs; confidence: 0.95.
Interval bootstrap_paired_ratio(const double *numerator, const double *denominator, size_t count,
                                double confidence, uint64_t seed);
