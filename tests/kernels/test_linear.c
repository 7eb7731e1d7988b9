// SPDX-License-Identifier: Apache-2.0
#include "guarded.h"
#include "kernels/linear_argmax.h"
#include "kernels/linear_blas.h"

enum { MOST_THREADS = 3 };
// Float32 sums of up to 1100 products of the same weights; and of activations rounded to bfloat16
// against such as are not.
static const double bound = 2e-6, rounded_bound = 1e-2;

typedef struct {
  Dtype dtype;
  int64_t rows, columns, out; // of x; of W; rows of W
  Activation activation;
  bool bias, residual;
} Case;

typedef struct {
  Guarded x, panels, bias, residual, y;
  double *expected, *expected_rounded; // of x, and of x rounded to bfloat16
  Matrix matrix;
} Data;

static Team *teams[MOST_THREADS + 1];

static void pack(const Case *shape, Random *random, Data *data) {
  int64_t padded = matrix_panels(shape->out) * MATRIX_PANEL;
  float *weights = calloc((size_t)(padded * shape->columns), sizeof *weights);
  for (int64_t i = 0; i < shape->out * shape->columns; i++)
    weights[i] = (float)random_normal(random);
  int64_t each = matrix_panel_bytes(shape->dtype, shape->columns);
  for (int64_t panel = 0; panel < matrix_panels(shape->out); panel++) {
    const float *source[MATRIX_PANEL];
    for (int i = 0; i < MATRIX_PANEL; i++) {
      int64_t row = panel * MATRIX_PANEL + i;
      source[i] = row < shape->out ? weights + row * shape->columns : NULL;
    }
    matrix_pack_panel(shape->dtype, shape->columns, source,
                      (char *)data->panels.data + panel * each);
  }
  free(weights);
}

static void expect(const Case *shape, const float *x, const Data *data, double *expected) {
  float *row = malloc((size_t)shape->columns * sizeof *row);
  const float *bias = data->bias.data, *residual = data->residual.data;
  for (int64_t n = 0; n < shape->out; n++) {
    matrix_row(&data->matrix, n, row);
    for (int64_t m = 0; m < shape->rows; m++) {
      double sum = shape->bias ? bias[n] : 0.0;
      for (int64_t k = 0; k < shape->columns; k++)
        sum += (double)x[m * shape->columns + k] * row[k];
      sum = activation_value(shape->activation, sum);
      expected[m * shape->out + n] = sum + (shape->residual ? residual[m * shape->out + n] : 0);
    }
  }
  free(row);
}

static void expect_both(const Case *shape, Data *data) {
  int64_t count = shape->rows * shape->columns;
  float *rounded = malloc((size_t)count * sizeof *rounded);
  for (int64_t i = 0; i < count; i++)
    rounded[i] = bf16_to_float(float_to_bf16(((const float *)data->x.data)[i]));
  expect(shape, data->x.data, data, data->expected);
  expect(shape, rounded, data, data->expected_rounded);
  free(rounded);
}

static Data make(const Case *shape, Random *random) {
  Data data = {
      .x = guarded_normal(random, shape->rows * shape->columns),
      .panels = guarded_make((size_t)matrix_bytes(shape->dtype, shape->out, shape->columns)),
      .bias = guarded_normal(random, shape->out),
      .residual = guarded_normal(random, shape->rows * shape->out),
      .y = guarded_nan(shape->rows * shape->out),
      .expected = malloc((size_t)(shape->rows * shape->out) * sizeof(double)),
      .expected_rounded = malloc((size_t)(shape->rows * shape->out) * sizeof(double)),
  };
  pack(shape, random, &data);
  data.matrix = (Matrix){shape->dtype, shape->out, shape->columns, data.panels.data,
                         shape->bias ? data.bias.data : NULL};
  expect_both(shape, &data);
  return data;
}

static void release(Data *data) {
  guarded_free(data->x);
  guarded_free(data->panels);
  guarded_free(data->bias);
  guarded_free(data->residual);
  guarded_free(data->y);
  free(data->expected);
  free(data->expected_rounded);
}

// Rows [first, first + rows).
static void run_rows(const Kernels *kernels, const Case *shape, Data *data, int threads,
                     const LinearPlan *plan, int64_t first, int64_t rows) {
  float *y = (float *)data->y.data + first * shape->out;
  for (int64_t i = 0; i < rows * shape->out; i++) y[i] = NAN;
  int64_t bytes = linear_plan_scratch_bytes(plan, rows, shape->columns, threads);
  Guarded scratch = guarded_make((size_t)((bytes + 63) / 64 * 64));
  memset(scratch.data, 0xFF, (size_t)bytes);
  const float *residual = (const float *)data->residual.data + first * shape->out;
  Linear linear = {.x = (const float *)data->x.data + first * shape->columns,
                   .x_stride = shape->columns,
                   .rows = rows,
                   .matrix = &data->matrix,
                   .epilogue = {.activation = shape->activation,
                                .residual = shape->residual ? residual : NULL,
                                .residual_stride = shape->out},
                   .y = y,
                   .y_stride = shape->out,
                   .scratch = scratch.data,
                   .plan = plan};
  linear_run(kernels, teams[threads], &linear);
  guarded_free(scratch);
}

static void run_plan(const Kernels *kernels, const Case *shape, Data *data, int threads,
                     const LinearPlan *plan) {
  run_rows(kernels, shape, data, threads, plan, 0, shape->rows);
}

static void run(const Kernels *kernels, const Case *shape, Data *data, int threads) {
  run_plan(kernels, shape, data, threads, NULL);
}

// Where the tier rounds activations, close to the product of rounded ones, and near the other.
static void assert_product(const Kernels *kernels, const Case *shape, const Data *data,
                           const char *what) {
  int64_t count = shape->rows * shape->out;
  bool rounds = linear_rounds(kernels, shape->dtype);
  assert_close(count, data->y.data, rounds ? data->expected_rounded : data->expected, bound, what);
  if (rounds) assert_close(count, data->y.data, data->expected, rounded_bound, what);
}

// `first` is what all rows gave together: one by one, and two by two, they give the same bits.
static void check_rows(const Kernels *kernels, const Case *shape, Data *data, const float *first,
                       const char *what) {
  size_t bytes = (size_t)(shape->rows * shape->out) * sizeof(float);
  if (kernels->tier == CPU_TIER_REFERENCE) return;
  for (int64_t some = 1; some <= 2; some++) {
    for (int64_t row = 0; row + some <= shape->rows; row += some)
      run_rows(kernels, shape, data, 1, NULL, row, some);
    size_t done = bytes / (size_t)shape->rows * (size_t)(shape->rows / some * some);
    if (memcmp(first, data->y.data, done) != 0)
      fail_msg("%s: %lld rows at a time differ", what, (long long)some);
  }
}

static void check(const Kernels *kernels, const Case *shape, Data *data) {
  char what[160];
  snprintf(what, sizeof what, "%s %s M=%lld N=%lld K=%lld %s bias=%d residual=%d",
           cpu_tier_name(kernels->tier), dtype_name(shape->dtype), (long long)shape->rows,
           (long long)shape->out, (long long)shape->columns, activation_name(shape->activation),
           shape->bias, shape->residual);
  size_t bytes = (size_t)(shape->rows * shape->out) * sizeof(float);
  float *first = malloc(bytes);
  for (int threads = 1; threads <= MOST_THREADS; threads++) {
    run(kernels, shape, data, threads);
    assert_product(kernels, shape, data, what);
    if (threads == 1) memcpy(first, data->y.data, bytes);
    if (memcmp(first, data->y.data, bytes) != 0) fail_msg("%s: %d threads differ", what, threads);
  }
  check_rows(kernels, shape, data, first, what);
  free(first);
}

static void check_tiers(const Case *shape, Random *random) {
  Data data = make(shape, random);
  FOR_EACH_TIER(kernels) check(kernels, shape, &data);
  release(&data);
}

static void test_small_odd_shapes(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < 300; i++) {
    static const Activation activations[] = {ACTIVATION_NONE, ACTIVATION_NONE, ACTIVATION_SILU,
                                             ACTIVATION_GELU, ACTIVATION_RELU2};
    Case shape = {.dtype = (Dtype)(i % 3),
                  .rows = 1 + (int64_t)random_below(&random, 40),
                  .columns = 1 + (int64_t)random_below(&random, 70),
                  .out = 1 + (int64_t)random_below(&random, 130),
                  .activation = activations[random_below(&random, COUNT_OF(activations))],
                  .bias = random_below(&random, 2),
                  .residual = random_below(&random, 2)};
    check_tiers(&shape, &random);
  }
}

// Every number of rows that has code of its own, on both sides of the streaming limit.
static void test_every_row_count(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int dtype = DTYPE_F32; dtype <= DTYPE_F16; dtype++)
    for (int64_t rows = 1; rows <= 30; rows++)
      check_tiers(&(Case){.dtype = (Dtype)dtype, .rows = rows, .columns = 37, .out = 75}, &random);
}

// More than one block of columns, of rows, and more than one chunk of rows.
static void test_large_shapes(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  static const Case shapes[] = {
      {DTYPE_BF16, 1, 1031, 33, ACTIVATION_NONE, true, false},
      {DTYPE_BF16, 9, 1027, 50, ACTIVATION_NONE, true, true},
      {DTYPE_F16, 17, 600, 65, ACTIVATION_SILU, false, true},
      {DTYPE_F32, 300, 513, 40, ACTIVATION_GELU_TANH, true, true},
      {DTYPE_BF16, 530, 300, 48, ACTIVATION_NONE, false, true},
      {DTYPE_BF16, 1030, 40, 20, ACTIVATION_NONE, true, false},
      {DTYPE_F32, 64, 260, 700, ACTIVATION_NONE, false, false},
  };
  for (size_t i = 0; i < COUNT_OF(shapes); i++) check_tiers(&shapes[i], &random);
}

static LinearPlan random_plan(Random *random) {
  static const int64_t slivers[] = {4 << 10, 5 << 10, 16 << 10, 48 << 10, 131 << 10, 1 << 20};
  return (LinearPlan){.sliver_bytes = slivers[random_below(random, COUNT_OF(slivers))],
                      .block_rows = 16 + (int64_t)random_below(random, LINEAR_CHUNK_ROWS - 15),
                      .block_width = 64 + (int64_t)random_below(random, 300),
                      .streamed_tiles = (int64_t)random_below(random, 3) * 5,
                      .threads = (int64_t)random_below(random, MOST_THREADS + 2),
                      .cut = (int64_t)random_below(random, 3),
                      .least_rows = (int64_t)random_below(random, 20),
                      .most_rows = (int64_t)random_below(random, 3) * 40};
}

static void check_plan(const Kernels *kernels, const Case *shape, Data *data,
                       const LinearPlan *plan) {
  char name[LINEAR_PLAN_NAME];
  size_t bytes = (size_t)(shape->rows * shape->out) * sizeof(float);
  float *standard = malloc(bytes);
  linear_plan_name(plan, name);
  run(kernels, shape, data, 2);
  memcpy(standard, data->y.data, bytes);
  for (int threads = 1; threads <= MOST_THREADS; threads++) {
    run_plan(kernels, shape, data, threads, plan);
    assert_product(kernels, shape, data, name);
    // the reference rounds its double sums once a block
    if (kernels->tier != CPU_TIER_REFERENCE && memcmp(standard, data->y.data, bytes) != 0)
      fail_msg("%s, %d threads: %s differs from the standard plan", cpu_tier_name(kernels->tier),
               threads, name);
  }
  free(standard);
}

// However a product is cut, it is the same product: the same bits, but for the reference tier.
static void test_every_plan(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < 60; i++) {
    Case shape = {.dtype = (Dtype)(i % 3),
                  .rows = 1 + (int64_t)random_below(&random, i % 5 ? 60 : 560),
                  .columns = 1 + (int64_t)random_below(&random, i % 5 ? 700 : 200),
                  .out = 1 + (int64_t)random_below(&random, 200),
                  .activation = i % 2 ? ACTIVATION_NONE : ACTIVATION_SILU,
                  .bias = random_below(&random, 2),
                  .residual = random_below(&random, 2)};
    Data data = make(&shape, &random);
    FOR_EACH_TIER(kernels) {
      LinearPlan plan = random_plan(&random);
      assert_true(linear_plan_valid(&plan));
      check_plan(kernels, &shape, &data, &plan);
    }
    release(&data);
  }
}

static void plain_sgemm(int order, int transpose_a, int transpose_b, int rows, int columns,
                        int depth, float alpha, const float *a, int a_stride, const float *b,
                        int b_stride, float beta, float *c, int c_stride) {
  (void)order, (void)transpose_a, (void)transpose_b;
  assert_true(alpha == 1 && beta == 0);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) {
      double sum = 0;
      for (int k = 0; k < depth; k++) sum += (double)a[i * a_stride + k] * b[j * b_stride + k];
      c[i * c_stride + j] = (float)sum;
    }
}

static void plain_sgemv(int order, int transpose, int rows, int columns, float alpha,
                        const float *a, int a_stride, const float *x, int x_step, float beta,
                        float *y, int y_step) {
  (void)order, (void)transpose;
  assert_true(alpha == 1 && beta == 0 && x_step == 1 && y_step == 1);
  plain_sgemm(0, 0, 0, 1, rows, columns, 1, x, columns, a, a_stride, 0, y, rows);
}

// By functions of the same form as those of OpenBLAS, which need not be here.
static void test_blas(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < 60; i++) {
    Case shape = {.dtype = DTYPE_F32,
                  .rows = 1 + (int64_t)random_below(&random, 40),
                  .columns = 1 + (int64_t)random_below(&random, 70),
                  .out = 1 + (int64_t)random_below(&random, 130),
                  .activation = i % 2 ? ACTIVATION_NONE : ACTIVATION_GELU,
                  .bias = random_below(&random, 2),
                  .residual = random_below(&random, 2)};
    Data data = make(&shape, &random);
    float *weights = malloc((size_t)(shape.out * shape.columns) * sizeof *weights);
    for (int64_t row = 0; row < shape.out; row++)
      matrix_row(&data.matrix, row, weights + row * shape.columns);
    LinearBlas blas = {{.sgemm = plain_sgemm, .sgemv = plain_sgemv}, weights};
    LinearPlan plan = *linear_plan_standard(DTYPE_F32);
    plan.blas = &blas;
    FOR_EACH_TIER(kernels)
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
      run_plan(kernels, &shape, &data, threads, &plan);
      assert_product(kernels, &shape, &data, "by BLAS");
    }
    free(weights);
    release(&data);
  }
}

static void test_plan_names(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  char name[LINEAR_PLAN_NAME], again[LINEAR_PLAN_NAME];
  LinearPlan read;
  for (int i = 0; i < 100; i++) {
    LinearPlan plan = random_plan(&random);
    plan.least_rows = plan.most_rows = 0;
    linear_plan_name(&plan, name);
    assert_true(linear_plan_parse(name, &read));
    linear_plan_name(&read, again);
    assert_string_equal(name, again);
    assert_true(linear_plan_serves(&read, 1));
    plan.least_rows = 5, plan.most_rows = 7;
    assert_true(linear_plan_serves(&plan, 7) && !linear_plan_serves(&plan, 8));
    assert_false(linear_plan_serves(&plan, 4));
  }
  assert_false(linear_plan_serves(NULL, 1) || linear_plan_serves(&(LinearPlan){0}, 1));
  for (int dtype = DTYPE_F32; dtype <= DTYPE_F16; dtype++)
    assert_true(linear_plan_valid(linear_plan_standard((Dtype)dtype)));
  static const char *const wrong[] = {
      "",
      "sliver 48K",
      "sliver 48K rows 256 width 512 stream 1 threads 0",
      "sliver 48K rows 256 width 512 stream 1 threads 0 balanced ",
      "sliver 48K rows 256 width 512 stream 1 threads 0 by luck",
      "sliver 048K rows 256 width 512 stream 1 threads 0 balanced",
      "sliver 48K rows 513 width 512 stream 1 threads 0 balanced",
      "sliver 48K rows 256 width 63 stream 1 threads 0 balanced",
      "sliver 1K rows 256 width 512 stream 1 threads 0 balanced",
      "sliver 1025K rows 256 width 512 stream 1 threads 0 balanced",
      "sliver 48K rows 256 width 512 stream -1 threads 0 balanced",
      "sliver 48K rows 256 width 512 stream 1 threads 99999999999999999999 balanced"};
  for (size_t i = 0; i < COUNT_OF(wrong); i++)
    if (linear_plan_parse(wrong[i], &read)) fail_msg("taken: %s", wrong[i]);
}

// Without an activation the residual may be the output itself.
static void test_residual_in_place(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t rows = 1; rows <= 30; rows += 29) {
    Case shape = {.dtype = DTYPE_BF16,
                  .rows = rows,
                  .columns = 530,
                  .out = 50,
                  .residual = true,
                  .bias = true};
    Data data = make(&shape, &random);
    FOR_EACH_TIER(kernels) {
      void *scratch = NULL;
      int64_t bytes = linear_scratch_bytes(rows, shape.columns, 2);
      assert_int_equal(posix_memalign(&scratch, 64, (size_t)bytes), 0);
      memcpy(data.y.data, data.residual.data, data.y.size);
      Linear linear = {.x = data.x.data,
                       .x_stride = shape.columns,
                       .rows = rows,
                       .matrix = &data.matrix,
                       .epilogue = {.residual = data.y.data, .residual_stride = shape.out},
                       .y = data.y.data,
                       .y_stride = shape.out,
                       .scratch = scratch};
      linear_run(kernels, teams[2], &linear);
      assert_product(kernels, &shape, &data, "in place");
      free(scratch);
    }
    release(&data);
  }
}

typedef struct {
  const Kernels *kernels;
  Team *team;
  const Linear *linear;
} Part;

static void run_part(void *context, int thread, int threads) {
  const Part *part = context;
  linear_run_part(part->kernels, part->team, part->linear, thread, threads);
}

// From inside a task, with a barrier between packing and multiplying: the same bits.
static void test_inside_a_task(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  for (int64_t rows = 3; rows <= 603; rows += 200) {
    Case shape = {.dtype = DTYPE_BF16, .rows = rows, .columns = 61, .out = 70, .bias = true};
    Data data = make(&shape, &random);
    float *first = malloc(data.y.size);
    FOR_EACH_TIER(kernels)
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
      run(kernels, &shape, &data, threads);
      memcpy(first, data.y.data, data.y.size);
      memset(data.y.data, 0xFF, data.y.size);
      void *scratch = NULL;
      int64_t bytes = linear_scratch_bytes(rows, shape.columns, threads);
      assert_int_equal(posix_memalign(&scratch, 64, (size_t)bytes), 0);
      Linear linear = {.x = data.x.data,
                       .x_stride = shape.columns,
                       .rows = rows,
                       .matrix = &data.matrix,
                       .y = data.y.data,
                       .y_stride = shape.out,
                       .scratch = scratch};
      Part part = {kernels, teams[threads], &linear};
      team_run(teams[threads], run_part, &part);
      assert_memory_equal(first, data.y.data, data.y.size);
      free(scratch);
    }
    free(first);
    release(&data);
  }
}

static int open_teams(void **state) {
  (void)state;
  Error error;
  for (int i = 1; i <= MOST_THREADS; i++) {
    teams[i] = team_open(i, false, &error);
    if (!teams[i]) return -1;
  }
  return 0;
}

static int close_teams(void **state) {
  (void)state;
  for (int i = 1; i <= MOST_THREADS; i++) team_close(teams[i]);
  return 0;
}

typedef struct {
  const Kernels *kernels;
  Team *team;
  const Linear *linear;
  int32_t *indices;
} ArgmaxJob;

static void argmax_job(void *context, int thread, int threads) {
  const ArgmaxJob *job = context;
  linear_argmax_run_part(job->kernels, job->team, job->linear, job->indices, thread, threads);
}

// The index that linear_run and argmax give, from linear_argmax by itself and by parts.
static void check_argmax(const Kernels *kernels, const Case *shape, Data *data) {
  for (int threads = 1; threads <= MOST_THREADS; threads++) {
    run(kernels, shape, data, threads);
    int64_t bytes = linear_argmax_scratch_bytes(kernels, shape->rows, &data->matrix, threads);
    Guarded scratch = guarded_make((size_t)((bytes + 63) / 64 * 64));
    Guarded indices = guarded_make((size_t)shape->rows * sizeof(int32_t));
    Linear linear = {.x = data->x.data,
                     .x_stride = shape->columns,
                     .rows = shape->rows,
                     .matrix = &data->matrix,
                     .scratch = scratch.data};
    for (int parts = 0; parts < 2; parts++) {
      ArgmaxJob job = {kernels, teams[threads], &linear, indices.data};
      memset(scratch.data, 0xFF, (size_t)bytes);
      memset(indices.data, 0xFF, indices.size);
      if (parts)
        team_run(teams[threads], argmax_job, &job);
      else
        linear_argmax_run(kernels, teams[threads], &linear, indices.data);
      for (int64_t row = 0; row < shape->rows; row++) {
        const float *y = (const float *)data->y.data + row * shape->out;
        assert_int_equal(((const int32_t *)indices.data)[row],
                         kernels_reference.argmax(shape->out, y));
      }
    }
    guarded_free(scratch);
    guarded_free(indices);
  }
}

// A copy of the best column further on ties with it; a NaN beats it from wherever it is.
static void check_ties(const Kernels *kernels, const Case *shape, Data *data, Random *random) {
  float *bias = data->bias.data, *x = data->x.data;
  check_argmax(kernels, shape, data);
  for (int64_t i = 0; i < shape->rows * shape->columns; i++) x[i] = 0.0f;
  for (int64_t i = 0; i < shape->out; i++) bias[i] = (float)random_below(random, 3);
  check_argmax(kernels, shape, data);
  bias[random_below(random, (uint64_t)shape->out)] = NAN;
  bias[random_below(random, (uint64_t)shape->out)] = -NAN;
  check_argmax(kernels, shape, data);
  for (int64_t i = 0; i < shape->out; i++) bias[i] = -INFINITY;
  check_argmax(kernels, shape, data);
  x[0] = NAN;
  check_argmax(kernels, shape, data);
}

static void test_argmax(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  static const int64_t rows[] = {1, 2, 3, 7, 17}, outs[] = {1, 15, 33, 2100, 4099};
  for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(outs); i++) {
    Case shape = {.dtype = (Dtype)random_below(&random, 3),
                  .rows = rows[i % COUNT_OF(rows)],
                  .out = outs[i / COUNT_OF(rows)],
                  .columns = 1 + (int64_t)random_below(&random, 40),
                  .bias = true};
    FOR_EACH_TIER(kernels) {
      Data data = make(&shape, &random);
      check_ties(kernels, &shape, &data, &random);
      release(&data);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_argmax),          cmocka_unit_test(test_small_odd_shapes),
      cmocka_unit_test(test_every_row_count), cmocka_unit_test(test_large_shapes),
      cmocka_unit_test(test_every_plan),      cmocka_unit_test(test_blas),
      cmocka_unit_test(test_plan_names),      cmocka_unit_test(test_residual_in_place),
      cmocka_unit_test(test_inside_a_task),
  };
  return cmocka_run_group_tests(tests, open_teams, close_teams);
}
