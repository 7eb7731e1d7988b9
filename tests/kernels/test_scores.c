// SPDX-License-Identifier: Apache-2.0
// What is done to scores before the softmax: ramps and caps, from the smallest to infinite scores.
#include "guarded.h"

static void test_add_ramp(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t count = 0; count < 100; count++) {
    Guarded x = guarded_normal(&random, count);
    float start = (float)(random_unit(&random) * 200.0 - 100.0);
    float step = (float)(random_unit(&random) * 2.0 - 1.0);
    FOR_EACH_TIER(kernels) {
      Guarded y = guarded_make((size_t)count * sizeof(float));
      memcpy(y.data, x.data, y.size);
      kernels->add_ramp(count, start, step, y.data);
      for (int64_t i = 0; i < count; i++) {
        double wanted = ((float *)x.data)[i] + (start + (double)i * step);
        double off = fabs(((float *)y.data)[i] - wanted);
        assert_true(off <= 0x1p-23 * (fabs(start + (double)i * step) + fabs(wanted)));
      }
      guarded_free(y);
    }
    guarded_free(x);
  }
}

static double ulps(float got, double exact) {
  float nearest = fabsf((float)exact);
  double ulp =
      nearest < 1.1754944e-38f ? 0x1p-149 : (double)nextafterf(nearest, INFINITY) - nearest;
  return fabs(got - exact) / ulp;
}

// Over many magnitudes, u = x / cap from 1e-8 to 30.
static void test_soft_cap(void **state) {
  (void)state;
  enum { COUNT = 1 << 16 };
  Random random = random_seeded(fresh_seed());
  Guarded x = guarded_nan(COUNT), y = guarded_nan(COUNT);
  float *scores = x.data, *got = y.data, cap = 50.0f;
  for (int i = 0; i < COUNT; i++)
    scores[i] = (float)((i % 2 ? 1.0 : -1.0) * cap * pow(10.0, random_unit(&random) * 9.5 - 8.0));
  FOR_EACH_TIER(kernels) {
    double worst = 0.0, worst_slope = 0.0;
    kernels->soft_cap(COUNT, cap, scores, got);
    for (int i = 0; i < COUNT; i++)
      worst = fmax(worst, ulps(got[i], cap * tanh((double)scores[i] / cap)));
    for (int i = 0; i < COUNT; i++) got[i] = 1.0f;
    kernels->soft_cap_slope(COUNT, cap, scores, got);
    for (int i = 0; i < COUNT; i++) {
      double wanted = pow(cosh((double)scores[i] / cap), -2.0);
      worst_slope = fmax(worst_slope, fabs(got[i] - wanted) / wanted);
    }
    print_message("# %s: worst %.2f ulp, slope %.1e\n", cpu_tier_name(kernels->tier), worst,
                  worst_slope);
    assert_true(worst <= 4.0);
    // The slope at u moves by 2 u times the rounding of u, in relative terms.
    assert_true(worst_slope <= 2 * 33 * 0x1p-23);
  }
  guarded_free(x), guarded_free(y);
}

static void test_ends(void **state) {
  (void)state;
  float x[20], y[20];
  FOR_EACH_TIER(kernels) {
    for (int i = 0; i < 20; i++) x[i] = i % 2 ? INFINITY : -INFINITY;
    x[7] = NAN, x[8] = 0.0f, x[9] = -0.0f;
    kernels->soft_cap(20, 30.0f, x, y);
    for (int i = 0; i < 20; i++)
      if (i < 7 || i > 9) assert_true(y[i] == (i % 2 ? 30.0f : -30.0f));
    assert_true(isnan(y[7]) && y[8] == 0.0f && y[9] == 0.0f);
    for (int i = 0; i < 20; i++) y[i] = 2.0f;
    kernels->soft_cap_slope(20, 30.0f, x, y);
    for (int i = 0; i < 20; i++)
      if (i < 7 || i > 9) assert_true(fabsf(y[i]) < 1e-30f);
    assert_true(isnan(y[7]) && y[8] == 2.0f && y[9] == 2.0f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_add_ramp),
      cmocka_unit_test(test_soft_cap),
      cmocka_unit_test(test_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
