// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"
#include "statistics/bootstrap.h"
#include "statistics/comparison.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static void assert_close(double value, double expected) {
  if (!(fabs(value - expected) <= 1e-12 * fmax(1, fabs(expected))))
    print_error("%.17g, expected %.17g\n", value, expected);
  assert_true(fabs(value - expected) <= 1e-12 * fmax(1, fabs(expected)));
}

static uint64_t fresh_seed(void) {
  uint64_t seed = (uint64_t)time(NULL) * 1000003 + (uint64_t)clock();
  print_message("# seed %llu\n", (unsigned long long)seed);
  return seed;
}

static void fill_normal(Random *random, double mean, double deviation, double *values,
                        size_t count) {
  for (size_t i = 0; i < count; i++) values[i] = mean + deviation * random_normal(random);
}

// numpy.percentile of these values: 10, 25, 50, 90, 95, 99
static void quantiles_interpolate_between_order_statistics(void **state) {
  (void)state;
  const double values[] = {7, 1, 4, 2, 10, 3};
  double sorted[] = {1, 2, 3, 4, 7, 10};
  assert_close(sample_quantile(sorted, 6, 0.10), 1.5);
  assert_close(sample_quantile(sorted, 6, 0.25), 2.25);
  assert_close(sample_quantile(sorted, 6, 0.99), 9.85);
  Sample sample = sample_describe(values, 6, 1);
  assert_int_equal(sample.count, 6);
  assert_close(sample.avg, 4.5);
  assert_close(sample.std, sqrt(57.5 / 6));
  assert_close(sample.min, 1);
  assert_close(sample.med, 3.5);
  assert_close(sample.p50, 3.5);
  assert_close(sample.p90, 8.5);
  assert_close(sample.p95, 9.25);
  assert_close(sample.max, 10);
}

static void one_value_and_none_are_told_as_they_are(void **state) {
  (void)state;
  const double one = 3;
  Sample sample = sample_describe(&one, 1, 1);
  assert_close(sample.med, 3);
  assert_close(sample.std, 0);
  assert_close(sample.p99, 3);
  assert_true(isnan(sample.med_ci95.low) && isnan(sample.med_ci95.high));
  assert_true(isnan(sample.avg_ci95.low) && isnan(sample.avg_ci95.high));
  const double two[] = {3, 4};
  assert_true(isnan(bootstrap_ratio(two, 2, &one, 1, 1).low));
  assert_true(isnan(bootstrap_ratio(&one, 1, two, 2, 1).high));
  Sample none = sample_describe(NULL, 0, 1);
  assert_int_equal(none.count, 0);
  assert_true(isnan(none.avg) && isnan(none.med) && isnan(none.max) && isnan(none.med_ci95.low));
}

static void intervals_are_the_same_for_the_same_seed(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  double values[15];
  fill_normal(&random, 10, 1, values, 15);
  Interval first = bootstrap_median(values, 15, 7), again = bootstrap_median(values, 15, 7);
  assert_true(first.low == again.low && first.high == again.high);
  assert_true(first.low <= sample_median(values, 15) && sample_median(values, 15) <= first.high);
}

// The 95 % interval of the mean of 40 values holds the true mean in 85 to 99 % of 200 samples.
static void intervals_hold_the_truth_as_often_as_they_say(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  double values[40];
  int held = 0;
  for (int round = 0; round < 200; round++) {
    fill_normal(&random, 5, 2, values, 40);
    Interval interval = bootstrap_mean(values, 40, random_next(&random));
    held += interval.low <= 5 && 5 <= interval.high;
  }
  assert_in_range(held, 170, 199);
}

static void comparisons_have_three_verdicts(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  double base[30], faster[30], same[30];
  fill_normal(&random, 100, 1, base, 30);
  fill_normal(&random, 80, 1, faster, 30);
  for (int i = 0; i < 30; i++) same[i] = base[29 - i];
  Comparison comparison = comparison_make(base, 30, faster, 30, true, 0.01, 1);
  assert_int_equal(comparison.verdict, VERDICT_BETTER);
  assert_true(comparison.ci95.low < comparison.ratio && comparison.ratio < comparison.ci95.high);
  assert_true(fabs(comparison.ratio - 0.8) < 0.02);
  assert_int_equal(comparison_make(base, 30, faster, 30, false, 0.01, 1).verdict, VERDICT_WORSE);
  assert_int_equal(comparison_make(faster, 30, base, 30, true, 0.01, 1).verdict, VERDICT_WORSE);
  assert_int_equal(comparison_make(base, 30, same, 30, true, 0.01, 1).verdict, VERDICT_CANNOT_TELL);
  assert_int_equal(comparison_make(base, 2, faster, 2, true, 0.01, 1).verdict, VERDICT_CANNOT_TELL);
  assert_int_equal(comparison_make(base, 0, faster, 30, true, 0.01, 1).verdict,
                   VERDICT_CANNOT_TELL);
  assert_string_equal(verdict_text(VERDICT_CANNOT_TELL), "cannot tell");
}

static void a_nan_decides_nothing(void **state) {
  (void)state;
  double base[] = {1, 1, 1, 1}, bad[] = {NAN, NAN, 0.5, 0.5};
  assert_int_equal(comparison_make(base, 4, bad, 4, true, 0.01, 1).verdict, VERDICT_CANNOT_TELL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quantiles_interpolate_between_order_statistics),
      cmocka_unit_test(one_value_and_none_are_told_as_they_are),
      cmocka_unit_test(intervals_are_the_same_for_the_same_seed),
      cmocka_unit_test(intervals_hold_the_truth_as_often_as_they_say),
      cmocka_unit_test(comparisons_have_three_verdicts),
      cmocka_unit_test(a_nan_decides_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
