// SPDX-License-Identifier: Apache-2.0
#include "../kernels/guarded.h"
#include "generate/sampler.h"

enum { VOCABULARY = 12, DRAWS = 20000 };

static Sampler *sampler;

static void count_draws(const Sampling *sampling, const float *logits, int64_t counts[VOCABULARY]) {
  memset(counts, 0, VOCABULARY * sizeof *counts);
  for (int64_t step = 0; step < DRAWS; step++) {
    int32_t id = sampler_choose(sampler, sampling, logits, 3, step);
    assert_in_range(id, 0, VOCABULARY - 1);
    counts[id]++;
  }
}

// Each count within six deviations of a binomial's.
static void assert_distribution(const int64_t counts[VOCABULARY],
                                const double weights[VOCABULARY]) {
  double total = 0.0;
  for (int i = 0; i < VOCABULARY; i++) total += weights[i];
  for (int i = 0; i < VOCABULARY; i++) {
    double p = weights[i] / total, mean = DRAWS * p;
    double slack = 6.0 * sqrt(mean * (1.0 - p)) + 1e-9;
    if (!(fabs((double)counts[i] - mean) <= slack))
      fail_msg("id %d: %lld draws, expected %.1f +- %.1f", i, (long long)counts[i], mean, slack);
  }
}

static void random_logits(Random *random, float logits[VOCABULARY]) {
  for (int i = 0; i < VOCABULARY; i++) logits[i] = (float)(2.0 * random_normal(random));
}

static void test_greedy(void **state) {
  (void)state;
  Sampling greedy = sampling_greedy();
  float logits[VOCABULARY] = {-3, 1, 5, 5, -1, 5, 0, 0, 0, 0, 0, 4};
  assert_int_equal(sampler_choose(sampler, &greedy, logits, 0, 0), 2); // the first of the ties
  for (int i = 0; i < VOCABULARY; i++) logits[i] = -INFINITY;
  assert_int_equal(sampler_choose(sampler, &greedy, logits, 0, 0), 0);
}

static void test_temperature(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int round = 0; round < 4; round++) {
    Sampling sampling = {.sample = true,
                         .temperature = 0.3 + random_unit(&random),
                         .top_p = 1.0,
                         .seed = random_next(&random)};
    float logits[VOCABULARY];
    double weights[VOCABULARY];
    int64_t counts[VOCABULARY];
    random_logits(&random, logits);
    logits[4] = -INFINITY;
    logits[5] = NAN; // never chosen
    for (int i = 0; i < VOCABULARY; i++) weights[i] = exp((double)logits[i] / sampling.temperature);
    weights[5] = 0.0;
    count_draws(&sampling, logits, counts);
    assert_distribution(counts, weights);
  }
}

static void test_top_k_keeps_ties(void **state) {
  (void)state;
  Sampling sampling = {
      .sample = true, .temperature = 1.0, .top_k = 3, .top_p = 1.0, .seed = fresh_seed()};
  float logits[VOCABULARY] = {0, 3, 1, 2, 2, -1, 2, 0, 1, 1, 1, 1};
  double weights[VOCABULARY] = {[1] = exp(3), [3] = exp(2), [4] = exp(2), [6] = exp(2)};
  int64_t counts[VOCABULARY];
  count_draws(&sampling, logits, counts);
  assert_distribution(counts, weights);
  sampling.top_k = 1;
  count_draws(&sampling, logits, counts);
  assert_int_equal(counts[1], DRAWS);
}

static void test_top_p_is_the_smallest_set(void **state) {
  (void)state;
  uint64_t seed = fresh_seed();
  float logits[VOCABULARY];
  double shares[VOCABULARY] = {0.05, 0.4, 0.02, 0.3, 0.03, 0.2}; // of the first six; they sum to 1
  for (int i = 0; i < VOCABULARY; i++) logits[i] = i < 6 ? (float)log(shares[i]) : -INFINITY;
  static const struct {
    double top_p;
    int kept; // of 1, 3, 5, 0 in this order
  } cases[] = {{0.0, 1}, {0.39, 1}, {0.41, 2}, {0.69, 2}, {0.71, 3}, {0.89, 3}, {0.92, 4}};
  static const int order[] = {1, 3, 5, 0};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    Sampling sampling = {.sample = true, .temperature = 1.0, .top_p = cases[c].top_p, .seed = seed};
    double weights[VOCABULARY] = {0};
    for (int i = 0; i < cases[c].kept; i++) weights[order[i]] = shares[order[i]];
    int64_t counts[VOCABULARY];
    count_draws(&sampling, logits, counts);
    assert_distribution(counts, weights);
  }
}

// top_p counts probabilities that top_k has left.
static void test_top_k_then_top_p(void **state) {
  (void)state;
  float logits[VOCABULARY];
  for (int i = 0; i < VOCABULARY; i++) logits[i] = 0.0f;
  logits[7] = (float)log(2.0), logits[2] = (float)log(1.5);
  Sampling sampling = {
      .sample = true, .temperature = 1.0, .top_k = 2, .top_p = 0.5, .seed = fresh_seed()};
  int64_t counts[VOCABULARY];
  count_draws(&sampling, logits, counts);
  assert_int_equal(counts[7], DRAWS); // 2 / 3.5 alone is over a half
}

static void test_draws_depend_on_place_alone(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  Sampling sampling = {.sample = true, .temperature = 1.0, .top_p = 1.0, .seed = 5};
  float logits[VOCABULARY];
  random_logits(&random, logits);
  int differs = 0;
  for (int64_t step = 0; step < 200; step++) {
    int32_t id = sampler_choose(sampler, &sampling, logits, 0, step);
    assert_int_equal(sampler_choose(sampler, &sampling, logits, 0, step), id);
    differs += sampler_choose(sampler, &sampling, logits, 1, step) != id;
    Sampling other = sampling;
    other.seed = 6;
    differs += sampler_choose(sampler, &other, logits, 0, step) != id;
  }
  assert_true(differs > 20);
}

int main(void) {
  sampler = sampler_open(kernels_for(cpu_best_tier()), VOCABULARY);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_greedy),           cmocka_unit_test(test_temperature),
      cmocka_unit_test(test_top_k_keeps_ties), cmocka_unit_test(test_top_p_is_the_smallest_set),
      cmocka_unit_test(test_top_k_then_top_p), cmocka_unit_test(test_draws_depend_on_place_alone),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  sampler_close(sampler);
  return failed;
}
