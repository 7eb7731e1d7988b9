// SPDX-License-Identifier: Apache-2.0
// The online softmax of strips of scores: block after block against softmax in double precision;
// what is hidden, infinite or NaN.
#include "guarded.h"

enum { ROWS = 5, MOST_COLUMNS = 150, BLOCKS = 4, PADDING = 3, STRIDE = MOST_COLUMNS + PADDING };

typedef struct {
  double largest, sum;
} Expected;

static void expect_block(Expected *row, int64_t columns, const float *x, double *y,
                         double *factor) {
  double largest = row->largest;
  for (int64_t i = 0; i < columns; i++) largest = fmax(largest, x[i]);
  *factor = largest == row->largest ? 1.0 : exp(row->largest - largest);
  row->sum *= *factor;
  row->largest = largest;
  for (int64_t i = 0; i < columns; i++)
    row->sum += y[i] = x[i] == -INFINITY ? 0.0 : exp(x[i] - largest);
}

static void check_block(const Kernels *kernels, Random *random, int64_t columns, Expected *expected,
                        float *largest, float *sum) {
  double y[MOST_COLUMNS], factors[ROWS];
  float factor[ROWS];
  bool grown = false;
  Guarded scores = guarded_nan((ROWS - 1) * STRIDE + columns);
  float *x = scores.data;
  double all[ROWS][MOST_COLUMNS];
  for (int64_t r = 0; r < ROWS; r++) {
    for (int64_t i = 0; i < columns; i++)
      x[r * STRIDE + i] =
          r == 0 || random_below(random, 4) == 0 ? -INFINITY : 8.0f * (float)random_normal(random);
    expect_block(&expected[r], columns, x + r * STRIDE, y, &factors[r]);
    memcpy(all[r], y, sizeof y);
    grown |= factors[r] != 1.0;
  }
  float found[ROWS];
  for (int r = 0; r < ROWS; r++) found[r] = (float)expected[r].largest;
  const float *known = columns % 2 ? found : NULL;
  SoftmaxRows rows = {ROWS, columns, STRIDE, x, largest, sum, factor, known};
  assert_int_equal(kernels->softmax_rows(&rows), grown);
  for (int64_t r = 0; r < ROWS; r++) {
    assert_true(largest[r] == (float)expected[r].largest);
    assert_true(fabs(factor[r] - factors[r]) <= 1e-6);
    assert_true(fabs(sum[r] - expected[r].sum) <= 1e-6 * (expected[r].sum + 1.0));
    for (int64_t i = 0; i < columns; i++) {
      assert_true(fabs(x[r * STRIDE + i] - all[r][i]) <= 3e-7 * fmax(all[r][i] * 30.0, 1.0));
      if (all[r][i] == 0.0) assert_true(x[r * STRIDE + i] == 0.0f);
    }
    for (int64_t i = columns; r + 1 < ROWS && i < STRIDE; i++)
      assert_true(isnan(x[r * STRIDE + i]));
  }
  guarded_free(scores);
}

static void test_blocks(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int64_t columns = 1; columns <= MOST_COLUMNS; columns++) {
    Expected expected[ROWS];
    float largest[ROWS], sum[ROWS];
    for (int r = 0; r < ROWS; r++) {
      expected[r] = (Expected){-INFINITY, 0.0};
      largest[r] = -INFINITY;
      sum[r] = 0.0f;
    }
    for (int block = 0; block < BLOCKS; block++)
      check_block(kernels, &random, columns, expected, largest, sum);
  }
}

// The result of one row of one block.
static float sum_of_row(const Kernels *kernels, int64_t columns, float *x, float *largest) {
  float sum = 0.0f, factor;
  *largest = -INFINITY;
  SoftmaxRows rows = {1, columns, columns, x, largest, &sum, &factor, NULL};
  (void)kernels->softmax_rows(&rows);
  return sum;
}

static void test_extremes(void **state) {
  (void)state;
  FOR_EACH_TIER(kernels)
  for (int64_t columns = 2; columns < 40; columns++) {
    float x[40], largest;
    for (int i = 0; i < 40; i++) x[i] = 1.0f;
    x[columns - 1] = NAN;
    assert_true(isnan(sum_of_row(kernels, columns, x, &largest)));
    assert_true(largest == 1.0f);
    for (int i = 0; i < 40; i++) x[i] = 1.0f;
    x[columns / 2] = INFINITY;
    assert_true(isnan(sum_of_row(kernels, columns, x, &largest)));
    for (int i = 0; i < 40; i++) x[i] = i % 2 ? 3e38f : -3e38f;
    assert_true(sum_of_row(kernels, columns, x, &largest) == (float)(columns / 2));
    assert_true(largest == 3e38f && x[0] == 0.0f && x[1] == 1.0f);
  }
}

// What is hidden before and after the others changes no bit of the sum.
static void test_order(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int64_t columns = 1; columns <= 100; columns++) {
    float seen[100], row[200], largest;
    for (int64_t i = 0; i < columns; i++) seen[i] = (float)random_normal(&random);
    memcpy(row, seen, sizeof seen);
    float alone = sum_of_row(kernels, columns, row, &largest);
    for (int64_t before = 0; before < 40; before++) {
      int64_t after = (int64_t)random_below(&random, 50);
      for (int i = 0; i < 200; i++) row[i] = -INFINITY;
      memcpy(row + before, seen, (size_t)columns * sizeof *seen);
      float sum = sum_of_row(kernels, before + columns + after, row, &largest);
      assert_memory_equal(&sum, &alone, sizeof sum);
    }
  }
}

static void test_all_finite(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  static const float odd[] = {NAN, INFINITY, -INFINITY};
  FOR_EACH_TIER(kernels)
  for (int64_t count = 0; count < 100; count++) {
    Guarded x = guarded_normal(&random, count);
    float *values = x.data;
    for (int64_t i = 0; i < count; i++) values[i] *= 1e37f;
    assert_true(kernels->all_finite(count, values));
    for (int64_t i = 0; i < count; i += 7) {
      float kept = values[i];
      values[i] = odd[i % 3];
      assert_false(kernels->all_finite(count, values));
      values[i] = kept;
    }
    guarded_free(x);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks),
      cmocka_unit_test(test_extremes),
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_all_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
