// SPDX-License-Identifier: Apache-2.0
// The sequential comparison of pairs: exact p values, and, over thousands of simulated comparisons
// of a thing with itself under noise of many kinds, no more false alarms than promised.
#include "base/attributes.h"
#include "base/random.h"
#include "statistics/bootstrap.h"
#include "statistics/sequential.h"
#include "statistics/signed_rank.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

enum { MOST = 40, LOOKS = 4, RUNS = 2000 };

static uint64_t fresh_seed(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t seed = (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec;
  print_message("# seed %llu\n", (unsigned long long)seed);
  return seed;
}

static void assert_close(double value, double expected) {
  if (!(fabs(value - expected) <= 1e-12)) print_error("%.17g, expected %.17g\n", value, expected);
  assert_true(fabs(value - expected) <= 1e-12);
}

// scipy.stats.wilcoxon(differences, mode="exact"), and by hand.
static void p_values_are_exact(void **state) {
  (void)state;
  const double some[] = {1.5, -0.5, 2.5, 3.5, -1.0, 4.0};
  assert_close(signed_rank_p(some, 6), 0.15625);
  const double all[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  assert_close(signed_rank_p(all, 10), 2.0 / 1024);
  assert_close(signed_rank_least_p(10), 2.0 / 1024);
  const double tied[] = {1, 1, -1, 0, 0};
  assert_close(signed_rank_p(tied, 5), 1.0);
  const double ties[] = {1, 1, 1, 2};
  assert_close(signed_rank_p(ties, 4), 2.0 / 16);
  const double bad[] = {1, 2, NAN}, none[] = {0, 0};
  assert_close(signed_rank_p(bad, 3), 1);
  assert_close(signed_rank_p(none, 2), 1);
  assert_close(signed_rank_p(none, 0), 1);
}

// Every choice of signs, counted.
static void p_values_count_all_signs(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int round = 0; round < 50; round++) {
    size_t count = 1 + random_below(&random, 10);
    double sizes[10], signs[10];
    for (size_t i = 0; i < count; i++) sizes[i] = 1 + (double)random_below(&random, 6);
    uint64_t chosen = random_next(&random);
    for (size_t i = 0; i < count; i++) signs[i] = chosen >> i & 1 ? sizes[i] : -sizes[i];
    double p = signed_rank_p(signs, count), at_most = 0;
    for (uint64_t choice = 0; choice < UINT64_C(1) << count; choice++) {
      double other[10];
      for (size_t i = 0; i < count; i++) other[i] = choice >> i & 1 ? sizes[i] : -sizes[i];
      at_most += signed_rank_p(other, count) <= p + 1e-12;
    }
    assert_close(p, at_most / ldexp(1, (int)count));
  }
}

// What the places of one run are slowed down by.
typedef struct {
  const char *name;
  double spread;   // of each measurement, log-normal
  double drift;    // random walk from one measurement to the next
  double memory;   // of the noise: autocorrelation
  double tail;     // chance that a measurement is slowed by a factor with a heavy tail
  double second;   // the second of a pair is slower by this share
  double outburst; // the noise of every second stretch of pairs is so many times as large
} Noise;

static const Noise noises[] = {
    {.name = "even", .spread = 0.02},
    {.name = "drift", .spread = 0.01, .drift = 0.03},
    {.name = "memory", .spread = 0.02, .memory = 0.95},
    {.name = "heavy tails", .spread = 0.01, .tail = 0.2},
    {.name = "second is slower", .spread = 0.01, .second = 0.2},
    {.name = "bursts", .spread = 0.005, .outburst = 30, .tail = 0.05, .drift = 0.01},
};

typedef struct {
  const Noise *noise;
  Random random;
  double walk, kept;
  size_t pair;
} Source;

static double draw(Source *source, bool second) {
  const Noise *noise = source->noise;
  Random *random = &source->random;
  source->walk += noise->drift * random_normal(random);
  source->kept = noise->memory * source->kept +
                 sqrt(1 - noise->memory * noise->memory) * random_normal(random);
  double scale = noise->outburst > 0 && source->pair / 7 % 2 ? noise->outburst : 1;
  double value = exp(source->walk + scale * noise->spread * source->kept);
  if (random_unit(random) < noise->tail) value /= 1e-3 + random_unit(random);
  return second ? value * (1 + noise->second) : value;
}

typedef enum { COIN, A_FIRST } Order;

// One comparison; B takes `effect` times as long as A.
static Verdict compare(const SequentialDesign *design, const Noise *noise, Order order,
                       double effect, uint64_t seed, size_t *pairs) {
  Source source = {.noise = noise, .random = random_seeded(seed)};
  double a[MOST], b[MOST];
  SequentialComparison comparison = {0};
  size_t count = 0;
  while (count < design->most && !comparison.decided) {
    bool b_first = order == COIN && random_next(&source.random) >> 63;
    source.pair = count;
    double first = draw(&source, false), second = draw(&source, true);
    a[count] = b_first ? second : first;
    b[count] = effect * (b_first ? first : second);
    count++;
    if (sequential_is_look(design, count))
      sequential_look(design, a, b, count, count == design->most, &comparison);
  }
  *pairs = count;
  assert_true(comparison.spent <= design->alpha * (1 + 1e-12));
  return comparison.verdict;
}

static int verdicts(const SequentialDesign *design, const Noise *noise, Order order, double effect,
                    int runs, Verdict wanted, double *mean_pairs) {
  uint64_t seed = fresh_seed();
  int found = 0;
  size_t pairs, sum = 0;
  for (int i = 0; i < runs; i++) {
    found += compare(design, noise, order, effect, random_at(seed, (uint64_t)i), &pairs) == wanted;
    sum += pairs;
  }
  *mean_pairs = (double)sum / runs;
  return found;
}

static void false_alarms_keep_to_their_rate(void **state) {
  (void)state;
  const SequentialDesign design = {
      .alpha = 0.05, .most = MOST, .looks = LOOKS, .less_is_better = true, .seed = 1};
  double pairs, slack = 4 * sqrt(0.05 * 0.95 / RUNS);
  for (size_t i = 0; i < COUNT_OF(noises); i++) {
    int silent = verdicts(&design, &noises[i], COIN, 1, RUNS, VERDICT_CANNOT_TELL, &pairs);
    double alarms = 1 - (double)silent / RUNS;
    print_message("# %s: %.2f %% false alarms\n", noises[i].name, 100 * alarms);
    assert_true(alarms <= 0.05 + slack);
  }
  // and it is no test that never speaks
  int silent = verdicts(&design, &noises[0], COIN, 1, RUNS, VERDICT_CANNOT_TELL, &pairs);
  assert_true(silent < RUNS - RUNS / 500);
}

// Why the order is drawn: with A always first, a slower second place is an effect of its own.
static void a_fixed_order_would_raise_alarms(void **state) {
  (void)state;
  const SequentialDesign design = {
      .alpha = 0.05, .most = MOST, .looks = LOOKS, .less_is_better = true, .seed = 1};
  double pairs;
  assert_true(verdicts(&design, &noises[4], A_FIRST, 1, 100, VERDICT_WORSE, &pairs) > 90);
}

static void a_real_difference_is_found(void **state) {
  (void)state;
  const SequentialDesign design = {.alpha = 0.0125,
                                   .least_effect = 0.01,
                                   .most = MOST,
                                   .looks = LOOKS,
                                   .less_is_better = true,
                                   .seed = 1};
  double pairs;
  for (size_t i = 0; i < 2; i++) {
    assert_true(verdicts(&design, &noises[i], COIN, 1.1, 40, VERDICT_WORSE, &pairs) >= 36);
    print_message("# %s: 10 %% slower found after %.0f pairs\n", noises[i].name, pairs);
    assert_true(verdicts(&design, &noises[i], COIN, 1 / 1.1, 40, VERDICT_BETTER, &pairs) >= 36);
  }
}

static void what_is_too_small_to_matter_is_no_verdict(void **state) {
  (void)state;
  SequentialDesign design = {.alpha = 0.05,
                             .least_effect = 0.05,
                             .most = MOST,
                             .looks = LOOKS,
                             .less_is_better = false,
                             .seed = 1};
  double a[MOST], b[MOST];
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < MOST; i++) {
    a[i] = 1 + 0.001 * random_unit(&random);
    b[i] = a[i] * 1.02;
  }
  SequentialComparison comparison = {0};
  sequential_look(&design, a, b, MOST, false, &comparison);
  assert_true(comparison.decided && comparison.negligible);
  assert_int_equal(comparison.verdict, VERDICT_CANNOT_TELL);
  assert_true(comparison.p < 1e-6 && fabs(comparison.ratio - 1.02) < 0.001);
  design.least_effect = 0.01;
  comparison = (SequentialComparison){0};
  sequential_look(&design, a, b, MOST, false, &comparison);
  assert_int_equal(comparison.verdict, VERDICT_BETTER); // more is better here
  b[3] = NAN;
  comparison = (SequentialComparison){0};
  sequential_look(&design, a, b, MOST, true, &comparison);
  assert_int_equal(comparison.verdict, VERDICT_CANNOT_TELL);
}

static void few_pairs_spend_nothing(void **state) {
  (void)state;
  const SequentialDesign design = {
      .alpha = 0.01, .most = 20, .looks = 10, .less_is_better = true, .seed = 1};
  const double a[] = {1, 1.1, 1.2, 1.3, 1.4, 1.5}, b[] = {2, 2.3, 2.5, 2.7, 2.9, 3.1};
  SequentialComparison comparison = {0};
  int looks = 0;
  for (size_t i = 0; i <= 30; i++) looks += sequential_is_look(&design, i);
  assert_int_equal(looks, 10);
  sequential_look(&design, a, b, 6, false, &comparison);
  assert_true(comparison.spent == 0 && !comparison.decided);
  sequential_look(&design, a, b, 6, true, &comparison);
  assert_int_equal(comparison.verdict, VERDICT_CANNOT_TELL); // 2 / 2^6 > 0.01
  assert_true(isnan(comparison.interval.low));
  sequential_interval(&design, a, b, &comparison);
  assert_true(comparison.interval.low > 1.9 && comparison.interval.high < 2.3);
}

static void paired_intervals_follow_the_pairs(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  double a[MOST], b[MOST];
  for (int i = 0; i < MOST; i++) {
    a[i] = exp(random_normal(&random));
    b[i] = 1.5 * a[i];
  }
  Interval paired = bootstrap_paired_ratio(b, a, MOST, 0.95, 1);
  Interval apart = bootstrap_ratio(b, MOST, a, MOST, 1);
  assert_true(fabs(paired.low - 1.5) < 1e-9 && fabs(paired.high - 1.5) < 1e-9);
  assert_true(apart.high - apart.low > 0.1);
  for (int i = 0; i < MOST; i++) b[i] *= exp(0.1 * random_normal(&random));
  Interval narrow = bootstrap_paired_ratio(b, a, MOST, 0.5, 1);
  Interval wide = bootstrap_paired_ratio(b, a, MOST, 0.99, 1);
  assert_true(wide.high - wide.low > narrow.high - narrow.low);
  assert_true(isnan(bootstrap_paired_ratio(b, a, 1, 0.95, 1).low));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(p_values_are_exact),
      cmocka_unit_test(p_values_count_all_signs),
      cmocka_unit_test(false_alarms_keep_to_their_rate),
      cmocka_unit_test(a_fixed_order_would_raise_alarms),
      cmocka_unit_test(a_real_difference_is_found),
      cmocka_unit_test(what_is_too_small_to_matter_is_no_verdict),
      cmocka_unit_test(few_pairs_spend_nothing),
      cmocka_unit_test(paired_intervals_follow_the_pairs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
