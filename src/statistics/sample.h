// SPDX-License-Identifier: Apache-2.0
// What a set of measured numbers says: order statistics, moments, and how sure they are.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  double low, high;
} Interval;

// Every number carries its sample count; all are NaN when count is 0.
typedef struct {
  size_t count;
  double avg, std; // std is of the population: divided by count
  double min, med, max;
  double p50, p90, p95, p99;
  Interval med_ci95, avg_ci95; // percentile bootstrap
} Sample;

// The quantile q (0 … 1) of `count` ascending values by linear interpolation between the order
// statistics at q (count - 1) (Hyndman & Fan 1996, definition 7). NaN when count is 0.
double sample_quantile(const double *ascending, size_t count, double q);
// Describes the values, which it leaves alone. The bootstrap is deterministic: same values and
// seed, same intervals.
Sample sample_describe(const double *values, size_t count, uint64_t seed);
double sample_median(const double *values, size_t count);
// Half the width of the 95 % interval of the median, as a share of the median; NaN when unknown.
double sample_noise(const Sample *sample);
// Ascending; NaN last.
void sample_sort(double *values, size_t count);
