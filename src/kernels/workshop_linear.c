// SPDX-License-Identifier: Apache-2.0
#include "kernels/workshop_linear.h"
#include "base/memory.h"
#include "kernels/linear_argmax.h"
#include "tensor/half.h"
#include <math.h>

double workshop_weight(const WorkshopCase *bench, int64_t index) {
  float value;
  int64_t size = dtype_facts(bench->dtype)->block_bytes;
  kernels_reference.widen(bench->dtype, 1, (const char *)bench->weights + index * size, &value);
  return value;
}

double workshop_element_bytes(const WorkshopCase *bench) {
  return dtype_facts(bench->dtype)->block_bytes;
}

void workshop_linear_plan(WorkshopCase *bench) {
  const WorkshopShape *s = &bench->shape;
  bench->x_count = s->m * s->k;
  bench->x2_count = s->n; // the bias
  bench->y_count = s->m * s->n;
  bench->weight_count =
      matrix_bytes(bench->dtype, s->n, s->k) / dtype_facts(bench->dtype)->block_bytes;
  bench->scratch_bytes = linear_scratch_bytes(s->m, s->k, team_size(bench->team));
  bench->flops = 2.0 * (double)s->m * (double)s->n * (double)s->k;
  bench->bytes = (double)bench->weight_count * workshop_element_bytes(bench);
  bench->dot = linear_rounds(bench->kernels, bench->dtype);
}

static Matrix matrix_of(const WorkshopCase *bench) {
  return (Matrix){bench->dtype, bench->shape.n, bench->shape.k, bench->weights, bench->x2};
}

static Linear linear_of(const WorkshopCase *bench, const Matrix *matrix) {
  return (Linear){.x = bench->x,
                  .x_stride = bench->shape.k,
                  .rows = bench->shape.m,
                  .matrix = matrix,
                  .y = bench->y,
                  .y_stride = bench->shape.n,
                  .scratch = bench->scratch};
}

void workshop_linear_run(WorkshopCase *bench, int thread, int threads) {
  Matrix matrix = matrix_of(bench);
  Linear linear = linear_of(bench, &matrix);
  (void)thread, (void)threads;
  linear_run(bench->kernels, bench->team, &linear);
}

// Element of x as the product sees it.
static double factor_of(const WorkshopCase *bench, int64_t index) {
  return bench->dot ? bf16_to_float(float_to_bf16(bench->x[index])) : bench->x[index];
}

double workshop_linear_expect(const WorkshopCase *bench, int64_t index) {
  const WorkshopShape *s = &bench->shape;
  int64_t row = index / s->n, column = index % s->n, lane = column % MATRIX_PANEL;
  int64_t panel = column / MATRIX_PANEL * matrix_panel_bytes(bench->dtype, s->k) /
                  dtype_facts(bench->dtype)->block_bytes;
  double sum = bench->x2[column];
  for (int64_t k = 0; k < s->k; k++) {
    int64_t place = bench->dtype == DTYPE_BF16 ? (k / 2 * MATRIX_PANEL + lane) * 2 + k % 2
                                               : k * MATRIX_PANEL + lane;
    sum += factor_of(bench, row * s->k + k) * workshop_weight(bench, panel + place);
  }
  return sum;
}

void workshop_argmax_plan(WorkshopCase *bench) {
  const WorkshopShape *s = &bench->shape;
  workshop_linear_plan(bench);
  Matrix matrix = matrix_of(bench);
  bench->y_count = s->m;
  bench->check_products = (double)s->n * (double)s->k;
  // The indices lie behind what the product needs.
  bench->scratch_bytes =
      linear_argmax_scratch_bytes(bench->kernels, s->m, &matrix, team_size(bench->team)) +
      s->m * (int64_t)sizeof(int32_t);
}

void workshop_argmax_run(WorkshopCase *bench, int thread, int threads) {
  int64_t rows = bench->shape.m;
  Matrix matrix = matrix_of(bench);
  Linear linear = linear_of(bench, &matrix);
  (void)thread, (void)threads;
  int32_t *indices =
      (int32_t *)((char *)bench->scratch + bench->scratch_bytes - rows * (int64_t)sizeof *indices);
  linear_argmax_run(bench->kernels, bench->team, &linear, indices);
  for (int64_t row = 0; row < rows; row++) ((float *)bench->y)[row] = (float)indices[row];
}

// Row `row` of x times one panel of W, and the bias.
static void panel_sums(const WorkshopCase *bench, int64_t row, int64_t panel, float *wide,
                       double sums[MATRIX_PANEL]) {
  int64_t depth = bench->shape.k;
  const char *source =
      (const char *)bench->weights + panel * matrix_panel_bytes(bench->dtype, depth);
  kernels_for(cpu_best_tier())->widen_panel(bench->dtype, depth, source, wide);
  for (int lane = 0; lane < MATRIX_PANEL; lane++) {
    int64_t column = panel * MATRIX_PANEL + lane;
    sums[lane] = column < bench->shape.n ? bench->x2[column] : -INFINITY;
  }
  for (int64_t k = 0; k < depth; k++) {
    double x = factor_of(bench, row * depth + k);
    for (int lane = 0; lane < MATRIX_PANEL; lane++) sums[lane] += x * wide[k * MATRIX_PANEL + lane];
  }
}

double workshop_argmax_expect(const WorkshopCase *bench, int64_t index) {
  int64_t panels = matrix_panels(bench->shape.n);
  int64_t found = (int64_t)((const float *)bench->y)[index], best = 0;
  double sums[MATRIX_PANEL], largest = -INFINITY, claimed = -INFINITY;
  float *wide = memory_allocate((size_t)(bench->shape.k * MATRIX_PANEL) * sizeof *wide);
  for (int64_t panel = 0; panel < panels; panel++) {
    panel_sums(bench, index, panel, wide, sums);
    for (int lane = 0; lane < MATRIX_PANEL; lane++) {
      if (panel * MATRIX_PANEL + lane == found) claimed = sums[lane];
      if (sums[lane] <= largest) continue;
      largest = sums[lane];
      best = panel * MATRIX_PANEL + lane;
    }
  }
  memory_free(wide);
  double rounding = 1e-6 * sqrt((double)bench->shape.k) * fabs(largest);
  return (double)(claimed >= largest - rounding ? found : best);
}
