// SPDX-License-Identifier: Apache-2.0
// Activations, the vector exponential, rotary embedding and plain arithmetic.
#include "guarded.h"

static void test_exponential(void **state) {
  (void)state;
  enum { STEPS = 1 << 16 };
  float *x = malloc(STEPS * sizeof *x), *y = malloc(STEPS * sizeof *y);
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < STEPS; i++)
    x[i] = (float)(random_unit(&random) * 196.0 - 106.0) / (i % 4 ? 1.0f : 100.0f);
  x[0] = INFINITY, x[1] = -INFINITY, x[2] = NAN, x[3] = 88.72f, x[4] = 88.73f, x[5] = -103.9f;
  x[6] = -104.5f, x[7] = 0.0f, x[8] = -0.0f, x[9] = 1e30f, x[10] = -1e30f, x[11] = -87.5f;
  FOR_EACH_TIER(kernels) {
    double worst = 0.0;
    kernels->exponential(STEPS, x, y);
    assert_true(isnan(y[2]));
    for (int i = 0; i < STEPS; i++) {
      double exact = exp(x[i]);
      if (i == 2) continue;
      if (exact > 3.4028235e38) {
        assert_true(y[i] == INFINITY);
        continue;
      }
      float nearest = (float)exact;
      double ulp = nearest < 1.1754944e-38f ? 0x1p-149 : nextafterf(nearest, INFINITY) - nearest;
      double error = fabs(y[i] - exact) / ulp;
      if (!(error <= 2.0)) fail_msg("exp(%.9g) = %.9g, %g ulp off", x[i], y[i], error);
      worst = fmax(worst, error);
    }
    print_message("# %s: worst %.3f ulp\n", cpu_tier_name(kernels->tier), worst);
  }
  free(x), free(y);
}

static void check_activation(const Kernels *kernels, Activation activation, int64_t count,
                             const float *x, const float *up) {
  double expected[300];
  Guarded y = guarded_nan(count);
  for (int64_t i = 0; i < count; i++) expected[i] = activation_value(activation, x[i]);
  kernels->activate(activation, count, x, y.data);
  assert_close(count, y.data, expected, 1e-6, activation_name(activation));
  for (int64_t i = 0; i < count; i++) expected[i] *= up[i];
  kernels->activate_multiply(activation, count, x, up, y.data);
  assert_close(count, y.data, expected, 1e-6, activation_name(activation));
  guarded_free(y);
}

static void test_activations(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int activation = 0; activation < ACTIVATION_COUNT; activation++)
    for (int64_t count = 1; count < 300; count += count < 50 ? 1 : 49) {
      Guarded x = guarded_normal(&random, count), up = guarded_normal(&random, count);
      for (int64_t i = 0; i < count; i++) ((float *)x.data)[i] *= 1.5f;
      ((float *)x.data)[0] = ((float *)up.data)[0] = 1.0f; // the error is relative to the largest
      FOR_EACH_TIER(kernels)
      check_activation(kernels, (Activation)activation, count, x.data, up.data);
      guarded_free(x), guarded_free(up);
    }
}

static void test_activations_at_the_ends(void **state) {
  (void)state;
  static const float ends[] = {-INFINITY, -1e38f, -1e5f,  -200.0f, -100.0f, -20.0f,  -0.0f,
                               0.0f,      20.0f,  100.0f, 1e5f,    1e15f,   INFINITY};
  for (int activation = 0; activation < ACTIVATION_COUNT; activation++) FOR_EACH_TIER(kernels)
  for (size_t i = 0; i < COUNT_OF(ends); i++) {
    float x[20], y[20];
    double wanted = (float)activation_value((Activation)activation, ends[i]);
    for (int j = 0; j < 20; j++) x[j] = ends[i];
    kernels->activate((Activation)activation, 20, x, y);
    for (int j = 0; j < 20; j++)
      if (!(y[j] == wanted || fabs(y[j] - wanted) <= 1e-6 * fmax(1.0, fabs(wanted))))
        fail_msg("%s %s(%g) is %g, not %g", cpu_tier_name(kernels->tier),
                 activation_name((Activation)activation), ends[i], y[j], wanted);
    x[13] = NAN;
    kernels->activate((Activation)activation, 20, x, y);
    assert_true(isnan(y[13]));
  }
}

static void test_activation_names(void **state) {
  (void)state;
  Activation found;
  for (int i = 0; i < ACTIVATION_COUNT; i++) {
    assert_true(activation_by_name(activation_name((Activation)i), &found));
    assert_int_equal(found, i);
  }
  assert_true(activation_by_name("gelu_pytorch_tanh", &found));
  assert_int_equal(found, ACTIVATION_GELU_TANH);
  assert_false(activation_by_name("Silu", &found));
}

static void test_arithmetic(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t count = 0; count < 100; count++) {
    Guarded a = guarded_normal(&random, count), b = guarded_normal(&random, count);
    const float *x = a.data, *z = b.data;
    FOR_EACH_TIER(kernels) {
      Guarded y = guarded_nan(count);
      float *got = y.data;
      kernels->add(count, x, z, got);
      for (int64_t i = 0; i < count; i++) assert_true(got[i] == x[i] + z[i]);
      kernels->multiply(count, x, z, got);
      for (int64_t i = 0; i < count; i++) assert_true(got[i] == x[i] * z[i]);
      kernels->scale(count, x, 0.3f, got);
      for (int64_t i = 0; i < count; i++) assert_true(got[i] == x[i] * 0.3f);
      memcpy(got, z, y.size);
      kernels->add_scaled(count, x, 0.3f, got);
      for (int64_t i = 0; i < count; i++)
        assert_true(fabs(got[i] - (z[i] + 0.3f * (double)x[i])) <= 1e-6);
      guarded_free(y);
    }
    guarded_free(a), guarded_free(b);
  }
}

static void test_rope(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t half = 1; half < 70; half++) {
    int64_t heads = 1 + half % 3, stride = 2 * half + half % 5, count = heads * stride;
    Guarded x = guarded_normal(&random, count), cosine = guarded_normal(&random, half);
    Guarded sine = guarded_normal(&random, half);
    const float *values = x.data, *c = cosine.data, *s = sine.data;
    double *expected = malloc((size_t)count * sizeof *expected);
    for (int64_t i = 0; i < count; i++) expected[i] = values[i];
    for (int64_t head = 0; head < heads; head++)
      for (int64_t i = 0; i < half; i++) {
        double a = values[head * stride + i], b = values[head * stride + half + i];
        expected[head * stride + i] = a * c[i] - b * s[i];
        expected[head * stride + half + i] = b * c[i] + a * s[i];
      }
    FOR_EACH_TIER(kernels) {
      Guarded y = guarded_make((size_t)count * 4);
      memcpy(y.data, values, y.size);
      kernels->rope(heads, stride, half, c, s, y.data);
      assert_close(count, y.data, expected, 5e-7, cpu_tier_name(kernels->tier));
      guarded_free(y);
    }
    guarded_free(x), guarded_free(cosine), guarded_free(sine);
    free(expected);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_exponential),
      cmocka_unit_test(test_activations),
      cmocka_unit_test(test_activations_at_the_ends),
      cmocka_unit_test(test_activation_names),
      cmocka_unit_test(test_arithmetic),
      cmocka_unit_test(test_rope),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
