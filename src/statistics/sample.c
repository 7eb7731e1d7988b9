// SPDX-License-Identifier: Apache-2.0
#include "statistics/sample.h"
#include "base/memory.h"
#include "statistics/bootstrap.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
  return (a > b) - (a < b);
}

void sample_sort(double *values, size_t count) {
  qsort(values, count, sizeof *values, compare);
}

double sample_quantile(const double *ascending, size_t count, double q) {
  if (count == 0) return NAN;
  double position = q * (double)(count - 1);
  size_t below = (size_t)position;
  if (below + 1 >= count) return ascending[count - 1];
  double fraction = position - (double)below;
  return ascending[below] + fraction * (ascending[below + 1] - ascending[below]);
}

static double mean(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum / (double)count;
}

static double deviation(const double *values, size_t count, double average) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (values[i] - average) * (values[i] - average);
  return sqrt(sum / (double)count);
}

static double *sorted_copy(const double *values, size_t count) {
  double *sorted = memory_allocate(count * sizeof *sorted);
  if (count) memcpy(sorted, values, count * sizeof *sorted);
  sample_sort(sorted, count);
  return sorted;
}

double sample_median(const double *values, size_t count) {
  double *sorted = sorted_copy(values, count);
  double median = sample_quantile(sorted, count, 0.5);
  memory_free(sorted);
  return median;
}

Sample sample_describe(const double *values, size_t count, uint64_t seed) {
  double *sorted = sorted_copy(values, count);
  double average = count ? mean(values, count) : NAN;
  Sample sample = {
      .count = count,
      .avg = average,
      .std = count ? deviation(values, count, average) : NAN,
      .min = sample_quantile(sorted, count, 0),
      .med = sample_quantile(sorted, count, 0.5),
      .max = sample_quantile(sorted, count, 1),
      .p50 = sample_quantile(sorted, count, 0.5),
      .p90 = sample_quantile(sorted, count, 0.9),
      .p95 = sample_quantile(sorted, count, 0.95),
      .p99 = sample_quantile(sorted, count, 0.99),
      .med_ci95 = bootstrap_median(values, count, seed),
      .avg_ci95 = bootstrap_mean(values, count, seed),
  };
  memory_free(sorted);
  return sample;
}

double sample_noise(const Sample *sample) {
  return (sample->med_ci95.high - sample->med_ci95.low) / 2 / fabs(sample->med);
}
