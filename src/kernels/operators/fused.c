// SPDX-License-Identifier: Apache-2.0
#include "kernels/operators/fused.h"

bool fused_check(const Tensor *inputs, int count, const FusedAttributes *attributes, Error *error) {
  int64_t columns = attributes->matrix->columns;
  if (!rows_check_count(count, 2, 3, error) ||
      !rows_check_shape(&inputs[0], "x", 2, (int64_t[]){-1, columns}, error) ||
      !rows_check_float(&inputs[0], "x", error))
    return false;
  for (int i = 1; i < count; i++)
    if (!rows_check_shape(&inputs[i], i == 1 ? "weight" : "bias", 1, &columns, error)) return false;
  return true;
}

static bool by_every_thread(const Kernels *kernels, const Tensor *x) {
  return x->shape[0] <= kernels->streamed_rows;
}

static int64_t row_bytes(const Tensor *x, const FusedAttributes *attributes) {
  int64_t bytes = x->shape[0] * attributes->matrix->columns * (int64_t)sizeof(float);
  return (bytes + MATRIX_ALIGNMENT - 1) / MATRIX_ALIGNMENT * MATRIX_ALIGNMENT;
}

int64_t fused_norm_bytes(const Kernels *kernels, const Tensor *inputs,
                         const FusedAttributes *attributes, int threads) {
  return row_bytes(&inputs[0], attributes) * (by_every_thread(kernels, &inputs[0]) ? threads : 1);
}

static void normalize(const OperatorPart *part, const Tensor *inputs, int count,
                      const FusedAttributes *attributes, int64_t row, float *out) {
  const float *x = rows_at(&inputs[0], row), *weight = inputs[1].data;
  int64_t columns = attributes->matrix->columns;
  float epsilon = (float)attributes->epsilon;
  if (attributes->layer_norm)
    part->kernels->layer_norm(columns, x, weight, count > 2 ? inputs[2].data : NULL, epsilon,
                              out + row * columns);
  else
    part->kernels->rms_norm(columns, x, weight, epsilon, out + row * columns);
}

const float *fused_norm(const OperatorPart *part, const Tensor *inputs, int count,
                        const FusedAttributes *attributes) {
  bool alone = by_every_thread(part->kernels, &inputs[0]);
  int64_t begin = 0, end = inputs[0].shape[0];
  int64_t skipped = alone ? part->thread * row_bytes(&inputs[0], attributes) : 0;
  float *out = (float *)((char *)part->scratch + skipped);
  if (!alone) team_share(end, 1, part->thread, part->threads, &begin, &end);
  for (int64_t row = begin; row < end; row++) normalize(part, inputs, count, attributes, row, out);
  if (!alone && part->threads > 1) team_barrier(part->team);
  return out;
}
