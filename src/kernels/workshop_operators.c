// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul.h"
#include "kernels/workshop_linear.h"
#include <math.h>
#include <string.h>

static void plan_product(WorkshopCase *bench) {
  const WorkshopShape *s = &bench->shape;
  bench->x_count = s->m * s->k;
  bench->y_count = s->m * s->n;
  bench->weight_count = s->n * s->k;
  bench->scratch_bytes = matmul_scratch_bytes(team_size(bench->team));
  bench->flops = 2.0 * (double)s->m * (double)s->n * (double)s->k;
  bench->bytes = (double)bench->weight_count * workshop_element_bytes(bench);
}

static void run_product(WorkshopCase *bench, bool transposed) {
  const WorkshopShape *s = &bench->shape;
  Matmul matmul = {.transposed = transposed,
                   .batches = 1,
                   .heads = 1,
                   .group = 1,
                   .rows = s->m,
                   .columns = s->n,
                   .depth = s->k,
                   .a = bench->x,
                   .a_row = s->k,
                   .dtype = bench->dtype,
                   .b = bench->weights,
                   .b_row = transposed ? s->k : s->n,
                   .c = bench->y,
                   .c_row = s->n,
                   .scratch = bench->scratch};
  matmul_run(bench->kernels, bench->team, &matmul);
}

static void run_scores(WorkshopCase *bench, int thread, int threads) {
  (void)thread, (void)threads;
  run_product(bench, true);
}

static void run_output(WorkshopCase *bench, int thread, int threads) {
  (void)thread, (void)threads;
  run_product(bench, false);
}

static double expect_scores(const WorkshopCase *bench, int64_t index) {
  int64_t row = index / bench->shape.n, column = index % bench->shape.n, depth = bench->shape.k;
  double sum = 0.0;
  for (int64_t k = 0; k < depth; k++)
    sum += bench->x[row * depth + k] * workshop_weight(bench, column * depth + k);
  return sum;
}

static double expect_output(const WorkshopCase *bench, int64_t index) {
  int64_t row = index / bench->shape.n, column = index % bench->shape.n, depth = bench->shape.k;
  double sum = 0.0;
  for (int64_t k = 0; k < depth; k++)
    sum += bench->x[row * depth + k] * workshop_weight(bench, k * bench->shape.n + column);
  return sum;
}

// Row operators: m rows of n; x2 holds a second array, or weights and a bias of one row.
static void plan_rows(WorkshopCase *bench) {
  const WorkshopShape *s = &bench->shape;
  bench->x_count = bench->x2_count = bench->y_count = s->m * s->n;
  if (bench->x2_count < 2 * s->n) bench->x2_count = 2 * s->n;
  bench->bytes = 8.0 * (double)s->m * (double)s->n;
}

static void plan_two_inputs(WorkshopCase *bench) {
  plan_rows(bench);
  bench->bytes *= 1.5;
}

static void plan_one_result(WorkshopCase *bench) {
  plan_rows(bench);
  bench->y_count = bench->shape.m;
  bench->bytes *= 0.5;
}

// Begins the body of a row operator's run: rows [row, end) of this thread, with their arrays.
#define FOR_EACH_ROW(X, X2, Y)                                                                     \
  int64_t n = bench->shape.n, row, end;                                                            \
  team_share(bench->shape.m, 1, thread, threads, &row, &end);                                      \
  const float *X = bench->x + row * n, *X2 = bench->x2 + row * n;                                  \
  float *Y = (float *)bench->y + row * n;                                                          \
  for (; row < end; row++, X += n, X2 += n, Y += n)

static void run_rms_norm(WorkshopCase *bench, int thread, int threads) {
  FOR_EACH_ROW(x, x2, y) bench->kernels->rms_norm(n, x, bench->x2, 1e-5f, y);
}

static double mean_square(const WorkshopCase *bench, int64_t row, double shift) {
  double sum = 0.0;
  for (int64_t i = 0; i < bench->shape.n; i++) {
    double value = bench->x[row * bench->shape.n + i] - shift;
    sum += value * value;
  }
  return sum / (double)bench->shape.n;
}

static double expect_rms_norm(const WorkshopCase *bench, int64_t index) {
  double square = mean_square(bench, index / bench->shape.n, 0.0);
  return bench->x2[index % bench->shape.n] * bench->x[index] / sqrt(square + 1e-5);
}

static void run_layer_norm(WorkshopCase *bench, int thread, int threads) {
  FOR_EACH_ROW(x, x2, y)
  bench->kernels->layer_norm(n, x, bench->x2, bench->x2 + n, 1e-5f, y);
}

static double expect_layer_norm(const WorkshopCase *bench, int64_t index) {
  int64_t n = bench->shape.n, row = index / n, column = index % n;
  double mean = 0.0;
  for (int64_t i = 0; i < n; i++) mean += bench->x[row * n + i];
  mean /= (double)n;
  double factor = 1.0 / sqrt(mean_square(bench, row, mean) + 1e-5);
  return bench->x2[column] * (bench->x[index] - mean) * factor + bench->x2[n + column];
}

static void run_softmax(WorkshopCase *bench, int thread, int threads) {
  FOR_EACH_ROW(x, x2, y) bench->kernels->softmax(n, 0, n, 2.0f, x, y);
}

static double expect_softmax(const WorkshopCase *bench, int64_t index) {
  const float *x = bench->x + index / bench->shape.n * bench->shape.n;
  double largest = -INFINITY, sum = 0.0;
  for (int64_t i = 0; i < bench->shape.n; i++) largest = fmax(largest, 2.0 * x[i]);
  for (int64_t i = 0; i < bench->shape.n; i++) sum += exp(2.0 * x[i] - largest);
  return exp(2.0 * bench->x[index] - largest) / sum;
}

static void run_sum_exponentials(WorkshopCase *bench, int thread, int threads) {
  float *y0 = bench->y;
  FOR_EACH_ROW(x, x2, y) y0[row] = (float)bench->kernels->sum_exponentials(n, x, 4.0f);
}

static double expect_sum_exponentials(const WorkshopCase *bench, int64_t index) {
  double sum = 0.0;
  for (int64_t i = 0; i < bench->shape.n; i++)
    sum += exp((double)bench->x[index * bench->shape.n + i] - 4.0);
  return sum;
}

static void run_argmax(WorkshopCase *bench, int thread, int threads) {
  float *y0 = bench->y;
  FOR_EACH_ROW(x, x2, y) y0[row] = (float)bench->kernels->argmax(n, x);
}

static double expect_argmax(const WorkshopCase *bench, int64_t index) {
  const float *x = bench->x + index * bench->shape.n;
  int64_t best = 0;
  for (int64_t i = 1; i < bench->shape.n; i++)
    if (x[i] > x[best]) best = i;
  return (double)best;
}

#define ACTIVATION_ROW(NAME, ACTIVATION)                                                           \
  static void run_##NAME(WorkshopCase *bench, int thread, int threads) {                           \
    FOR_EACH_ROW(x, x2, y) bench->kernels->activate(ACTIVATION, n, x, y);                          \
  }                                                                                                \
  static double expect_##NAME(const WorkshopCase *bench, int64_t index) {                          \
    return activation_value(ACTIVATION, bench->x[index]);                                          \
  }
ACTIVATION_ROW(silu, ACTIVATION_SILU)
ACTIVATION_ROW(gelu, ACTIVATION_GELU)
ACTIVATION_ROW(gelu_tanh, ACTIVATION_GELU_TANH)

static void run_silu_multiply(WorkshopCase *bench, int thread, int threads) {
  FOR_EACH_ROW(x, x2, y) bench->kernels->activate_multiply(ACTIVATION_SILU, n, x, x2, y);
}

static double expect_silu_multiply(const WorkshopCase *bench, int64_t index) {
  return activation_value(ACTIVATION_SILU, bench->x[index]) * bench->x2[index];
}

static void run_exponential(WorkshopCase *bench, int thread, int threads) {
  FOR_EACH_ROW(x, x2, y) bench->kernels->exponential(n, x, y);
}

static double expect_exponential(const WorkshopCase *bench, int64_t index) {
  return exp(bench->x[index]);
}

static void run_add(WorkshopCase *bench, int thread, int threads) {
  FOR_EACH_ROW(x, x2, y) bench->kernels->add(n, x, x2, y);
}

static double expect_add(const WorkshopCase *bench, int64_t index) {
  return (double)bench->x[index] + bench->x2[index];
}

static void run_multiply(WorkshopCase *bench, int thread, int threads) {
  FOR_EACH_ROW(x, x2, y) bench->kernels->multiply(n, x, x2, y);
}

static double expect_multiply(const WorkshopCase *bench, int64_t index) {
  return (double)bench->x[index] * bench->x2[index];
}

// Rows are heads; the copy is part of it, as the operator works in place.
static void run_rope(WorkshopCase *bench, int thread, int threads) {
  FOR_EACH_ROW(x, x2, y) {
    memcpy(y, x, (size_t)n * sizeof *y);
    bench->kernels->rope(1, n, n / 2, bench->x2, bench->x2 + n, y);
  }
}

static double expect_rope(const WorkshopCase *bench, int64_t index) {
  int64_t n = bench->shape.n, half = n / 2, column = index % n, i = column % half;
  if (column >= 2 * half) return bench->x[index];
  double cosine = bench->x2[i], sine = bench->x2[n + i], x = bench->x[index];
  return column < half ? x * cosine - bench->x[index + half] * sine
                       : x * cosine + bench->x[index - half] * sine;
}

static void plan_widen(WorkshopCase *bench) {
  bench->weight_count = bench->y_count = bench->shape.m * bench->shape.n;
  bench->bytes = (double)bench->y_count * (4.0 + workshop_element_bytes(bench));
}

static void run_widen(WorkshopCase *bench, int thread, int threads) {
  int64_t begin, end, size = dtype_facts(bench->dtype)->block_bytes;
  team_share(bench->y_count, 64, thread, threads, &begin, &end);
  bench->kernels->widen(bench->dtype, end - begin, (const char *)bench->weights + begin * size,
                        (float *)bench->y + begin);
}

static double expect_widen(const WorkshopCase *bench, int64_t index) {
  return workshop_weight(bench, index);
}

static void plan_narrow(WorkshopCase *bench) {
  bench->x_count = bench->y_count = bench->shape.m * bench->shape.n;
  bench->y_dtype = bench->dtype;
  bench->bytes = (double)bench->y_count * (4.0 + workshop_element_bytes(bench));
}

static void run_narrow(WorkshopCase *bench, int thread, int threads) {
  int64_t begin, end, size = dtype_facts(bench->dtype)->block_bytes;
  team_share(bench->y_count, 64, thread, threads, &begin, &end);
  bench->kernels->narrow(bench->dtype, end - begin, bench->x + begin,
                         (char *)bench->y + begin * size);
}

static double expect_narrow(const WorkshopCase *bench, int64_t index) {
  uint32_t rounded; // large enough for each dtype
  float value;
  kernels_reference.narrow(bench->dtype, 1, bench->x + index, &rounded);
  kernels_reference.widen(bench->dtype, 1, &rounded, &value);
  return value;
}

// name, summary, by dtype, bound, site, plan, run, brings its own threads, expectation, library
static const WorkshopOperator operators[] = {
    {"linear", "y = x Wᵀ + bias", true, 2e-7, SITE_LINEAR, workshop_linear_plan,
     workshop_linear_run, true, workshop_linear_expect, NULL},
    {"linear_argmax", "index of the largest of x Wᵀ + bias", true, 0.0, SITE_VOCABULARY,
     workshop_argmax_plan, workshop_argmax_run, true, workshop_argmax_expect, NULL},
    {"scores", "queries keysᵀ", true, 2e-7, SITE_SCORES, plan_product, run_scores, true,
     expect_scores, NULL},
    {"output", "probabilities values", true, 2e-7, SITE_OUTPUT, plan_product, run_output, true,
     expect_output, NULL},
    {"rms_norm", "RMS norm", false, 2e-6, SITE_HIDDEN, plan_rows, run_rms_norm, false,
     expect_rms_norm, NULL},
    {"layer_norm", "layer norm", false, 5e-6, SITE_HIDDEN, plan_rows, run_layer_norm, false,
     expect_layer_norm, NULL},
    {"softmax", "softmax of a row", false, 2e-6, SITE_SCORE_ROWS, plan_rows, run_softmax, false,
     expect_softmax, NULL},
    {"sum_exponentials", "sum of exponentials", false, 2e-6, SITE_LOGITS, plan_one_result,
     run_sum_exponentials, false, expect_sum_exponentials, NULL},
    {"argmax", "index of the largest", false, 0.0, SITE_LOGITS, plan_one_result, run_argmax, false,
     expect_argmax, NULL},
    {"silu", "x sigmoid(x)", false, 1e-6, SITE_INNER, plan_rows, run_silu, false, expect_silu,
     NULL},
    {"silu_multiply", "silu(gate) up", false, 1e-6, SITE_INNER, plan_two_inputs, run_silu_multiply,
     false, expect_silu_multiply, NULL},
    {"gelu", "GELU by erf", false, 1e-6, SITE_INNER, plan_rows, run_gelu, false, expect_gelu, NULL},
    {"gelu_tanh", "GELU by tanh", false, 1e-6, SITE_INNER, plan_rows, run_gelu_tanh, false,
     expect_gelu_tanh, NULL},
    {"exponential", "exp", false, 1e-6, SITE_INNER, plan_rows, run_exponential, false,
     expect_exponential, NULL},
    {"add", "a + b", false, 1e-7, SITE_HIDDEN, plan_two_inputs, run_add, false, expect_add, NULL},
    {"multiply", "a b", false, 1e-7, SITE_HIDDEN, plan_two_inputs, run_multiply, false,
     expect_multiply, NULL},
    {"rope", "rotary embedding", false, 1e-6, SITE_HEADS, plan_rows, run_rope, false, expect_rope,
     NULL},
    {"widen", "to float32", true, 0.0, SITE_INNER, plan_widen, run_widen, false, expect_widen,
     NULL},
    {"narrow", "from float32", true, 0.0, SITE_INNER, plan_narrow, run_narrow, false, expect_narrow,
     NULL},
};

const WorkshopOperator *workshop_operators(int *count) {
  *count = (int)COUNT_OF(operators);
  return operators;
}

bool workshop_differs(const WorkshopOperator *op, const Kernels *kernels, Dtype dtype) {
  if (kernels->tier < CPU_TIER_AVX512_BF16) return true;
  return op->site <= SITE_VOCABULARY && linear_rounds(kernels, dtype);
}

const WorkshopOperator *workshop_operator_by_name(const char *name) {
  for (size_t i = 0; i < COUNT_OF(operators); i++)
    if (strcmp(operators[i].name, name) == 0) return &operators[i];
  return NULL;
}
