// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"
#include <inttypes.h>
#include <stdio.h>

Tensor tensor_dense(Dtype dtype, int rank, const int64_t *shape, void *data) {
  Tensor tensor = {.dtype = dtype, .rank = rank, .data = data};
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; i--) {
    tensor.shape[i] = shape[i];
    tensor.stride[i] = stride;
    stride *= shape[i];
  }
  return tensor;
}

int64_t tensor_elements(const Tensor *tensor) {
  int64_t elements = 1;
  for (int i = 0; i < tensor->rank; i++) elements *= tensor->shape[i];
  return elements;
}

bool tensor_shape_elements(int rank, const int64_t *shape, int64_t *elements) {
  int64_t product = 1;
  bool empty = false;
  for (int i = 0; i < rank; i++) {
    empty |= shape[i] == 0;
    if (shape[i] && __builtin_mul_overflow(product, shape[i], &product)) return false;
  }
  *elements = empty ? 0 : product;
  return true;
}

bool tensor_is_dense(const Tensor *tensor) {
  int64_t stride = 1;
  for (int i = tensor->rank - 1; i >= 0; i--) {
    if (tensor->shape[i] != 1 && tensor->stride[i] != stride) return false;
    stride *= tensor->shape[i];
  }
  return true;
}

char *tensor_shape_text(const Tensor *tensor, char *buffer, int size) {
  int used = snprintf(buffer, (size_t)size, "[");
  for (int i = 0; i < tensor->rank && used < size; i++)
    used += snprintf(buffer + used, (size_t)(size - used), i ? ", %" PRId64 : "%" PRId64,
                     tensor->shape[i]);
  if (used < size) snprintf(buffer + used, (size_t)(size - used), "]");
  return buffer;
}
