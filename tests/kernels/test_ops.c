// SPDX-License-Identifier: Apache-2.0
// The operators through the eager form: values against plain loops, views, scopes, sticky errors.
#include "guarded.h"
#include "kernels/eager.h"

static const double bound = 3e-6;
static Team *team;

static Tensor view2(Guarded storage, int64_t rows, int64_t columns, int64_t stride) {
  return (Tensor){.dtype = DTYPE_F32,
                  .rank = 2,
                  .shape = {rows, columns},
                  .stride = {stride, 1},
                  .data = storage.data};
}

static int64_t between(Random *random, int64_t least, int64_t most) {
  return least + (int64_t)random_below(random, (uint64_t)(most - least + 1));
}

static float at2(const Tensor *x, int64_t row, int64_t column) {
  return ((const float *)x->data)[row * x->stride[0] + column];
}

static void assert_output(Ops *ops, const Tensor *out, const double *expected, const char *what) {
  Error error;
  if (!ops_finish(ops, &error)) fail_msg("%s: %s: %s", what, error.where, error.message);
  assert_true(tensor_is_dense(out));
  assert_close(tensor_elements(out), out->data, expected, bound, what);
}

static void check_pointwise(Ops *ops, const Tensor *a, const Tensor *b, double *expected) {
  int64_t rows = a->shape[0], columns = a->shape[1], count = rows * columns;
  for (int64_t i = 0; i < count; i++)
    expected[i] = (double)at2(a, i / columns, i % columns) + at2(b, i / columns, i % columns);
  Tensor out = ops_add(ops, a, b);
  assert_output(ops, &out, expected, "add");
  out = ops_add_residual(ops, a, b);
  assert_output(ops, &out, expected, "add_residual");
  for (int64_t i = 0; i < count; i++)
    expected[i] = (double)at2(a, i / columns, i % columns) * at2(b, i / columns, i % columns);
  out = ops_multiply(ops, a, b);
  assert_output(ops, &out, expected, "multiply");
  for (int64_t i = 0; i < count; i++)
    expected[i] = activation_value(ACTIVATION_SILU, (double)at2(a, i / columns, i % columns));
  out = ops_activation(ops, a, ACTIVATION_SILU);
  assert_output(ops, &out, expected, "activation");
  for (int64_t i = 0; i < count; i++)
    expected[i] = (double)at2(a, i / columns, i % columns) * (double)0.37f;
  Tensor copy = ops_add(ops, a, a); // scale overwrites it
  out = ops_scale(ops, &copy, (double)0.37f);
  assert_ptr_equal(out.data, copy.data);
  for (int64_t i = 0; i < count; i++) expected[i] *= 2.0;
  assert_output(ops, &out, expected, "scale");
}

static void check_norms(Ops *ops, const Tensor *a, const float *weight, const float *bias,
                        double *expected) {
  int64_t rows = a->shape[0], columns = a->shape[1];
  double epsilon = 1e-5, n = (double)columns;
  for (int64_t row = 0; row < rows; row++) {
    double squares = 0.0;
    for (int64_t i = 0; i < columns; i++) squares += pow((double)at2(a, row, i), 2.0);
    for (int64_t i = 0; i < columns; i++)
      expected[row * columns + i] =
          (double)at2(a, row, i) / sqrt(squares / n + epsilon) * (double)weight[i];
  }
  Tensor out = ops_rms_norm(ops, a, weight, epsilon);
  assert_output(ops, &out, expected, "rms_norm");
  for (int64_t row = 0; row < rows; row++) {
    double mean = 0.0, variance = 0.0;
    for (int64_t i = 0; i < columns; i++) mean += (double)at2(a, row, i) / n;
    for (int64_t i = 0; i < columns; i++) variance += pow((double)at2(a, row, i) - mean, 2.0) / n;
    for (int64_t i = 0; i < columns; i++)
      expected[row * columns + i] =
          ((double)at2(a, row, i) - mean) / sqrt(variance + epsilon) * (double)weight[i] +
          (double)bias[i];
  }
  out = ops_layer_norm(ops, a, weight, bias, epsilon);
  assert_output(ops, &out, expected, "layer_norm");
}

static void test_rows(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels) {
    for (int round = 0; round < 20; round++) {
      int64_t rows = between(&random, 1, 60), columns = between(&random, 2, 400);
      int64_t stride = columns + between(&random, 0, 9);
      Ops *ops = eager_open(kernels, team);
      Guarded x = guarded_normal(&random, (rows - 1) * stride + columns);
      Guarded y = guarded_normal(&random, rows * columns);
      Guarded weight = guarded_normal(&random, columns), bias = guarded_normal(&random, columns);
      Tensor a = view2(x, rows, columns, stride), b = view2(y, rows, columns, columns);
      double *expected = malloc((size_t)(rows * columns) * sizeof(double));
      check_pointwise(ops, &a, &b, expected);
      check_norms(ops, &a, weight.data, bias.data, expected);
      free(expected);
      eager_close(ops);
      guarded_free(x), guarded_free(y), guarded_free(weight), guarded_free(bias);
    }
  }
}

// Heads out of a wide row, rotated at their positions.
static void test_rope(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels) {
    int64_t batch = 2, heads = 3, queries = 5, head_dim = 14, pairs = 5, positions = 30;
    int64_t width = heads * head_dim + 4;
    Guarded x = guarded_normal(&random, batch * queries * width);
    Guarded c = guarded_normal(&random, positions * pairs),
            s = guarded_normal(&random, positions * pairs);
    Tensor wide = view2(x, batch * queries, width, width);
    Tensor cosine = view2(c, positions, pairs, pairs), sine = view2(s, positions, pairs, pairs);
    int64_t past_values[2] = {between(&random, 0, 25), between(&random, 0, 25)};
    Tensor past = tensor_dense(DTYPE_I64, 1, &batch, past_values);
    Ops *ops = eager_open(kernels, team);
    Tensor columns = ops_columns(ops, &wide, 4, heads * head_dim);
    Tensor split = ops_split_heads(ops, &columns, batch, heads);
    Tensor out = ops_rope(ops, &split, &cosine, &sine, &past);
    double expected[2 * 3 * 5 * 14];
    for (int64_t i = 0; i < batch * heads * queries * head_dim; i++) {
      int64_t d = i % head_dim, m = i / head_dim % queries, h = i / head_dim / queries % heads;
      int64_t b = i / head_dim / queries / heads, row = b * queries + m, p = past_values[b] + m;
      int64_t pair = d < pairs ? d : d - pairs, first = 4 + h * head_dim;
      double low = (double)at2(&wide, row, first + pair);
      double high = (double)at2(&wide, row, first + pair + pairs);
      double co = (double)at2(&cosine, p, pair < pairs ? pair : 0);
      double si = (double)at2(&sine, p, pair < pairs ? pair : 0);
      expected[i] = d < pairs       ? low * co - high * si
                    : d < 2 * pairs ? high * co + low * si
                                    : (double)at2(&wide, row, first + d);
    }
    assert_output(ops, &out, expected, "rope");
    eager_close(ops);
    guarded_free(x), guarded_free(c), guarded_free(s);
  }
}

static void test_cache_write(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  int64_t shape[4] = {2, 3, 4, 10}, cache_shape[4] = {2, 3, 9, 10}, past_values[2] = {5, 0};
  Guarded x = guarded_normal(&random, 2 * 3 * 4 * 10);
  Tensor source = tensor_dense(DTYPE_F32, 4, shape, x.data);
  Tensor past = tensor_dense(DTYPE_I64, 1, shape, past_values);
  uint16_t storage[2 * 3 * 9 * 10];
  memset(storage, GUARD_POISON, sizeof storage);
  Tensor cache = tensor_dense(DTYPE_BF16, 4, cache_shape, storage);
  Ops *ops = eager_open(kernels_for(cpu_best_tier()), team);
  Tensor out = ops_cache_write(ops, &source, &cache, &past);
  Error error;
  assert_true(ops_finish(ops, &error));
  assert_ptr_equal(out.data, storage);
  for (int i = 0; i < 2 * 3 * 9 * 10; i++) {
    int d = i % 10, n = i / 10 % 9, bh = i / 90, m = n - (int)past_values[bh / 3];
    uint16_t expected = GUARD_POISON << 8 | GUARD_POISON;
    if (m >= 0 && m < 4) expected = float_to_bf16(((float *)x.data)[(bh * 4 + m) * 10 + d]);
    assert_int_equal(storage[i], expected);
  }
  eager_close(ops);
  guarded_free(x);
}

static void test_kept_outlives_scopes(void **state) {
  (void)state;
  float values[4] = {1, 2, 3, 4};
  int64_t shape[2] = {2, 2};
  Tensor x = tensor_dense(DTYPE_F32, 2, shape, values);
  Ops *ops = eager_open(kernels_for(cpu_best_tier()), team);
  Tensor h = x;
  for (int layer = 0; layer < 5; layer++) {
    ops_scope_begin(ops);
    Tensor first = ops_add_residual(ops, &h, &x);
    for (int i = 0; i < 10; i++) ops_multiply(ops, &first, &x);
    Tensor second = ops_add_residual(ops, &first, &x);
    assert_ptr_not_equal(first.data, second.data);
    h = second;
    ops_scope_end(ops);
  }
  for (int i = 0; i < 4; i++) assert_float_equal(((float *)h.data)[i], 11 * values[i], 0);
  // The same again takes nothing from the heap.
  uint64_t before = memory_allocation_count();
  for (int layer = 0; layer < 100; layer++) {
    ops_scope_begin(ops);
    Tensor y = ops_multiply(ops, &x, &x);
    ops_add_residual(ops, &y, &x);
    ops_scope_end(ops);
  }
  assert_int_equal(memory_allocation_count(), before);
  Error error;
  assert_true(ops_finish(ops, &error));
  eager_close(ops);
}

// At long prompts the scores are the largest of all activations: there is one copy of them.
static void test_scores_stay_in_place(void **state) {
  (void)state;
  float values[2 * 3] = {1, 2, 3, 4, 5, 6};
  int64_t past[1] = {1};
  Tensor scores = tensor_dense(DTYPE_F32, 4, (int64_t[]){1, 1, 2, 3}, values);
  Tensor positions = tensor_dense(DTYPE_I64, 1, (int64_t[]){1}, past);
  Ops *ops = eager_open(kernels_for(cpu_best_tier()), team);
  Tensor scaled = ops_scale(ops, &scores, 2.0);
  Tensor masked = ops_mask(ops, &scaled, &positions, 0);
  Tensor out = ops_softmax(ops, &masked);
  assert_ptr_equal(out.data, values);
  double expected[6] = {1 / (1 + exp(2.0)), 1 / (1 + exp(-2.0)), 0};
  for (int i = 0; i < 3; i++) expected[3 + i] = exp(2.0 * (i - 2)) / (1 + exp(-2.0) + exp(-4.0));
  assert_output(ops, &out, expected, "scores");
  eager_close(ops);
}

static void test_errors_stick(void **state) {
  (void)state;
  float values[6] = {0};
  Tensor a = tensor_dense(DTYPE_F32, 2, (int64_t[]){2, 3}, values);
  Tensor b = tensor_dense(DTYPE_F32, 2, (int64_t[]){3, 2}, values);
  Ops *ops = eager_open(kernels_for(cpu_best_tier()), team);
  Tensor bad = ops_add(ops, &a, &b);
  assert_null(bad.data);
  assert_true(ops_failed(ops));
  Tensor later = ops_rms_norm(ops, &bad, values, 1e-5); // nothing happens, nothing crashes
  Tensor heads = ops_split_heads(ops, &later, 1, 1);
  heads = ops_rope(ops, &heads, &a, &a, &b);
  later = ops_columns(ops, &later, 0, 1);
  later = ops_last_rows(ops, &later, 1, 1);
  later = ops_softmax(ops, &later);
  assert_null(later.data);
  Error error = {0};
  assert_false(ops_finish(ops, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  assert_non_null(strstr(error.where, "add"));
  assert_non_null(strstr(error.message, "[3, 2]"));
  Tensor good = ops_add(ops, &a, &a); // the next pass is clean
  assert_non_null(good.data);
  assert_true(ops_finish(ops, &error));
  Tensor last = ops_last_rows(ops, &b, 3, 1);
  assert_int_equal(last.shape[0], 3);
  int64_t shape[2] = {6, 1};
  Tensor six = tensor_dense(DTYPE_F32, 2, shape, values);
  last = ops_last_rows(ops, &six, 2, 2);
  assert_false(ops_finish(ops, &error));
  eager_close(ops);
}

int main(void) {
  Error error;
  if (!(team = team_open(2, false, &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows),
      cmocka_unit_test(test_rope),
      cmocka_unit_test(test_cache_write),
      cmocka_unit_test(test_kept_outlives_scopes),
      cmocka_unit_test(test_scores_stay_in_place),
      cmocka_unit_test(test_errors_stick),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  team_close(team);
  return failed;
}
