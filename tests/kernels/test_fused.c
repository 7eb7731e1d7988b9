// SPDX-License-Identifier: Apache-2.0
// The fused operators against the compositions that they stand for, on every tier and team: few
// rows and many, widths that panels do not divide, every norm, dtype and activation.
#include "guarded.h"
#include "kernels/eager.h"

enum { MOST_THREADS = 3, HEADS = 4, KV_HEADS = 2, HEAD_DIM = 12, CAPACITY = 24 };

static Team *teams[MOST_THREADS];

typedef struct {
  Guarded panels, bias, weight, norm_bias, x, residual;
  Matrix matrix;
  NormWeights norm;
  Tensor input;
} Case;

static Matrix draw_matrix(Random *random, Dtype dtype, int64_t rows, int64_t columns,
                          Guarded *panels) {
  int64_t bytes = matrix_panel_bytes(dtype, columns);
  *panels = guarded_make((size_t)matrix_bytes(dtype, rows, columns));
  for (int64_t panel = 0; panel < matrix_panels(rows); panel++) {
    const float *source[MATRIX_PANEL] = {0};
    float *values = malloc((size_t)(MATRIX_PANEL * columns) * sizeof *values);
    for (int64_t i = 0; i < MATRIX_PANEL * columns; i++)
      values[i] = (float)random_normal(random) / sqrtf((float)columns);
    for (int i = 0; i < MATRIX_PANEL && panel * MATRIX_PANEL + i < rows; i++)
      source[i] = values + i * columns;
    matrix_pack_panel(dtype, columns, source, (char *)panels->data + panel * bytes);
    free(values);
  }
  return (Matrix){dtype, rows, columns, panels->data, NULL};
}

static Case case_open(Random *random, Dtype dtype, int64_t rows, int64_t columns, int64_t outputs) {
  Case c = {.weight = guarded_normal(random, columns),
            .norm_bias = guarded_normal(random, columns),
            .bias = guarded_normal(random, outputs),
            .x = guarded_normal(random, rows * columns),
            .residual = guarded_normal(random, rows * outputs)};
  c.matrix = draw_matrix(random, dtype, outputs, columns, &c.panels);
  if (random_below(random, 2)) c.matrix.bias = c.bias.data;
  c.norm = (NormWeights){.weight = c.weight.data, .epsilon = 1e-5};
  c.norm.layer_norm = random_below(random, 2);
  if (c.norm.layer_norm) c.norm.bias = c.norm_bias.data;
  c.input = tensor_dense(DTYPE_F32, 2, (int64_t[]){rows, columns}, c.x.data);
  return c;
}

static void case_close(Case *c) {
  guarded_free(c->panels), guarded_free(c->bias), guarded_free(c->weight);
  guarded_free(c->norm_bias), guarded_free(c->x), guarded_free(c->residual);
}

static Tensor norm_of(Ops *ops, const Case *c) {
  if (c->norm.layer_norm)
    return ops_layer_norm(ops, &c->input, c->norm.weight, c->norm.bias, c->norm.epsilon);
  return ops_rms_norm(ops, &c->input, c->norm.weight, c->norm.epsilon);
}

static void assert_same(Ops *ops, const Tensor *fused, const Tensor *composed, const char *what) {
  Error error;
  if (!ops_finish(ops, &error)) fail_msg("%s: %s: %s", what, error.where, error.message);
  int64_t count = tensor_elements(composed);
  assert_int_equal(tensor_elements(fused), count);
  double *expected = malloc((size_t)count * sizeof *expected);
  for (int64_t i = 0; i < count; i++) expected[i] = (double)((const float *)composed->data)[i];
  assert_close(count, fused->data, expected, 2e-6, what);
  free(expected);
}

static void check_products(Ops *ops, const Case *c) {
  int64_t rows = c->input.shape[0], outputs = c->matrix.rows;
  Tensor x = norm_of(ops, c), composed = ops_linear(ops, &x, &c->matrix);
  Tensor fused = ops_norm_linear(ops, &c->input, &c->norm, &c->matrix, ACTIVATION_NONE);
  assert_same(ops, &fused, &composed, "norm_linear");
  Tensor active = ops_activation(ops, &composed, ACTIVATION_GELU);
  fused = ops_norm_linear(ops, &c->input, &c->norm, &c->matrix, ACTIVATION_GELU);
  assert_same(ops, &fused, &active, "norm_linear with an activation");

  Tensor best = ops_linear_argmax(ops, &x, &c->matrix);
  fused = ops_norm_argmax(ops, &c->input, &c->norm, &c->matrix);
  assert_memory_equal(best.data, fused.data, (size_t)rows * sizeof(int32_t));

  Tensor residual = tensor_dense(DTYPE_F32, 2, (int64_t[]){rows, outputs}, c->residual.data);
  Tensor product = ops_linear(ops, &c->input, &c->matrix);
  composed = ops_add(ops, &residual, &product);
  fused = ops_linear_add(ops, &c->input, &c->matrix, &residual);
  assert_same(ops, &fused, &composed, "linear_add");
}

static void check_gate(Ops *ops, const Case *c, Activation activation) {
  int64_t inner = c->matrix.rows / 2;
  Tensor x = norm_of(ops, c), both = ops_linear(ops, &x, &c->matrix);
  Tensor gate = ops_columns(ops, &both, 0, inner), up = ops_columns(ops, &both, inner, inner);
  Tensor active = ops_activation(ops, &gate, activation);
  Tensor composed = ops_multiply(ops, &active, &up);
  Tensor fused = ops_gated_linear(ops, &c->input, &c->norm, &c->matrix, activation);
  assert_same(ops, &fused, &composed, "gated_linear");
}

static void test_products(void **state) {
  (void)state;
  static const int64_t row_counts[] = {1, 2, 3, 19, 130}, widths[] = {32, 64, 72, 200};
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (size_t r = 0; r < COUNT_OF(row_counts); r++)
    for (size_t w = 0; w < COUNT_OF(widths); w++) {
      Dtype dtype = (Dtype[]){DTYPE_F32, DTYPE_BF16, DTYPE_F16}[random_below(&random, 3)];
      int64_t columns = 20 + (int64_t)random_below(&random, 60);
      Case c = case_open(&random, dtype, row_counts[r], columns, widths[w]);
      for (int t = 0; t < MOST_THREADS; t++) {
        Ops *ops = eager_open(kernels, teams[t]);
        check_products(ops, &c);
        check_gate(ops, &c, t ? ACTIVATION_SILU : ACTIVATION_GELU_TANH);
        eager_close(ops);
      }
      case_close(&c);
    }
}

typedef struct {
  Guarded keys, values;
  Tensor key_cache, value_cache;
} Caches;

static Caches caches_open(int64_t batch, Dtype dtype) {
  int64_t shape[] = {batch, KV_HEADS, CAPACITY, HEAD_DIM}, bytes;
  assert_true(dtype_bytes(dtype, batch * KV_HEADS * CAPACITY * HEAD_DIM, &bytes));
  Caches caches = {.keys = guarded_make((size_t)bytes), .values = guarded_make((size_t)bytes)};
  caches.key_cache = tensor_dense(dtype, 4, shape, caches.keys.data);
  caches.value_cache = tensor_dense(dtype, 4, shape, caches.values.data);
  return caches;
}

static void caches_close(Caches *caches) {
  guarded_free(caches->keys), guarded_free(caches->values);
}

typedef struct {
  Tensor qkv, cosine, sine, past;
  HeadLayout layout;
} Heads;

static Tensor heads_from(Ops *ops, const Heads *h, int64_t first, int64_t count) {
  Tensor columns = ops_columns(ops, &h->qkv, first * HEAD_DIM, count * HEAD_DIM);
  return ops_split_heads(ops, &columns, h->past.shape[0], count);
}

static Tensor prepared(Ops *ops, const Heads *h, const float *norm, Tensor heads) {
  if (norm) heads = ops_rms_norm(ops, &heads, norm, h->layout.epsilon);
  return h->layout.rotate ? ops_rope(ops, &heads, &h->cosine, &h->sine, &h->past) : heads;
}

static void check_heads(Ops *ops, const Heads *h, Dtype dtype) {
  int64_t batch = h->past.shape[0];
  Caches expected = caches_open(batch, dtype), found = caches_open(batch, dtype);
  Tensor keys = prepared(ops, h, h->layout.key_norm, heads_from(ops, h, HEADS, KV_HEADS));
  Tensor values = heads_from(ops, h, HEADS + KV_HEADS, KV_HEADS);
  ops_cache_write(ops, &keys, &expected.key_cache, &h->past);
  ops_cache_write(ops, &values, &expected.value_cache, &h->past);
  Tensor composed = prepared(ops, h, h->layout.query_norm, heads_from(ops, h, 0, HEADS));
  // Dense, whether it was a view or not.
  Tensor fused = ops_rope_cache(ops, &h->qkv, &h->layout, &h->cosine, &h->sine, &h->past, &h->past,
                                &found.key_cache, &found.value_cache);
  for (int64_t i = 0; i < tensor_elements(&fused); i++) {
    int64_t d = i % HEAD_DIM, m = i / HEAD_DIM % fused.shape[2],
            head = i / HEAD_DIM / fused.shape[2] % HEADS, b = i / HEAD_DIM / fused.shape[2] / HEADS;
    float a = ((const float *)composed.data)[b * composed.stride[0] + head * composed.stride[1] +
                                             m * composed.stride[2] + d];
    assert_true(((const float *)fused.data)[i] == a);
  }
  assert_memory_equal(expected.keys.data, found.keys.data, found.keys.size);
  assert_memory_equal(expected.values.data, found.values.data, found.values.size);
  caches_close(&expected);
  caches_close(&found);
}

static void test_heads(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int round = 0; round < 24; round++) {
    int64_t batch = 1 + (int64_t)random_below(&random, 3);
    int64_t length = 1 + (int64_t)random_below(&random, 9);
    int64_t columns = (HEADS + 2 * KV_HEADS) * HEAD_DIM, pairs = 4, past[3];
    for (int i = 0; i < 3; i++) past[i] = (int64_t)random_below(&random, CAPACITY - 9);
    Guarded qkv = guarded_normal(&random, batch * length * columns);
    Guarded cosine = guarded_normal(&random, CAPACITY * pairs);
    Guarded sine = guarded_normal(&random, CAPACITY * pairs);
    Guarded norms = guarded_normal(&random, 2 * HEAD_DIM);
    bool normed = random_below(&random, 2);
    Heads h = {.qkv = tensor_dense(DTYPE_F32, 2, (int64_t[]){batch * length, columns}, qkv.data),
               .cosine = tensor_dense(DTYPE_F32, 2, (int64_t[]){CAPACITY, pairs}, cosine.data),
               .sine = tensor_dense(DTYPE_F32, 2, (int64_t[]){CAPACITY, pairs}, sine.data),
               .past = tensor_dense(DTYPE_I64, 1, &batch, past),
               .layout = {HEADS, KV_HEADS, HEAD_DIM, round % 3 != 0, normed ? norms.data : NULL,
                          normed ? (float *)norms.data + HEAD_DIM : NULL, 1e-6}};
    for (int t = 0; t < MOST_THREADS; t++) {
      Ops *ops = eager_open(kernels, teams[t]);
      check_heads(ops, &h, round % 2 ? DTYPE_BF16 : DTYPE_F32);
      eager_close(ops);
    }
    guarded_free(qkv), guarded_free(cosine), guarded_free(sine), guarded_free(norms);
  }
}

// What does not fit is refused by name.
static void test_refusals(void **state) {
  (void)state;
  Error error;
  Random random = random_seeded(7);
  Case c = case_open(&random, DTYPE_F32, 2, 24, 32);
  Ops *ops = eager_open(&kernels_reference, teams[0]);
  Tensor narrow = ops_columns(ops, &c.input, 0, 23);
  ops_norm_linear(ops, &narrow, &c.norm, &c.matrix, ACTIVATION_NONE);
  assert_false(ops_finish(ops, &error));
  assert_string_equal(error.where, "norm_linear: x");
  ops_linear_add(ops, &c.input, &c.matrix, &c.input);
  assert_false(ops_finish(ops, &error));
  assert_string_equal(error.where, "linear_add: residual");
  eager_close(ops);
  case_close(&c);
}

int main(void) {
  Error error;
  for (int i = 0; i < MOST_THREADS; i++)
    if (!(teams[i] = team_open(i + 1, false, &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_products),
      cmocka_unit_test(test_heads),
      cmocka_unit_test(test_refusals),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int i = 0; i < MOST_THREADS; i++) team_close(teams[i]);
  return failed;
}
