// SPDX-License-Identifier: Apache-2.0
// Norms, softmax, argmax and their kin, one row at a time.
#include "guarded.h"

static const double bound = 1e-6;

static void test_rms_norm(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t count = 1; count < 700; count += count < 80 ? 1 : 37) {
    Guarded x = guarded_normal(&random, count), w = guarded_normal(&random, count);
    double expected[700], squares = 0.0;
    const float *values = x.data, *weight = w.data;
    for (int64_t i = 0; i < count; i++) squares += (double)values[i] * values[i];
    double factor = 1.0 / sqrt(squares / (double)count + 1e-5);
    for (int64_t i = 0; i < count; i++) expected[i] = weight[i] * values[i] * factor;
    FOR_EACH_TIER(kernels) {
      Guarded y = guarded_nan(count);
      kernels->rms_norm(count, values, weight, 1e-5f, y.data);
      assert_close(count, y.data, expected, bound, cpu_tier_name(kernels->tier));
      memcpy(y.data, values, y.size); // in place
      kernels->rms_norm(count, y.data, weight, 1e-5f, y.data);
      assert_close(count, y.data, expected, bound, cpu_tier_name(kernels->tier));
      guarded_free(y);
    }
    guarded_free(x), guarded_free(w);
  }
}

static void test_layer_norm(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t count = 2; count < 700; count += count < 80 ? 1 : 37) {
    Guarded x = guarded_normal(&random, count), w = guarded_normal(&random, count);
    Guarded b = guarded_normal(&random, count);
    const float *weight = w.data, *bias = count % 2 ? b.data : NULL;
    float *values = x.data;
    double expected[700], sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < count; i++) values[i] += 3.0f;
    for (int64_t i = 0; i < count; i++) sum += values[i];
    double mean = sum / (double)count;
    for (int64_t i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
    double factor = 1.0 / sqrt(squares / (double)count + 1e-5);
    for (int64_t i = 0; i < count; i++)
      expected[i] = weight[i] * (values[i] - mean) * factor + (bias ? bias[i] : 0.0);
    FOR_EACH_TIER(kernels) {
      Guarded y = guarded_nan(count);
      kernels->layer_norm(count, values, weight, bias, 1e-5f, y.data);
      assert_close(count, y.data, expected, 5e-6, cpu_tier_name(kernels->tier));
      guarded_free(y);
    }
    guarded_free(x), guarded_free(w), guarded_free(b);
  }
}

static void expect_softmax(int64_t count, int64_t begin, int64_t end, double scale, const float *x,
                           double *expected) {
  double largest = -INFINITY, sum = 0.0;
  for (int64_t i = begin; i < end; i++) largest = fmax(largest, scale * x[i]);
  for (int64_t i = begin; i < end; i++) sum += exp(scale * x[i] - largest);
  for (int64_t i = 0; i < count; i++) {
    bool valid = i >= begin && i < end && largest > -INFINITY;
    expected[i] = valid ? exp(scale * x[i] - largest) / sum : 0.0;
  }
}

static void test_softmax(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t count = 1; count < 600; count += count < 80 ? 1 : 31) {
    int64_t begin = (int64_t)random_below(&random, (uint64_t)count + 1);
    int64_t end = begin + (int64_t)random_below(&random, (uint64_t)(count - begin) + 1);
    if (count % 3 == 0) begin = 0, end = count;
    Guarded x = guarded_normal(&random, count);
    float *values = x.data;
    for (int64_t i = 0; i < count; i++) {
      values[i] *= 20.0f;
      if (i < begin || i >= end) values[i] = NAN; // must not be read
      if (count % 5 == 0 && i % 2) values[i] = -INFINITY;
      if (count % 20 == 0) values[i] = -INFINITY; // all of them
    }
    double expected[600];
    expect_softmax(count, begin, end, 0.125, values, expected);
    FOR_EACH_TIER(kernels) {
      Guarded y = guarded_nan(count);
      kernels->softmax(count, begin, end, 0.125f, values, y.data);
      assert_close(count, y.data, expected, 2e-6, cpu_tier_name(kernels->tier));
      for (int64_t i = 0; i < count; i++)
        if (i < begin || i >= end) assert_true(((float *)y.data)[i] == 0.0f);
      guarded_free(y);
    }
    guarded_free(x);
  }
}

static void test_softmax_shows_nan(void **state) {
  (void)state;
  FOR_EACH_TIER(kernels) {
    float x[40] = {0}, y[40];
    x[17] = NAN;
    kernels->softmax(40, 0, 40, 1.0f, x, y);
    for (int i = 0; i < 40; i++) assert_true(isnan(y[i]));
  }
}

static void test_argmax(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t count = 1; count < 300; count++) {
    Guarded x = guarded_make((size_t)count * 4);
    float *values = x.data;
    // few distinct values, so that there are ties; sometimes infinities and NaN
    for (int64_t i = 0; i < count; i++) values[i] = (float)random_below(&random, 5) - 9.0f;
    if (count % 7 == 0) values[random_below(&random, (uint64_t)count)] = NAN;
    if (count % 5 == 0) values[random_below(&random, (uint64_t)count)] = INFINITY;
    if (count % 11 == 0)
      for (int64_t i = 0; i < count; i++) values[i] = -INFINITY;
    int64_t expected = 0;
    for (int64_t i = 0; i < count && !isnan(values[expected]); i++)
      if (values[i] > values[expected] || isnan(values[i])) expected = i;
    FOR_EACH_TIER(kernels)
    assert_int_equal(kernels->argmax(count, values), expected);
    guarded_free(x);
  }
}

static void test_sum_exponentials(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t count = 1; count < 10000; count += count < 100 ? 1 : 977) {
    Guarded x = guarded_normal(&random, count);
    const float *values = x.data;
    float shift = values[kernels_reference.argmax(count, values)];
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) sum += exp((double)values[i] - shift);
    FOR_EACH_TIER(kernels) {
      double got = kernels->sum_exponentials(count, values, shift);
      if (!(fabs(got - sum) <= 2e-6 * sum))
        fail_msg("%lld: %g, not %g", (long long)count, got, sum);
    }
    guarded_free(x);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rms_norm), cmocka_unit_test(test_layer_norm),
      cmocka_unit_test(test_softmax),  cmocka_unit_test(test_softmax_shows_nan),
      cmocka_unit_test(test_argmax),   cmocka_unit_test(test_sum_exponentials),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
