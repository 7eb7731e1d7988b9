// SPDX-License-Identifier: Apache-2.0
#include "statistics/bootstrap.h"
#include "base/memory.h"
#include "base/random.h"
#include <math.h>

typedef double Statistic(double *resample, size_t count);

static double median_of(double *resample, size_t count) {
  sample_sort(resample, count);
  return sample_quantile(resample, count, 0.5);
}

static double mean_of(double *resample, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += resample[i];
  return sum / (double)count;
}

static double resampled(const double *values, size_t count, Statistic *statistic, double *resample,
                        Random *random) {
  for (size_t i = 0; i < count; i++) resample[i] = values[random_below(random, count)];
  return statistic(resample, count);
}

static Interval middle(double *statistics, double confidence) {
  sample_sort(statistics, BOOTSTRAP_ROUNDS);
  return (Interval){sample_quantile(statistics, BOOTSTRAP_ROUNDS, 0.5 - confidence / 2),
                    sample_quantile(statistics, BOOTSTRAP_ROUNDS, 0.5 + confidence / 2)};
}

static Interval middle_95(double *statistics) {
  return middle(statistics, 0.95);
}

static Interval interval_of(const double *values, size_t count, Statistic *statistic,
                            uint64_t seed) {
  if (count < 2) return (Interval){NAN, NAN};
  double *statistics = memory_allocate((BOOTSTRAP_ROUNDS + count) * sizeof *statistics);
  Random random = random_seeded(seed);
  for (int round = 0; round < BOOTSTRAP_ROUNDS; round++)
    statistics[round] = resampled(values, count, statistic, statistics + BOOTSTRAP_ROUNDS, &random);
  Interval interval = middle_95(statistics);
  memory_free(statistics);
  return interval;
}

Interval bootstrap_median(const double *values, size_t count, uint64_t seed) {
  return interval_of(values, count, median_of, seed);
}

Interval bootstrap_mean(const double *values, size_t count, uint64_t seed) {
  return interval_of(values, count, mean_of, seed);
}

Interval bootstrap_ratio(const double *numerator, size_t numerator_count, const double *denominator,
                         size_t denominator_count, uint64_t seed) {
  if (numerator_count < 2 || denominator_count < 2) return (Interval){NAN, NAN};
  size_t most = numerator_count > denominator_count ? numerator_count : denominator_count;
  double *ratios = memory_allocate((BOOTSTRAP_ROUNDS + most) * sizeof *ratios);
  double *resample = ratios + BOOTSTRAP_ROUNDS;
  Random random = random_seeded(seed);
  for (int round = 0; round < BOOTSTRAP_ROUNDS; round++) {
    double over = resampled(numerator, numerator_count, median_of, resample, &random);
    ratios[round] = over / resampled(denominator, denominator_count, median_of, resample, &random);
  }
  Interval interval = middle_95(ratios);
  memory_free(ratios);
  return interval;
}

Interval bootstrap_paired_ratio(const double *numerator, const double *denominator, size_t count,
                                double confidence, uint64_t seed) {
  if (count < 2) return (Interval){NAN, NAN};
  double *ratios = memory_allocate((BOOTSTRAP_ROUNDS + 2 * count) * sizeof *ratios);
  double *over = ratios + BOOTSTRAP_ROUNDS, *under = over + count;
  Random random = random_seeded(seed);
  for (int round = 0; round < BOOTSTRAP_ROUNDS; round++) {
    for (size_t i = 0; i < count; i++) {
      size_t pair = random_below(&random, count);
      over[i] = numerator[pair];
      under[i] = denominator[pair];
    }
    ratios[round] = median_of(over, count) / median_of(under, count);
  }
  Interval interval = middle(ratios, confidence);
  memory_free(ratios);
  return interval;
}
