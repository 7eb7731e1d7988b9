// SPDX-License-Identifier: Apache-2.0
// A few rows of activations against rows of a cache as they lie: every key and value is read once,
// from its 16-bit form, for all heads of its group. What decoding does.
#include "kernels/cpu/operators.h"
#include "kernels/matmul.h"
#include <string.h>

enum {
  CHUNK_DEPTH = 64,                    // values that stay in the first-level cache between slices
  SLICE_VECTORS = 4,                   // of values: 64 bytes or more at a time
  MOST_SUM_ROWS = LANES == 16 ? 4 : 2, // rows whose sums of a slice stay in registers
  PREFETCH_ROWS = 64, // into the second-level cache: measured better than nearer and closer by
  L2 = 2,
  KEY_ROWS = LANES == 16 ? 2 : 1, // that meet a key in a register
  DEPTH_BLOCK = 256               // elements of a key at a time
};

static ALWAYS_INLINE const char *b_row(const Matmul *product, Dtype dtype, int64_t row) {
  return (const char *)product->b + row * product->b_row * (dtype == DTYPE_F32 ? 4 : 2);
}

static ALWAYS_INLINE void prefetch(const char *ahead, Dtype dtype, int vectors) {
  for (int byte = 0; byte < vectors * LANES * (dtype == DTYPE_F32 ? 4 : 2); byte += 64)
    __builtin_prefetch(ahead + byte, 0, L2);
}

static float b_value(Dtype dtype, const char *row, int64_t index) {
  if (dtype == DTYPE_BF16) return bf16_to_float(((const uint16_t *)row)[index]);
  if (dtype == DTYPE_F16) return f16_to_float(((const uint16_t *)row)[index]);
  return ((const float *)row)[index];
}

// Up to LANES keys, `depth` elements of each from `k` on, as rows of floats: where they lie, or, of
// 16-bit keys and where fewer are left, in `copy` with zeros after the last key.
typedef struct {
  const float *rows;
  int64_t stride;
} Keys;

// Asks for `depth` elements, from `k` on, of the key that lies PREFETCH_ROWS after the one at
// `row`.
static ALWAYS_INLINE void prefetch_key(const char *row, Dtype dtype, int64_t step, int64_t k,
                                       int64_t depth) {
  int64_t size = dtype == DTYPE_F32 ? 4 : 2;
  const char *ahead = row + PREFETCH_ROWS * step + k * size;
  for (int64_t byte = 0; byte < depth * size; byte += 64) __builtin_prefetch(ahead + byte, 0, L2);
}

static ALWAYS_INLINE Keys load_keys(const Matmul *product, Dtype dtype, int64_t first,
                                    int64_t count, int64_t k, int64_t depth, float *copy) {
  const char *row = b_row(product, dtype, first);
  int64_t step = product->b_row * (dtype == DTYPE_F32 ? 4 : 2);
  if (dtype == DTYPE_F32 && count == LANES) return (Keys){(const float *)row + k, product->b_row};
  for (int64_t i = 0; i < LANES; i++) {
    float *out = copy + i * DEPTH_BLOCK;
    int64_t j = i < count ? 0 : depth;
    if (i < count) prefetch_key(row, dtype, step, k, depth);
    for (; j + LANES <= depth; j += LANES) vector_store(out + j, vector_load_as(dtype, row, k + j));
    for (; j < depth; j++) out[j] = b_value(dtype, row, k + j);
    if (i < count)
      row += step;
    else
      memset(out, 0, (size_t)depth * sizeof *out);
  }
  return (Keys){copy, DEPTH_BLOCK};
}

// Elements [k, k + part) of `rows` rows of a times those of LANES / rows keys. `ahead` (a
// constant): each key's part asks for that of a later key, so that memory is busy while this one is
// multiplied.
static ALWAYS_INLINE void add_products(int rows, bool ahead, const float *a, int64_t a_row,
                                       Keys keys, int64_t k, int64_t part, Vector sums[LANES]) {
  Vector value[KEY_ROWS];
  int count = LANES / rows;
#pragma GCC unroll 2
  for (int r = 0; r < rows; r++)
    value[r] =
        part == LANES ? vector_load(a + r * a_row + k) : vector_load_part(a + r * a_row + k, part);
#pragma GCC unroll 16
  for (int i = 0; i < count; i++) {
    const float *at = keys.rows + i * keys.stride + k;
    if (ahead) __builtin_prefetch(at + PREFETCH_ROWS * keys.stride, 0, L2);
    Vector key = vector_hold(part == LANES ? vector_load(at) : vector_load_part(at, part));
#pragma GCC unroll 2
    for (int r = 0; r < rows; r++)
      sums[r * count + i] = vector_fma(value[r], key, sums[r * count + i]);
  }
}

// Sums of `rows` (a constant) rows with LANES / rows keys each, rows one after another.
static ALWAYS_INLINE Vector multiply_keys(int rows, bool ahead, const float *a, int64_t a_row,
                                          Keys keys, int64_t depth) {
  Vector sums[LANES];
  int64_t k = 0;
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) sums[i] = vector_zero();
  for (; k + LANES <= depth; k += LANES) add_products(rows, ahead, a, a_row, keys, k, LANES, sums);
  if (k < depth) add_products(rows, ahead, a, a_row, keys, k, depth - k, sums);
  return vector_sum_rows(sums);
}

// c[0, count) = or += the sums
static ALWAYS_INLINE void put_scores(bool added, Vector sums, float *c, int64_t count) {
  if (added) sums = vector_add(sums, vector_load_part(c, count));
  vector_store_part(c, sums, count);
}

// KEY_ROWS rows: half of the keys at a time where these are two.
static ALWAYS_INLINE void score_rows(bool ahead, const float *a, int64_t a_row, Keys keys,
                                     int64_t depth, bool added, float *c, int64_t c_row,
                                     int64_t count) {
  enum { STEP = LANES / KEY_ROWS };
  for (int64_t key = 0; key < count; key += STEP) {
    Keys some = {keys.rows + key * keys.stride, keys.stride};
    int64_t part = count - key < STEP ? count - key : STEP;
    Vector sums = multiply_keys(KEY_ROWS, ahead, a, a_row, some, depth);
    put_scores(added, sums, c + key, part);
    if (KEY_ROWS == 2) put_scores(added, vector_upper(sums), c + c_row + key, part);
  }
}

// Up to LANES keys against all rows; what is read first is in the nearest cache for the other rows.
static ALWAYS_INLINE void score_keys(const Matmul *product, Dtype dtype, int64_t first,
                                     int64_t count) {
  float copy[LANES * DEPTH_BLOCK];
  for (int64_t k = 0; k < product->depth; k += DEPTH_BLOCK) {
    int64_t depth = product->depth - k < DEPTH_BLOCK ? product->depth - k : DEPTH_BLOCK, row = 0;
    Keys keys = load_keys(product, dtype, first, count, k, depth, copy);
    const float *a = product->a + k;
    float *c = product->c + first;
    bool in_place = dtype == DTYPE_F32 && count == LANES; // else the copy has asked
    if (in_place && product->rows >= KEY_ROWS) {
      score_rows(true, a, product->a_row, keys, depth, k > 0, c, product->c_row, count);
      row = KEY_ROWS;
    }
    for (; row + KEY_ROWS <= product->rows; row += KEY_ROWS)
      score_rows(false, a + row * product->a_row, product->a_row, keys, depth, k > 0,
                 c + row * product->c_row, product->c_row, count);
    if (row < product->rows)
      put_scores(k > 0,
                 multiply_keys(1, in_place && row == 0, a + row * product->a_row, 0, keys, depth),
                 c + row * product->c_row, count);
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
  const float *weights[MOST_SUM_ROWS];
  const char *value = b_row(product, dtype, k) + column * (dtype == DTYPE_F32 ? 4 : 2);
  int64_t step = product->b_row * (dtype == DTYPE_F32 ? 4 : 2);
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    weights[r] = product->a + (row + r) * product->a_row + k;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
      sums[r][v] = k ? vector_load(c + r * product->c_row + v * LANES) : vector_zero();
  }
  for (int64_t i = 0; i < depth; i++, value += step) {
    Vector b[SLICE_VECTORS];
    prefetch(value + PREFETCH_ROWS * step, dtype, vectors);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      b[v] = vector_load_as(dtype, value, v * LANES);
      if (dtype == DTYPE_F32) b[v] = vector_hold(b[v]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
      Vector weight = vector_set(weights[r][i]);
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
