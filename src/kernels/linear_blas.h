// SPDX-License-Identifier: Apache-2.0
// A product of linear.h by OpenBLAS: each thread of the team calls it for columns of its own, so
// that there is no second pool; bias, activation and residual follow while they are in the cache.
// For float32 weights, of which it needs a row-major copy.
#pragma once
#include "kernels/linear.h"
#include "kernels/openblas.h"

typedef struct LinearBlas {
  Openblas openblas;
  const float *weights; // [rows, columns] of W
} LinearBlas;

// Whether it can: x and y are dense.
bool linear_blas_serves(const Linear *linear);
// The columns of one thread. Needs no scratch and no barrier.
void linear_blas_run_part(const Kernels *kernels, const LinearBlas *blas, const Linear *linear,
                          int thread, int threads);
