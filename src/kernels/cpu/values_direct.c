// SPDX-License-Identifier: Apache-2.0
// A few rows of weights against the values of a cache as they lie: every value is read once for all
// of them.
//
// Elements are taken two vectors at a time. Those of bfloat16 are parted into even and odd ones,
// which takes half the work of widening them in order; what they are added to is parted too.
#include "kernels/cpu/direct.h"
#include <math.h>

enum {
  PAIR = 2 * LANES,
  L2 = 2,
  CHUNK_DEPTH = 16,                // values that stay in the first-level cache between slices
  SLICE_VECTORS = 4,               // of values: 64 bytes or more at a time
  VALUE_ROWS = LANES == 16 ? 4 : 2 // whose sums of a slice stay in registers
};

static ALWAYS_INLINE const char *b_row(const Matmul *product, Dtype dtype, int64_t row) {
  return (const char *)product->b + row * product->b_row * size_of(dtype);
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

// Columns of C, all rows of one chunk of B's. Between chunks C lies as B's columns are loaded.
typedef struct {
  int64_t k, depth, ahead;
  bool first, last, added;
  float (*weights)[CHUNK_DEPTH]; // of A, for all rows
} Chunk;

static ALWAYS_INLINE void load_weights(const Matmul *product, const Chunk *chunk) {
  for (int64_t r = 0; r < product->rows; r++)
    for (int64_t i = 0; i < chunk->depth; i += LANES) {
      const float *a = product->a + r * product->a_row + chunk->k + i;
      int64_t part = chunk->depth - i;
      vector_store(chunk->weights[r] + i,
                   part < LANES ? vector_load_part(a, part) : vector_load(a));
    }
}

// What C holds, as B's columns are loaded; zeros where nothing is added to yet.
static ALWAYS_INLINE void load_sums(const Chunk *chunk, Dtype dtype, int vectors, const float *c,
                                    Vector *sums) {
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++)
    sums[v] = chunk->first && !chunk->added ? vector_zero() : vector_load(c + v * LANES);
  if (chunk->first && chunk->added && dtype == DTYPE_BF16)
    for (int v = 0; v + 1 < vectors; v += 2) vector_part_pair(sums + v);
}

static ALWAYS_INLINE void store_sums(Dtype dtype, bool last, int vectors, Vector *sums, float *c) {
  if (last && dtype == DTYPE_BF16)
    for (int v = 0; v + 1 < vectors; v += 2) vector_join_pair(sums + v);
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) vector_store(c + v * LANES, sums[v]);
}

// C[row … row + rows, column …] += A[.., k …] B[k …, column …] for one slice; rows and vectors (one
// or pairs of them) are constants.
static ALWAYS_INLINE void blend(const Matmul *product, const Chunk *chunk, Dtype dtype, int64_t row,
                                int rows, int64_t column, int vectors) {
  Vector sums[VALUE_ROWS][SLICE_VECTORS];
  float *c = product->c + row * product->c_row + column;
  const float *weights = chunk->weights[row];
  const char *value = b_row(product, dtype, chunk->k) + column * size_of(dtype);
  int64_t step = product->b_row * size_of(dtype), ahead = row ? 0 : chunk->ahead;
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) load_sums(chunk, dtype, vectors, c + r * product->c_row, sums[r]);
  for (int64_t i = 0; i < chunk->depth; i++, value += step) {
    Vector b[SLICE_VECTORS];
    prefetch(value + ahead, dtype, vectors);
#pragma GCC unroll 2
    for (int v = 0; v + 1 < vectors; v += 2) load_pair(dtype, value, v * LANES, b + v);
    if (vectors == 1) b[0] = vector_hold(vector_load_as(dtype, value, 0));
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      Vector weight = vector_set(weights[r * CHUNK_DEPTH + i]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) sums[r][v] = vector_fma(weight, b[v], sums[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++)
    store_sums(dtype, chunk->last, vectors, sums[r], c + r * product->c_row);
}

static ALWAYS_INLINE void blend_rows(const Matmul *product, const Chunk *chunk, Dtype dtype,
                                     int64_t column, int vectors) {
  int64_t row = 0;
  for (; row + VALUE_ROWS <= product->rows; row += VALUE_ROWS)
    blend(product, chunk, dtype, row, VALUE_ROWS, column, vectors);
  switch (product->rows - row) {
  case 3: blend(product, chunk, dtype, row, LANES == 16 ? 3 : 1, column, vectors); break;
  case 2: blend(product, chunk, dtype, row, LANES == 16 ? 2 : 1, column, vectors); break;
  case 1: blend(product, chunk, dtype, row, 1, column, vectors); break;
  }
}

// Columns that fill no vector; rounded as the vectors are.
static void blend_tail(const Matmul *product, const Chunk *chunk, Dtype dtype, int64_t column,
                       int64_t end) {
  for (int64_t row = 0; row < product->rows; row++)
    for (int64_t j = column; j < end; j++) {
      float *c = product->c + row * product->c_row + j, sum = *c;
      if (chunk->first && !chunk->added) sum = 0.0f;
      for (int64_t i = 0; i < chunk->depth; i++)
        sum = fmaf(chunk->weights[row][i], b_value(dtype, b_row(product, dtype, chunk->k + i), j),
                   sum);
      *c = sum;
    }
}

static ALWAYS_INLINE void values(const Matmul *product, Dtype dtype, int64_t begin, int64_t end) {
  float weights[DIRECT_ROWS][CHUNK_DEPTH];
  for (int64_t k = 0; k < product->depth; k += CHUNK_DEPTH) {
    int64_t depth = smaller(CHUNK_DEPTH, product->depth - k), column = begin;
    Chunk chunk = {.k = k,
                   .depth = depth,
                   .ahead = ahead_of(product, k, product->depth, product->columns * size_of(dtype),
                                     CHUNK_DEPTH),
                   .first = k == 0,
                   .last = k + depth == product->depth,
                   .added = product->added,
                   .weights = weights};
    load_weights(product, &chunk);
    for (; column + SLICE_VECTORS * LANES <= end; column += SLICE_VECTORS * LANES)
      blend_rows(product, &chunk, dtype, column, SLICE_VECTORS);
    for (; column + PAIR <= end; column += PAIR) blend_rows(product, &chunk, dtype, column, 2);
    for (; column + LANES <= end; column += LANES) blend_rows(product, &chunk, dtype, column, 1);
    if (column < end) blend_tail(product, &chunk, dtype, column, end);
  }
}

void TIER_FUNCTION(values_direct)(const Matmul *product, int64_t begin, int64_t end) {
  switch (product->dtype) {
  case DTYPE_BF16: values(product, DTYPE_BF16, begin, end); break;
  case DTYPE_F16: values(product, DTYPE_F16, begin, end); break;
  default: values(product, DTYPE_F32, begin, end); break;
  }
}
