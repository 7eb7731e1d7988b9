// SPDX-License-Identifier: Apache-2.0
// OpenBLAS: a yardstick for the workshop, and a candidate where products are tuned (linear_blas.h).
// Opened at run time where it is installed, one thread, called on blocks of columns by our own
// team. The engine uses it nowhere else.
#pragma once
#include "base/error.h"
#include <stdint.h>

typedef struct {
  void (*sgemm)(int order, int transpose_a, int transpose_b, int rows, int columns, int depth,
                float alpha, const float *a, int a_stride, const float *b, int b_stride, float beta,
                float *c, int c_stride);
  void (*sgemv)(int order, int transpose, int rows, int columns, float alpha, const float *a,
                int a_stride, const float *x, int x_step, float beta, float *y, int y_step);
  const char *configuration; // "OpenBLAS 0.3.21 … Zen MAX_THREADS=64"
} Openblas;

#define OPENBLAS_FILE "libopenblas.so.0"

// Opens the library and sets it to one thread; it stays open to the end of the process. false:
// not there, without an entry point, or a build without threads, which may not be called by two.
CHECKED bool openblas_open(const char *file, Openblas *openblas, Error *error);
// y[, begin … end) = x wᵀ of x [rows, depth], w [columns, depth], y [rows, columns], all dense. Any
// thread; parts of different threads do not meet.
void openblas_product(const Openblas *openblas, int64_t rows, int64_t columns, int64_t depth,
                      const float *x, const float *w, int64_t begin, int64_t end, float *y);
