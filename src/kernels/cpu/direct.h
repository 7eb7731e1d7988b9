// SPDX-License-Identifier: Apache-2.0
// Rows of a cache as they lie, met by a few rows of activations: what scores and values share.
#pragma once
#include "kernels/cpu/operators.h"
#include "kernels/matmul.h"

#if defined(LANES)
enum { AHEAD_BYTES = 8 * 1024 };

static ALWAYS_INLINE int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static ALWAYS_INLINE int64_t size_of(Dtype dtype) {
  return dtype == DTYPE_F32 ? 4 : 2;
}

// From row `row` of B, of `rows` rows of `bytes` each, to the one that is asked for while it is
// multiplied, at least `least` rows later; where B ends before, one of those that come next. 0: it
// is not known.
static ALWAYS_INLINE int64_t ahead_of(const Matmul *product, int64_t row, int64_t rows,
                                      int64_t bytes, int64_t least) {
  int64_t step = product->b_row * size_of(product->dtype);
  int64_t ahead = AHEAD_BYTES / bytes > least ? AHEAD_BYTES / bytes : least;
  if (row + ahead < rows) return ahead * step;
  if (!product->next) return 0;
  return (const char *)product->next - (const char *)product->b + (ahead - rows) * step;
}
#endif
