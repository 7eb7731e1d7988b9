// SPDX-License-Identifier: Apache-2.0
#include "kernels/matrix.h"
#include "kernels/kernels.h"
#include "tensor/half.h"

int64_t matrix_panels(int64_t rows) {
  return rows / MATRIX_PANEL + (rows % MATRIX_PANEL != 0);
}

int64_t matrix_panel_bytes(Dtype dtype, int64_t columns) {
  if (dtype == DTYPE_F32) return columns * MATRIX_PANEL * (int64_t)sizeof(float);
  if (dtype == DTYPE_BF16) columns += columns % 2;
  int64_t bytes = columns * MATRIX_PANEL * (int64_t)sizeof(uint16_t);
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

int64_t matrix_bytes(Dtype dtype, int64_t rows, int64_t columns) {
  return matrix_panels(rows) * matrix_panel_bytes(dtype, columns);
}

void matrix_pack_panel(Dtype dtype, int64_t columns, const float *const source[MATRIX_PANEL],
                       void *panel) {
  kernels_for(cpu_best_tier())->pack_panel(dtype, columns, source, panel);
}

void matrix_row(const Matrix *matrix, int64_t row, float *out) {
  const char *panel = (const char *)matrix->panels +
                      row / MATRIX_PANEL * matrix_panel_bytes(matrix->dtype, matrix->columns);
  int64_t lane = row % MATRIX_PANEL, columns = matrix->columns;
  const float *floats = (const float *)panel + lane;
  const uint16_t *halves = (const uint16_t *)panel + lane;
  const uint16_t *pairs = (const uint16_t *)panel + 2 * lane;
  switch (matrix->dtype) {
  case DTYPE_BF16:
    for (int64_t k = 0; k < columns; k++)
      out[k] = bf16_to_float(pairs[k / 2 * 2 * MATRIX_PANEL + k % 2]);
    break;
  case DTYPE_F16:
    for (int64_t k = 0; k < columns; k++) out[k] = f16_to_float(halves[k * MATRIX_PANEL]);
    break;
  default:
    for (int64_t k = 0; k < columns; k++) out[k] = floats[k * MATRIX_PANEL];
  }
}
