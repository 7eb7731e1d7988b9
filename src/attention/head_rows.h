// SPDX-License-Identifier: Apache-2.0
// Rows of one head of a tensor [B, H, S, D], to float32 and back.
#pragma once
#include "kernels/kernels.h"
#include "tensor/tensor.h"

// The address of row `row` of a head.
static inline void *head_row(const Tensor *x, int64_t batch, int64_t head, int64_t row) {
  int64_t offset = batch * x->stride[0] + head * x->stride[1] + row * x->stride[2];
  return (char *)x->data + offset * dtype_facts(x->dtype)->block_bytes;
}

// Rows [first, first + count), widened, to `out` with `line` floats from one to the next.
void head_rows_load(const Kernels *kernels, const Tensor *x, int64_t batch, int64_t head,
                    int64_t first, int64_t count, float *out, int64_t line);
// The reverse: scale times the rows at `sums`, rounded to the tensor's dtype. D ≤ 256.
void head_rows_store(const Kernels *kernels, const Tensor *x, int64_t batch, int64_t head,
                     int64_t first, int64_t count, float scale, const float *sums, int64_t line);
// dots[i] = a_i · b_i over rows [first, first + count) of two tensors of one shape. D ≤ 256.
void head_rows_dot(const Kernels *kernels, const Tensor *a, const Tensor *b, int64_t batch,
                   int64_t head, int64_t first, int64_t count, float *dots);
