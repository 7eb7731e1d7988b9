// SPDX-License-Identifier: Apache-2.0
#include "guarded.h"

static const double bound = 1e-6;

typedef struct {
  ScoreGradients rows;
  Guarded scores, products, slopes, lse, delta;
} Data;

// `sloped`: with slopes, else every one is 1.
static Data make(Random *random, int64_t rows, int64_t columns, int64_t stride, bool sloped) {
  int64_t count = (rows - 1) * stride + columns;
  Data data = {.scores = guarded_normal(random, count),
               .products = guarded_normal(random, count),
               .slopes = guarded_normal(random, count),
               .lse = guarded_normal(random, rows),
               .delta = guarded_normal(random, rows)};
  data.rows = (ScoreGradients){.rows = rows,
                               .columns = columns,
                               .stride = stride,
                               .scale = 0.7f,
                               .scores = data.scores.data,
                               .products = data.products.data,
                               .slopes = sloped ? data.slopes.data : NULL,
                               .lse = data.lse.data,
                               .delta = data.delta.data};
  return data;
}

static void free_data(Data *data) {
  guarded_free(data->scores);
  guarded_free(data->products);
  guarded_free(data->slopes);
  guarded_free(data->lse);
  guarded_free(data->delta);
}

// What score_gradients makes of the data, elements between the rows staying as they are.
static void expect(const Data *data, double *p, double *ds) {
  const ScoreGradients *rows = &data->rows;
  int64_t count = (rows->rows - 1) * rows->stride + rows->columns;
  for (int64_t i = 0; i < count; i++) {
    int64_t r = i / rows->stride;
    p[i] = rows->scores[i], ds[i] = rows->products[i];
    if (i % rows->stride >= rows->columns) continue;
    double score = (double)rows->scale * rows->scores[i];
    p[i] = rows->lse[r] == -INFINITY ? 0.0 : exp(score - rows->lse[r]);
    double slope = rows->slopes ? rows->slopes[i] : 1.0;
    ds[i] = p[i] == 0.0 ? 0.0 : p[i] * slope * ((double)rows->products[i] - rows->delta[r]);
  }
}

static void check(const Kernels *kernels, Random *random) {
  int64_t rows = 1 + (int64_t)random_below(random, 13);
  int64_t columns = 1 + (int64_t)random_below(random, 150);
  int64_t stride = columns + (int64_t)random_below(random, 20);
  Data data = make(random, rows, columns, stride, random_below(random, 2));
  float *lse = data.lse.data, *scores = data.scores.data;
  lse[random_below(random, (uint64_t)rows)] = -INFINITY;
  scores[random_below(random, (uint64_t)columns)] = -INFINITY;
  int64_t count = (rows - 1) * stride + columns;
  double *p = malloc((size_t)count * sizeof *p), *ds = malloc((size_t)count * sizeof *ds);
  expect(&data, p, ds);
  kernels->score_gradients(&data.rows);
  assert_close(count, data.scores.data, p, bound, "p");
  assert_close(count, data.products.data, ds, bound, "dS");
  free(p);
  free(ds);
  free_data(&data);
}

static void test_score_gradients(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int i = 0; i < 300; i++) check(kernels, &random);
}

// A NaN reaches what it touches and nothing else.
static void test_nan(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels) {
    Data data = make(&random, 2, 37, 37, true);
    float *scores = data.scores.data, *products = data.products.data;
    scores[5] = NAN, products[40] = NAN;
    kernels->score_gradients(&data.rows);
    for (int i = 0; i < 74; i++) {
      assert_int_equal(isnan(scores[i]), i == 5);
      assert_int_equal(isnan(products[i]), i == 5 || i == 40);
    }
    free_data(&data);
  }
}

// What is hidden has no gradient, whatever is multiplied with its 0.
static void test_hidden(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int sloped = 0; sloped < 2; sloped++) {
    Data data = make(&random, 3, 45, 50, sloped);
    float *scores = data.scores.data, *products = data.products.data, *slopes = data.slopes.data;
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 45; i += 4) {
      scores[50 + i] = -INFINITY;
      products[50 + i] = odd[i % 3];
      slopes[50 + i] = odd[(i + 1) % 3];
    }
    kernels->score_gradients(&data.rows);
    for (int i = 0; i < 45; i++) {
      assert_int_equal(scores[50 + i] == 0.0f, i % 4 == 0);
      assert_int_equal(products[50 + i] == 0.0f, i % 4 == 0);
    }
    free_data(&data);
  }
}

static void test_dot(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  FOR_EACH_TIER(kernels)
  for (int i = 0; i < 100; i++) {
    int64_t count = (int64_t)random_below(&random, i < 90 ? 300 : 10000);
    Guarded a = guarded_normal(&random, count), b = guarded_normal(&random, count);
    const float *x = a.data, *y = b.data;
    double sum = 0.0, size = 1e-9;
    for (int64_t j = 0; j < count; j++) sum += (double)x[j] * y[j], size += fabs(x[j] * y[j]);
    double found = kernels->dot(count, x, y);
    if (!(fabs(found - sum) <= bound * size))
      fail_msg("%s: dot of %lld is %g, expected %g", cpu_tier_name(kernels->tier), (long long)count,
               found, sum);
    guarded_free(a);
    guarded_free(b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_score_gradients),
      cmocka_unit_test(test_nan),
      cmocka_unit_test(test_hidden),
      cmocka_unit_test(test_dot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
