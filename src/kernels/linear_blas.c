// SPDX-License-Identifier: Apache-2.0
#include "kernels/linear_blas.h"
#include "kernels/kernels.h"

bool linear_blas_serves(const Linear *linear) {
  const Matrix *matrix = linear->matrix;
  return matrix->dtype == DTYPE_F32 && linear->x_stride == matrix->columns &&
         linear->y_stride == matrix->rows && linear->y != linear->epilogue.residual;
}

static void finish_row(const Kernels *kernels, const Linear *linear, int64_t row, int64_t begin,
                       int64_t count) {
  const Epilogue *epilogue = &linear->epilogue;
  float *y = linear->y + row * linear->y_stride + begin;
  if (linear->matrix->bias) kernels->add(count, y, linear->matrix->bias + begin, y);
  if (epilogue->activation != ACTIVATION_NONE) kernels->activate(epilogue->activation, count, y, y);
  if (epilogue->residual)
    kernels->add(count, y, epilogue->residual + row * epilogue->residual_stride + begin, y);
}

void linear_blas_run_part(const Kernels *kernels, const LinearBlas *blas, const Linear *linear,
                          int thread, int threads) {
  const Matrix *matrix = linear->matrix;
  int64_t begin, end;
  team_share(matrix->rows, MATRIX_PANEL, thread, threads, &begin, &end);
  if (begin >= end || linear->rows == 0) return;
  openblas_product(&blas->openblas, linear->rows, matrix->rows, matrix->columns, linear->x,
                   blas->weights, begin, end, linear->y);
  for (int64_t row = 0; row < linear->rows; row++)
    finish_row(kernels, linear, row, begin, end - begin);
}
