// SPDX-License-Identifier: Apache-2.0
// A dtype, a shape, strides and where the elements are. A Tensor is a value and a view: it never
// owns its storage (an arena, a region, a mapped file does).
#pragma once
#include "tensor/dtype.h"

enum { TENSOR_MAX_RANK = 8 };

typedef struct {
  Dtype dtype;
  int rank;
  int64_t shape[TENSOR_MAX_RANK];  // outermost first
  int64_t stride[TENSOR_MAX_RANK]; // in elements; of block types only the dense form exists
  void *data;                      // address on its device; read-only where it came from a file
} Tensor;

// A dense row-major tensor over `data`.
Tensor tensor_dense(Dtype dtype, int rank, const int64_t *shape, void *data);
int64_t tensor_elements(const Tensor *tensor); // product of the shape; 1 for a scalar
// For shapes out of files: false when the extents, with each 0 counted as 1, multiply to more than
// an int64 holds, so that strides and views of it would overflow; extents are not negative.
bool tensor_shape_elements(int rank, const int64_t *shape, int64_t *elements);
bool tensor_is_dense(const Tensor *tensor);
// "[2, 576]"; writes at most size bytes with the NUL, returns buffer.
char *tensor_shape_text(const Tensor *tensor, char *buffer, int size);
