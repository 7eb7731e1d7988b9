// SPDX-License-Identifier: Apache-2.0
#include "kernels/reference/reference.h"
#include "tensor/half.h"

// Element (column, lane) of a panel.
static float panel_value(Dtype dtype, const void *panel, int64_t column, int lane) {
  const uint16_t *halves = panel;
  switch (dtype) {
  case DTYPE_BF16:
    return bf16_to_float(halves[(column / 2 * MATRIX_PANEL + lane) * 2 + column % 2]);
  case DTYPE_F16: return f16_to_float(halves[column * MATRIX_PANEL + lane]);
  default: return ((const float *)panel)[column * MATRIX_PANEL + lane];
  }
}

static float tile_value_of_a(const Tile *tile, int row, int64_t k) {
  int64_t step = tile->a_step ? tile->a_step : tile->rows;
  return tile->a_stride ? tile->a[row * tile->a_stride + k] : tile->a[k * step + row];
}

static float tile_value_of_b(const Tile *tile, int64_t k, int column) {
  const char *panel = (const char *)tile->b + column / MATRIX_PANEL * tile->panel_bytes;
  int lane = column % MATRIX_PANEL;
  if (tile->b_step) return ((const float *)panel)[k * tile->b_step + lane];
  return panel_value(tile->dtype, panel, k, lane);
}

static double tile_sum(const Tile *tile, int row, int column) {
  double sum = tile->initial ? tile->initial[row * tile->initial_stride + column] : 0.0;
  for (int64_t k = 0; k < tile->depth; k++)
    sum += (double)tile_value_of_a(tile, row, k) * tile_value_of_b(tile, k, column);
  return sum;
}

void reference_tile(const Tile *tile) {
  for (int row = 0; row < tile->rows; row++)
    for (int column = 0; column < tile->panels * MATRIX_PANEL; column++)
      tile->c[row * tile->c_stride + column] = (float)tile_sum(tile, row, column);
}

static float linear_sum(const Linear *linear, int64_t row, int64_t column) {
  const Matrix *matrix = linear->matrix;
  const char *panel = (const char *)matrix->panels +
                      column / MATRIX_PANEL * matrix_panel_bytes(matrix->dtype, matrix->columns);
  const float *x = linear->x + row * linear->x_stride;
  double sum = matrix->bias ? matrix->bias[column] : 0.0;
  for (int64_t k = 0; k < matrix->columns; k++)
    sum += (double)x[k] * panel_value(matrix->dtype, panel, k, (int)(column % MATRIX_PANEL));
  return (float)sum;
}

void reference_linear_direct(const Linear *linear, int64_t first, int64_t last) {
  const Epilogue *epilogue = &linear->epilogue;
  int64_t end =
      last * MATRIX_PANEL < linear->matrix->rows ? last * MATRIX_PANEL : linear->matrix->rows;
  for (int64_t row = 0; row < linear->rows; row++)
    for (int64_t column = first * MATRIX_PANEL; column < end; column++) {
      double value = activation_value(epilogue->activation, linear_sum(linear, row, column));
      if (epilogue->residual) value += epilogue->residual[row * epilogue->residual_stride + column];
      linear->y[row * linear->y_stride + column] = (float)value;
    }
}

// C[.., begin … end), a step of the sum being `step` elements of B from the last, a column
// `across`.
static void multiply_direct(const Matmul *product, int64_t begin, int64_t end, int64_t step,
                            int64_t across) {
  int64_t bytes = dtype_facts(product->dtype)->block_bytes;
  for (int64_t row = 0; row < product->rows; row++)
    for (int64_t column = begin; column < end; column++) {
      float *c = product->c + row * product->c_row + column, b;
      double sum = product->added ? *c : 0.0;
      for (int64_t k = 0; k < product->depth; k++) {
        const char *element = (const char *)product->b + (k * step + column * across) * bytes;
        reference_widen(product->dtype, 1, element, &b);
        sum += (double)product->a[row * product->a_row + k] * b;
      }
      *c = (float)sum;
    }
}

void reference_scores_direct(const Matmul *product, int64_t begin, int64_t end) {
  multiply_direct(product, begin, end, 1, product->b_row);
}

void reference_values_direct(const Matmul *product, int64_t begin, int64_t end) {
  multiply_direct(product, begin, end, product->b_row, 1);
}

void reference_pack_rows(int rows, int64_t columns, const float *x, int64_t x_stride,
                         float *packed) {
  for (int64_t k = 0; k < columns; k++)
    for (int row = 0; row < rows; row++) packed[k * rows + row] = x[row * x_stride + k];
}

void reference_widen_panel(Dtype dtype, int64_t columns, const void *panel, float *out) {
  for (int64_t k = 0; k < columns; k++)
    for (int lane = 0; lane < MATRIX_PANEL; lane++)
      out[k * MATRIX_PANEL + lane] = panel_value(dtype, panel, k, lane);
}

// 16 bits to their place in a panel.
static void put_half(Dtype dtype, uint16_t *panel, int64_t column, int lane, uint16_t value) {
  if (dtype == DTYPE_BF16)
    panel[(column / 2 * MATRIX_PANEL + lane) * 2 + column % 2] = value;
  else
    panel[column * MATRIX_PANEL + lane] = value;
}

void reference_pack_panel(Dtype dtype, int64_t columns, const float *const source[MATRIX_PANEL],
                          void *panel) {
  int64_t padded = dtype == DTYPE_BF16 ? columns + columns % 2 : columns;
  for (int64_t k = 0; k < padded; k++)
    for (int lane = 0; lane < MATRIX_PANEL; lane++) {
      float value = source[lane] && k < columns ? source[lane][k] : 0.0f;
      if (dtype == DTYPE_F32)
        ((float *)panel)[k * MATRIX_PANEL + lane] = value;
      else
        put_half(dtype, panel, k, lane,
                 dtype == DTYPE_BF16 ? float_to_bf16(value) : float_to_f16(value));
    }
}

void reference_transpose_panel(Dtype dtype, int64_t columns, const void *const source[MATRIX_PANEL],
                               void *panel) {
  if (dtype == DTYPE_F32) {
    const float *rows[MATRIX_PANEL];
    for (int lane = 0; lane < MATRIX_PANEL; lane++) rows[lane] = source[lane];
    reference_pack_panel(dtype, columns, rows, panel);
    return;
  }
  int64_t padded = dtype == DTYPE_BF16 ? columns + columns % 2 : columns;
  for (int64_t k = 0; k < padded; k++)
    for (int lane = 0; lane < MATRIX_PANEL; lane++) {
      const uint16_t *row = source[lane];
      put_half(dtype, panel, k, lane, row && k < columns ? row[k] : 0);
    }
}

void reference_gather_panel(Dtype dtype, int64_t columns, const void *const source[MATRIX_PANEL],
                            float *panel) {
  for (int lane = 0; lane < MATRIX_PANEL; lane++)
    for (int64_t k = 0; k < columns; k++) {
      float value = 0.0f;
      int64_t offset = k * dtype_facts(dtype)->block_bytes;
      if (source[lane]) reference_widen(dtype, 1, (const char *)source[lane] + offset, &value);
      panel[k * MATRIX_PANEL + lane] = value;
    }
}

void reference_widen_rows(Dtype dtype, int64_t rows, const void *x, int64_t x_stride, float *out) {
  int64_t bytes = x_stride * dtype_facts(dtype)->block_bytes;
  for (int64_t row = 0; row < rows; row++)
    reference_widen(dtype, MATRIX_PANEL, (const char *)x + row * bytes, out + row * MATRIX_PANEL);
}
