// SPDX-License-Identifier: Apache-2.0
// Rows of a tensor [B, H, S, D] whose last dimension is dense.
#pragma once
#include "tensor/tensor.h"
#include "tensor/widen.h"

static inline void *tensor_row(const Tensor *tensor, int64_t batch, int64_t head, int64_t at) {
  int64_t element = batch * tensor->stride[0] + head * tensor->stride[1] + at * tensor->stride[2];
  return (char *)tensor->data + element * dtype_facts(tensor->dtype)->block_bytes;
}

static inline void tensor_row_widen(const Tensor *tensor, int64_t batch, int64_t head, int64_t at,
                                    float *out) {
  widen_row(tensor->dtype, tensor_row(tensor, batch, head, at), out, tensor->shape[3]);
}
