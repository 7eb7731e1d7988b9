// SPDX-License-Identifier: Apache-2.0
// Rows of a cache as they lie, met by a few rows of activations: what scores and values share.
//
// Elements are taken two vectors at a time. Those of bfloat16 are parted into even and odd ones,
// which takes half the work of widening them in order; what they meet, or are added to, is parted
// too.
#pragma once
#include "kernels/cpu/operators.h"
#include "kernels/matmul.h"

#if defined(LANES)
enum {
  PAIR = 2 * LANES,
  PREFETCH_BYTES = 8 * 1024, // into the second-level cache: better than nearer and closer by
  L2 = 2
};

static ALWAYS_INLINE int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static ALWAYS_INLINE int64_t size_of(Dtype dtype) {
  return dtype == DTYPE_F32 ? 4 : 2;
}

static ALWAYS_INLINE const char *b_row(const Matmul *product, Dtype dtype, int64_t row) {
  return (const char *)product->b + row * product->b_row * size_of(dtype);
}

// From a row to the one that is asked for while it is multiplied.
static ALWAYS_INLINE int64_t ahead_of(const Matmul *product, Dtype dtype, int64_t width) {
  int64_t rows = PREFETCH_BYTES / (width * size_of(dtype));
  return (rows > 0 ? rows : 1) * product->b_row * size_of(dtype);
}

// One address for all of it: a compiler would rather keep the distance to each line.
static ALWAYS_INLINE void prefetch(const char *ahead, Dtype dtype, int vectors) {
  __asm__("" : "+r"(ahead));
  for (int byte = 0; byte < vectors * LANES * size_of(dtype); byte += 64)
    __builtin_prefetch(ahead + byte, 0, L2);
}

static inline float b_value(Dtype dtype, const char *row, int64_t index) {
  if (dtype == DTYPE_BF16) return bf16_to_float(((const uint16_t *)row)[index]);
  if (dtype == DTYPE_F16) return f16_to_float(((const uint16_t *)row)[index]);
  return ((const float *)row)[index];
}

static ALWAYS_INLINE void load_pair(Dtype dtype, const char *row, int64_t index, Vector pair[2]) {
  const uint16_t *words = (const uint16_t *)row + index;
  if (dtype == DTYPE_BF16) {
    pair[0] = vector_load_pair_even(words);
    pair[1] = vector_load_pair_odd(words);
  } else {
    pair[0] = vector_hold(vector_load_as(dtype, row, index));
    pair[1] = vector_hold(vector_load_as(dtype, row, index + LANES));
  }
}
#endif
