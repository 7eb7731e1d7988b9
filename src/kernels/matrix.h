// SPDX-License-Identifier: Apache-2.0
// A weight matrix, packed once at load in the one layout that the matrix-vector and matrix-matrix
// kernels, and the row look-up of the embedding, all read.
//
// W is [rows = out features, columns = in features]; y = x W^T + bias. Rows are cut into panels of
// MATRIX_PANEL; a panel is contiguous, and inside it column follows column:
//
//   float32, float16   panel[column][row 0…15]
//   bfloat16           panel[column / 2][row 0…15][column % 2]     (an odd last column is 0-padded)
//
// so that one wide load of bfloat16 yields, by a shift and a mask, the even and the odd column of
// consecutive rows in order. Missing rows of the last panel are zero.
#pragma once
#include "tensor/dtype.h"

enum { MATRIX_PANEL = 16, MATRIX_ALIGNMENT = 64 };

typedef struct {
  Dtype dtype;           // float32, bfloat16 or float16
  int64_t rows, columns; // N, K
  const void *panels;    // MATRIX_ALIGNMENT-aligned, matrix_bytes long
  const float *bias;     // [rows] or NULL
} Matrix;

int64_t matrix_panels(int64_t rows);                      // number of panels
int64_t matrix_panel_bytes(Dtype dtype, int64_t columns); // bytes of one panel
int64_t matrix_bytes(Dtype dtype, int64_t rows, int64_t columns);
// Writes one panel from up to 16 rows of floats, rounding to dtype: source[i] points at row i
// (columns floats) or is NULL for a row of zeros.
void matrix_pack_panel(Dtype dtype, int64_t columns, const float *const source[MATRIX_PANEL],
                       void *panel);
// The reverse for one row: the embedding's look-up. Writes columns floats.
void matrix_row(const Matrix *matrix, int64_t row, float *out);
