// SPDX-License-Identifier: Apache-2.0
#include "attention/head_rows.h"
#include "attention/problem.h"

void head_rows_load(const Kernels *kernels, const Tensor *x, int64_t batch, int64_t head,
                    int64_t first, int64_t count, float *out, int64_t line) {
  for (int64_t i = 0; i < count; i++)
    kernels->widen(x->dtype, x->shape[3], head_row(x, batch, head, first + i), out + i * line);
}

void head_rows_store(const Kernels *kernels, const Tensor *x, int64_t batch, int64_t head,
                     int64_t first, int64_t count, float scale, const float *sums, int64_t line) {
  _Alignas(64) float row[ATTENTION_MOST_HEAD_DIM];
  int64_t width = x->shape[3];
  for (int64_t i = 0; i < count; i++) {
    void *out = head_row(x, batch, head, first + i);
    kernels->scale(width, sums + i * line, scale, x->dtype == DTYPE_F32 ? out : row);
    if (x->dtype != DTYPE_F32) kernels->narrow(x->dtype, width, row, out);
  }
}

// The row itself where it is float32, else widened into `room`.
static const float *floats_of(const Kernels *kernels, const Tensor *x, int64_t batch, int64_t head,
                              int64_t row, float *room) {
  const void *at = head_row(x, batch, head, row);
  if (x->dtype == DTYPE_F32) return at;
  kernels->widen(x->dtype, x->shape[3], at, room);
  return room;
}

void head_rows_dot(const Kernels *kernels, const Tensor *a, const Tensor *b, int64_t batch,
                   int64_t head, int64_t first, int64_t count, float *dots) {
  _Alignas(64) float room[2][ATTENTION_MOST_HEAD_DIM];
  for (int64_t i = 0; i < count; i++)
    dots[i] =
        (float)kernels->dot(a->shape[3], floats_of(kernels, a, batch, head, first + i, room[0]),
                            floats_of(kernels, b, batch, head, first + i, room[1]));
}
