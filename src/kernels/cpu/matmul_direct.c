// SPDX-License-Identifier: Apache-2.0
// A few rows of activations against rows of a cache as they lie: every key and value is read once,
// from its 16-bit form, for all heads of its group. What decoding does.
#include "kernels/cpu/operators.h"
#include "kernels/matmul.h"

enum {
  CHUNK_DEPTH = 64,                    // values that stay in the first-level cache between slices
  SLICE_VECTORS = 32 / LANES,          // of values: 64 bytes or more at a time
  MOST_SUM_ROWS = LANES == 16 ? 4 : 2, // rows whose sums of a slice stay in registers
  PREFETCH_ROWS = 32,
  KEY_VECTORS = 4 // of a key held in registers
};

static ALWAYS_INLINE const char *b_row(const Matmul *product, Dtype dtype, int64_t row) {
  return (const char *)product->b + row * product->b_row * (dtype == DTYPE_F32 ? 4 : 2);
}

// Asks for `vectors` vectors of the row that is PREFETCH_ROWS after this one.
static ALWAYS_INLINE void prefetch(const Matmul *product, Dtype dtype, int64_t row, int64_t column,
                                   int vectors) {
  int size = dtype == DTYPE_F32 ? 4 : 2;
  const char *ahead = b_row(product, dtype, row + PREFETCH_ROWS) + column * size;
#pragma GCC unroll 4
  for (int byte = 0; byte < vectors * LANES * size; byte += 64) __builtin_prefetch(ahead + byte);
}

static float b_value(Dtype dtype, const char *row, int64_t index) {
  if (dtype == DTYPE_BF16) return bf16_to_float(((const uint16_t *)row)[index]);
  if (dtype == DTYPE_F16) return f16_to_float(((const uint16_t *)row)[index]);
  return ((const float *)row)[index];
}

// sums[row][i] += a[row, k …] b[k …] over `vectors` vectors, which is constant.
static ALWAYS_INLINE void add_products(const Matmul *product, Dtype dtype, const char *key,
                                       int64_t k, int vectors, Vector (*sums)[LANES], int64_t i) {
  Vector b[KEY_VECTORS];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++) b[v] = vector_load_as(dtype, key, k + v * LANES);
  for (int64_t row = 0; row < product->rows; row++) {
    const float *a = product->a + row * product->a_row + k;
    Vector sum = sums[row][i];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) sum = vector_fma(vector_load(a + v * LANES), b[v], sum);
    sums[row][i] = sum;
  }
}

// The elements of a key that fill no vector.
static void add_tail(const Matmul *product, Dtype dtype, const char *key, int64_t k,
                     Vector (*sums)[LANES], int64_t i) {
  float tail[LANES] = {0};
  int64_t count = product->depth - k;
  for (int64_t j = 0; j < count; j++) tail[j] = b_value(dtype, key, k + j);
  Vector b = vector_load(tail);
  for (int64_t row = 0; row < product->rows; row++) {
    Vector a = vector_load_part(product->a + row * product->a_row + k, count);
    sums[row][i] = vector_fma(a, b, sums[row][i]);
  }
}

// Up to LANES keys: each row's sums, a vector per key, become one vector of scores.
static ALWAYS_INLINE void score_keys(const Matmul *product, Dtype dtype, int64_t first,
                                     int64_t count) {
  Vector sums[DIRECT_ROWS][LANES];
  for (int64_t row = 0; row < product->rows; row++)
    for (int i = 0; i < LANES; i++) sums[row][i] = vector_zero();
  for (int64_t i = 0; i < count; i++) {
    const char *key = b_row(product, dtype, first + i);
    int64_t k = 0;
    for (; k + KEY_VECTORS * LANES <= product->depth; k += KEY_VECTORS * LANES) {
      prefetch(product, dtype, first + i, k, KEY_VECTORS);
      add_products(product, dtype, key, k, KEY_VECTORS, sums, i);
    }
    for (; k + LANES <= product->depth; k += LANES)
      add_products(product, dtype, key, k, 1, sums, i);
    if (k < product->depth) add_tail(product, dtype, key, k, sums, i);
  }
  for (int64_t row = 0; row < product->rows; row++) {
    Vector total = vector_sum_rows(sums[row]);
    vector_store_part(product->c + row * product->c_row + first, total, count);
  }
}

static ALWAYS_INLINE void scores(const Matmul *product, Dtype dtype, int64_t begin, int64_t end) {
  for (int64_t key = begin; key < end; key += LANES)
    score_keys(product, dtype, key, end - key < LANES ? end - key : LANES);
}

// C[row … row + rows, column …] += A[.., k …] B[k …, column …] for one slice; rows and vectors are
// constants. The first chunk starts from zero.
static ALWAYS_INLINE void blend(const Matmul *product, Dtype dtype, int64_t row, int rows,
                                int64_t column, int vectors, int64_t k, int64_t depth) {
  Vector sums[MOST_SUM_ROWS][SLICE_VECTORS];
  float *c = product->c + row * product->c_row + column;
  const float *a = product->a + row * product->a_row + k;
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
      sums[r][v] = k ? vector_load(c + r * product->c_row + v * LANES) : vector_zero();
  for (int64_t i = 0; i < depth; i++) {
    const char *value = b_row(product, dtype, k + i);
    prefetch(product, dtype, k + i, column, SLICE_VECTORS);
    Vector b[SLICE_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) b[v] = vector_load_as(dtype, value, column + v * LANES);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      Vector weight = vector_set(a[r * product->a_row + i]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) sums[r][v] = vector_fma(weight, b[v], sums[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) vector_store(c + r * product->c_row + v * LANES, sums[r][v]);
}

static ALWAYS_INLINE void blend_rows(const Matmul *product, Dtype dtype, int64_t column,
                                     int vectors, int64_t k, int64_t depth) {
  int64_t row = 0;
  for (; LANES == 16 && row + 4 <= product->rows; row += 4)
    blend(product, dtype, row, LANES == 16 ? 4 : 1, column, vectors, k, depth);
  if (LANES == 16 && row + 3 <= product->rows) {
    blend(product, dtype, row, LANES == 16 ? 3 : 1, column, vectors, k, depth);
    row += 3;
  }
  for (; row + 2 <= product->rows; row += 2)
    blend(product, dtype, row, 2, column, vectors, k, depth);
  for (; row < product->rows; row++) blend(product, dtype, row, 1, column, vectors, k, depth);
}

// Columns that fill no vector.
static void blend_tail(const Matmul *product, Dtype dtype, int64_t column, int64_t end, int64_t k,
                       int64_t depth) {
  for (int64_t row = 0; row < product->rows; row++)
    for (int64_t j = column; j < end; j++) {
      float *c = product->c + row * product->c_row + j, sum = k ? *c : 0.0f;
      for (int64_t i = 0; i < depth; i++)
        sum += product->a[row * product->a_row + k + i] *
               b_value(dtype, b_row(product, dtype, k + i), j);
      *c = sum;
    }
}

static ALWAYS_INLINE void values(const Matmul *product, Dtype dtype, int64_t begin, int64_t end) {
  for (int64_t k = 0; k < product->depth; k += CHUNK_DEPTH) {
    int64_t depth = product->depth - k < CHUNK_DEPTH ? product->depth - k : CHUNK_DEPTH;
    int64_t column = begin;
    for (; column + SLICE_VECTORS * LANES <= end; column += SLICE_VECTORS * LANES)
      blend_rows(product, dtype, column, SLICE_VECTORS, k, depth);
    for (; column + LANES <= end; column += LANES) blend_rows(product, dtype, column, 1, k, depth);
    if (column < end) blend_tail(product, dtype, column, end, k, depth);
  }
}

static ALWAYS_INLINE void run(const Matmul *product, Dtype dtype, int64_t begin, int64_t end) {
  if (product->transposed)
    scores(product, dtype, begin, end);
  else
    values(product, dtype, begin, end);
}

void TIER_FUNCTION(matmul_direct)(const Matmul *product, int64_t begin, int64_t end) {
  switch (product->dtype) {
  case DTYPE_BF16: run(product, DTYPE_BF16, begin, end); break;
  case DTYPE_F16: run(product, DTYPE_F16, begin, end); break;
  default: run(product, DTYPE_F32, begin, end); break;
  }
}
