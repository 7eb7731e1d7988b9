// SPDX-License-Identifier: Apache-2.0
// The reference itself: its gradients against central differences of its own forward pass, and the
// cases whose answer is known without arithmetic.
#include "case.h"
#include "reference.h"

// A mod with every kind of dependence, smooth in the score.
static double soft_score(const void *data, double score, int64_t b, int64_t h, int64_t q,
                         int64_t k) {
  (void)data;
  return 2.0 * tanh(score / 2.0) + 0.1 * (double)(k - q) / (double)(h + 1) + 0.05 * (double)b;
}

static double soft_derivative(const void *data, double score, int64_t b, int64_t h, int64_t q,
                              int64_t k) {
  (void)data, (void)b, (void)h, (void)q, (void)k;
  return 1.0 - tanh(score / 2.0) * tanh(score / 2.0);
}

static bool causal_but_first(const void *data, int64_t b, int64_t h, int64_t q, int64_t k) {
  (void)data, (void)b, (void)h;
  return q > 0 && q >= k;
}

static const ReferenceMod mod = {soft_score, soft_derivative, causal_but_first, NULL};

// Σ dout · out, the function whose gradients are dq, dk and dv.
static double objective(const Case *c) {
  Reference result = reference_attention(&c->problem, &c->operands, NULL, &mod);
  double *dout = reference_values(&c->dout), sum = 0.0;
  for (int64_t i = 0; i < tensor_elements(&c->dout); i++) sum += dout[i] * result.out[i];
  free(dout);
  reference_free(&result);
  return sum;
}

static void check_differences(const Case *c, const Tensor *operand, const double *gradient) {
  const float step = 0x1p-9f;
  float *values = operand->data;
  for (int64_t i = 0; i < tensor_elements(operand); i++) {
    float before = values[i], above = before + step, below = before - step;
    values[i] = above;
    double up = objective(c);
    values[i] = below;
    double difference = (up - objective(c)) / ((double)above - (double)below);
    values[i] = before;
    if (!(fabs(difference - gradient[i]) <= 2e-5))
      fail_msg("element %lld: gradient %g, difference %g", (long long)i, gradient[i], difference);
  }
}

static void test_gradients(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  AttentionProblem problem = {.batch = 2,
                              .heads = 4,
                              .kv_heads = 2,
                              .queries = 5,
                              .keys = 4,
                              .head_dim = 3,
                              .scale = 0.6,
                              .dtype = DTYPE_F32};
  Case c = case_make(&problem, false, &random);
  Reference result = reference_attention(&problem, &c.operands, &c.dout, &mod);
  check_differences(&c, &c.operands.q, result.dq);
  check_differences(&c, &c.operands.k, result.dk);
  check_differences(&c, &c.operands.v, result.dv);
  reference_free(&result);
  case_free(&c);
}

static void test_rows_that_see_nothing(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  AttentionProblem problem = {.batch = 1,
                              .heads = 2,
                              .kv_heads = 1,
                              .queries = 3,
                              .keys = 3,
                              .head_dim = 2,
                              .scale = 1.0,
                              .dtype = DTYPE_BF16};
  Case c = case_make(&problem, true, &random);
  Reference result = reference_attention(&problem, &c.operands, &c.dout, &mod);
  for (int64_t h = 0; h < 2; h++) {
    assert_true(result.lse[h * 3] == -INFINITY);
    for (int i = 0; i < 2; i++) {
      assert_true(result.out[h * 6 + i] == 0.0);
      assert_true(result.dq[h * 6 + i] == 0.0);
    }
  }
  reference_free(&result);
  case_free(&c);
}

// One key: the output is its value, whatever the score.
static void test_one_key(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  AttentionProblem problem = {.batch = 1,
                              .heads = 2,
                              .kv_heads = 2,
                              .queries = 1,
                              .keys = 1,
                              .head_dim = 8,
                              .scale = 1.0,
                              .dtype = DTYPE_F16};
  Case c = case_make(&problem, true, &random);
  Reference result = reference_attention(&problem, &c.operands, &c.dout, NULL);
  reference_check(&c.operands.v, result.out, REFERENCE_OUT, "value of the only key");
  reference_check(&c.dout, result.dv, REFERENCE_GRADIENT, "gradient of the only value");
  reference_free(&result);
  case_free(&c);
}

static void test_errors(void **state) {
  (void)state;
  const double expected[] = {1.0, -2.0, -INFINITY}, same[] = {1.0, -2.0, -INFINITY};
  const double off[] = {1.0, -1.0, -INFINITY}, bad[] = {NAN, -2.0, -INFINITY};
  const double finite[] = {1.0, -2.0, -3e38};
  assert_true(reference_error(3, same, expected).largest == 0.0);
  assert_true(reference_error(3, off, expected).largest == 0.5);
  assert_true(isinf(reference_error(3, bad, expected).largest));
  assert_true(isinf(reference_error(3, finite, expected).norm));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_rows_that_see_nothing),
      cmocka_unit_test(test_one_key),
      cmocka_unit_test(test_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
