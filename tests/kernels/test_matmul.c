// SPDX-License-Identifier: Apache-2.0
#include "guarded.h"
#include "kernels/matmul.h"

enum { MOST_THREADS = 3 };
static const double bound = 2e-6;
static Team *teams[MOST_THREADS + 1];

typedef struct {
  Matmul matmul;
  Guarded a, b, c;
  int64_t c_count;
  double *expected;
} Data;

static float b_value(const Matmul *m, int64_t index) {
  float value;
  const char *at = (const char *)m->b + index * dtype_facts(m->dtype)->block_bytes;
  kernels_reference.widen(m->dtype, 1, at, &value);
  return value;
}

static void expect(Data *data) {
  const Matmul *m = &data->matmul;
  for (int64_t batch = 0; batch < m->batches; batch++)
    for (int64_t head = 0; head < m->heads; head++)
      for (int64_t i = 0; i < m->rows; i++)
        for (int64_t j = 0; j < m->columns; j++) {
          int64_t step = m->a_transposed ? m->a_row : 1, line = m->a_transposed ? 1 : m->a_row;
          const float *a = m->a + batch * m->a_batch + head * m->a_head + i * line;
          int64_t b = batch * m->b_batch + head / m->group * m->b_head;
          double sum = 0.0;
          for (int64_t k = 0; k < m->depth; k++)
            sum += (double)a[k * step] *
                   b_value(m, b + (m->transposed ? j * m->b_row + k : k * m->b_row + j));
          data->expected[batch * m->c_batch + head * m->c_head + i * m->c_row + j] = sum;
        }
}

// A as [batch][row][head][depth] (transposed: [batch][head][depth][row]), B as
// [batch][head][row][depth], C as [batch][head][row][columns].
static Data make(Matmul shape, Random *random) {
  Matmul *m = &shape;
  int64_t b_rows = m->transposed ? m->columns : m->depth;
  int64_t b_columns = m->transposed ? m->depth : m->columns, kv = m->heads / m->group;
  m->a_head = m->depth, m->a_row = m->heads * m->depth, m->a_batch = m->rows * m->a_row;
  if (m->a_transposed)
    m->a_row = m->rows, m->a_head = m->depth * m->rows, m->a_batch = m->heads * m->a_head;
  m->b_row = b_columns, m->b_head = b_rows * m->b_row, m->b_batch = kv * m->b_head;
  m->c_row = m->columns, m->c_head = m->rows * m->c_row, m->c_batch = m->heads * m->c_head;
  Data data = {.a = guarded_normal(random, m->batches * m->a_batch),
               .c_count = m->batches * m->c_batch};
  int64_t count = m->batches * m->b_batch;
  Guarded floats = guarded_normal(random, count);
  data.b = guarded_make((size_t)(count * dtype_facts(m->dtype)->block_bytes));
  kernels_reference.narrow(m->dtype, count, floats.data, data.b.data);
  guarded_free(floats);
  data.c = guarded_nan(data.c_count);
  data.expected = calloc((size_t)data.c_count, sizeof(double));
  m->a = data.a.data, m->b = data.b.data, m->c = data.c.data;
  data.matmul = shape;
  expect(&data);
  return data;
}

static void check(const Kernels *kernels, Data *data) {
  char what[160];
  const Matmul *m = &data->matmul;
  snprintf(what, sizeof what, "%s %s %s rows=%lld columns=%lld depth=%lld heads=%lld/%lld",
           cpu_tier_name(kernels->tier), dtype_name(m->dtype),
           m->a_transposed ? "A^T B"
           : m->transposed ? "A B^T"
                           : "A B",
           (long long)m->rows, (long long)m->columns, (long long)m->depth, (long long)m->heads,
           (long long)m->group);
  float *first = malloc(data->c.size);
  for (int threads = 1; threads <= MOST_THREADS; threads++) {
    for (int64_t i = 0; i < data->c_count; i++) data->matmul.c[i] = NAN;
    Guarded scratch = guarded_make((size_t)matmul_scratch_bytes(threads));
    memset(scratch.data, 0xFF, scratch.size);
    data->matmul.scratch = scratch.data;
    matmul_run(kernels, teams[threads], &data->matmul);
    assert_close(data->c_count, data->c.data, data->expected, bound, what);
    if (threads == 1) memcpy(first, data->c.data, data->c.size);
    if (memcmp(first, data->c.data, data->c.size) != 0) fail_msg("%s: threads differ", what);
    guarded_free(scratch);
  }
  free(first);
}

// Runs the product on one thread; C is what it was before, or NaN.
static void run_alone(const Kernels *kernels, Matmul product, const float *before, float *c,
                      int64_t count) {
  Guarded scratch = guarded_make((size_t)matmul_scratch_bytes(1));
  for (int64_t i = 0; i < count; i++) c[i] = before ? before[i] : NAN;
  product.c = c;
  product.added = before != NULL;
  product.scratch = scratch.data;
  matmul_run(kernels, teams[1], &product);
  guarded_free(scratch);
}

static void cut_depth(Matmul *product, int64_t begin, int64_t end) {
  int64_t bytes = dtype_facts(product->dtype)->block_bytes;
  product->depth = end - begin;
  product->a += begin * (product->a_transposed ? product->a_row : 1);
  product->b =
      (const char *)product->b + begin * (product->transposed ? 1 : product->b_row) * bytes;
}

// An element of C is one sum in the order of the depth: what else is asked for, and where the depth
// is cut, changes no bit of it. The reference tier rounds wider sums.
static void check_order(const Kernels *kernels, const Data *data, Random *random) {
  const Matmul *m = &data->matmul;
  float *whole = malloc(data->c.size), *parts = malloc(data->c.size), *row = malloc(data->c.size);
  int64_t cut = (int64_t)random_below(random, (uint64_t)m->depth);
  Matmul first = *m, rest = *m;
  run_alone(kernels, *m, NULL, whole, data->c_count);
  cut_depth(&first, 0, cut);
  cut_depth(&rest, cut, m->depth);
  if (cut) run_alone(kernels, first, NULL, row, data->c_count);
  run_alone(kernels, rest, cut ? row : NULL, parts, data->c_count);
  if (memcmp(whole, parts, data->c.size) != 0) fail_msg("cut at %lld", (long long)cut);
  for (int64_t i = 0; i < m->rows; i++) {
    Matmul one = *m;
    one.rows = 1;
    one.a += i * (m->a_transposed ? 1 : m->a_row);
    run_alone(kernels, one, NULL, row, data->c_count);
    for (int64_t h = 0; h < m->batches * m->heads; h++)
      if (memcmp(row + h * m->c_head, whole + h * m->c_head + i * m->c_row,
                 (size_t)m->columns * sizeof *row) != 0)
        fail_msg("row %lld of %lld alone", (long long)i, (long long)m->rows);
  }
  free(whole), free(parts), free(row);
}

static void check_tiers(Matmul shape, Random *random) {
  Data data = make(shape, random);
  FOR_EACH_TIER(kernels) {
    check(kernels, &data);
    if (kernels->tier != CPU_TIER_REFERENCE) check_order(kernels, &data, random);
  }
  guarded_free(data.a);
  guarded_free(data.b);
  guarded_free(data.c);
  free(data.expected);
}

static void test_odd_shapes(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < 300; i++) {
    int64_t group = 1 + (int64_t)random_below(&random, 4);
    bool one = random_below(&random, 3) == 0;
    Matmul shape = {.transposed = i % 2,
                    .a_transposed = i % 4 == 0,
                    .batches = 1 + (int64_t)random_below(&random, 2),
                    .heads = group * (1 + (int64_t)random_below(&random, 3)),
                    .group = group,
                    .rows = one ? 1 : 1 + (int64_t)random_below(&random, 30),
                    .columns = 1 + (int64_t)random_below(&random, 90),
                    .depth = 1 + (int64_t)random_below(&random, i % 16 < 2 ? 600 : 90),
                    .dtype = (Dtype)(i / 2 % 3)};
    check_tiers(shape, &random);
  }
}

static void test_large_shapes(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  static const Matmul shapes[] = {
      {true, false, 1, 3, 3, 1, 700, 64, .dtype = DTYPE_BF16},
      {false, false, 1, 3, 3, 1, 64, 700, .dtype = DTYPE_BF16},
      {true, false, 1, 2, 1, 200, 130, 64, .dtype = DTYPE_F32},
      {false, false, 1, 2, 1, 200, 64, 530, .dtype = DTYPE_F16},
      {true, false, 1, 1, 1, 5, 20, 600, .dtype = DTYPE_BF16},
      {false, true, 1, 2, 1, 200, 64, 530, .dtype = DTYPE_F32},
  };
  for (size_t i = 0; i < COUNT_OF(shapes); i++) check_tiers(shapes[i], &random);
}

static int open_teams(void **state) {
  (void)state;
  Error error;
  for (int i = 1; i <= MOST_THREADS; i++)
    if (!(teams[i] = team_open(i, false, &error))) return -1;
  return 0;
}

static int close_teams(void **state) {
  (void)state;
  for (int i = 1; i <= MOST_THREADS; i++) team_close(teams[i]);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_odd_shapes),
      cmocka_unit_test(test_large_shapes),
  };
  return cmocka_run_group_tests(tests, open_teams, close_teams);
}
