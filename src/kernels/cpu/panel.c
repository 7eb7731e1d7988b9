// SPDX-License-Identifier: Apache-2.0
// To and from packed panels.
#include "kernels/cpu/operators.h"

_Static_assert(TILE_ROWS <= LANES, "the rows of a tile are one block");

// LANES columns. Whole vectors are written where the next column overwrites what is too much.
static ALWAYS_INLINE void pack_block(int rows, const float *x, int64_t x_stride, bool last,
                                     float *packed) {
  Vector block[LANES];
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++)
    block[i] = i < rows ? vector_load(x + i * x_stride) : vector_zero();
  vector_transpose(block);
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++)
    if (last)
      vector_store_part(packed + i * rows, block[i], rows);
    else
      vector_store(packed + i * rows, block[i]);
}

static ALWAYS_INLINE void pack_all(int rows, int64_t columns, const float *x, int64_t x_stride,
                                   float *packed) {
  int64_t k = 0;
  for (; k + 2 * LANES <= columns; k += LANES)
    pack_block(rows, x + k, x_stride, false, packed + k * rows);
  for (; k + LANES <= columns; k += LANES)
    pack_block(rows, x + k, x_stride, true, packed + k * rows);
  for (; k < columns; k++)
    for (int row = 0; row < rows; row++) packed[k * rows + row] = x[row * x_stride + k];
}

void TIER_FUNCTION(pack_rows)(int rows, int64_t columns, const float *x, int64_t x_stride,
                              float *packed) {
  if (rows == TILE_ROWS) // most are
    pack_all(TILE_ROWS, columns, x, x_stride, packed);
  else
    pack_all(rows, columns, x, x_stride, packed);
}

void TIER_FUNCTION(widen_panel)(Dtype dtype, int64_t columns, const void *panel, float *out) {
  const uint16_t *halves = panel;
  if (dtype != DTYPE_BF16) {
    TIER_FUNCTION(widen)(dtype, columns * MATRIX_PANEL, panel, out);
    return;
  }
  for (int64_t k = 0; k < columns; k += 2)
#pragma GCC unroll 2
    for (int v = 0; v < PANEL_VECTORS; v++) {
      const uint16_t *pairs = halves + k * MATRIX_PANEL + v * 2 * LANES;
      vector_store(out + k * MATRIX_PANEL + v * LANES, vector_load_pair_even(pairs));
      if (k + 1 < columns)
        vector_store(out + (k + 1) * MATRIX_PANEL + v * LANES, vector_load_pair_odd(pairs));
    }
}

// One LANES x LANES block: column k of the panel's rows v * LANES … is block[k].
static ALWAYS_INLINE void store_columns(Dtype dtype, int64_t k, int v, const Vector *block,
                                        void *panel) {
  uint16_t *halves = panel;
  if (dtype == DTYPE_BF16) {
#pragma GCC unroll 8
    for (int i = 0; i < LANES; i += 2)
      vector_store_pair(halves + (k + i) * MATRIX_PANEL + v * 2 * LANES, block[i], block[i + 1]);
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++)
    vector_store_as(dtype, panel, (k + i) * MATRIX_PANEL + v * LANES, block[i]);
}

static bool all_present(const void *const source[MATRIX_PANEL]) {
  bool all = true;
  for (int i = 0; i < MATRIX_PANEL; i++) all &= source[i] != NULL;
  return all;
}

// One LANES x LANES block of pairs of bfloat16, column 2k of the panel's rows v * LANES … being the
// even ones of block[0].
static ALWAYS_INLINE void store_pair_columns(int64_t k, int v, const Vector *block, float *panel) {
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) {
    float *out = panel + 2 * (k + i) * MATRIX_PANEL + v * LANES;
    vector_store(out, vector_even(block[i]));
    vector_store(out + MATRIX_PANEL, vector_odd(block[i]));
  }
}

// Whole blocks of float32 columns from rows that are all there, or, parted, of twice as many
// bfloat16 ones; returns how many float32 columns they cover.
static ALWAYS_INLINE int64_t gather_blocks(bool parted, int64_t columns,
                                           const void *const source[MATRIX_PANEL], float *panel) {
  const float *rows[MATRIX_PANEL];
  int64_t k = 0;
  for (int i = 0; i < MATRIX_PANEL; i++) rows[i] = source[i];
  for (; k + LANES <= columns; k += LANES)
    for (int v = 0; v < PANEL_VECTORS; v++) {
      Vector block[LANES];
#pragma GCC unroll 4
      for (int i = 0; i < LANES; i += 4) vector_load_columns(rows + v * LANES, k + i, block + i);
      if (parted)
        store_pair_columns(k, v, block, panel);
      else
        store_columns(DTYPE_F32, k, v, block, panel);
    }
  return k;
}

// Whole blocks of columns; returns how many columns they cover.
static ALWAYS_INLINE int64_t pack_blocks(Dtype from, Dtype to, int64_t columns,
                                         const void *const source[MATRIX_PANEL], void *panel) {
  int64_t k = 0;
  if (from == DTYPE_F32 && to == DTYPE_F32 && all_present(source))
    return gather_blocks(false, columns, source, panel);
  for (; k + LANES <= columns; k += LANES)
    for (int v = 0; v < PANEL_VECTORS; v++) {
      Vector block[LANES];
#pragma GCC unroll 16
      for (int i = 0; i < LANES; i++) {
        const void *row = source[v * LANES + i];
        block[i] = row ? vector_load_as(from, row, k) : vector_zero();
      }
      vector_transpose(block);
      store_columns(to, k, v, block, panel);
    }
  return k;
}

// The rows from column `begin` on, for the columns that no whole block covers.
static void rest_of(Dtype from, int64_t begin, const void *const source[MATRIX_PANEL],
                    const void *rest[MATRIX_PANEL]) {
  int64_t bytes = begin * dtype_facts(from)->block_bytes;
  for (int i = 0; i < MATRIX_PANEL; i++)
    rest[i] = source[i] ? (const char *)source[i] + bytes : NULL;
}

void TIER_FUNCTION(pack_panel)(Dtype dtype, int64_t columns,
                               const float *const source[MATRIX_PANEL], void *panel) {
  const void *rows[MATRIX_PANEL];
  const float *rest[MATRIX_PANEL];
  int64_t done;
  for (int i = 0; i < MATRIX_PANEL; i++) rows[i] = source[i];
  if (dtype == DTYPE_BF16)
    done = pack_blocks(DTYPE_F32, DTYPE_BF16, columns, rows, panel);
  else if (dtype == DTYPE_F16)
    done = pack_blocks(DTYPE_F32, DTYPE_F16, columns, rows, panel);
  else
    done = pack_blocks(DTYPE_F32, DTYPE_F32, columns, rows, panel);
  for (int i = 0; i < MATRIX_PANEL; i++) rest[i] = source[i] ? source[i] + done : NULL;
  int64_t offset = done * MATRIX_PANEL * dtype_facts(dtype)->block_bytes;
  kernels_reference.pack_panel(dtype, columns - done, rest, (char *)panel + offset);
}

void TIER_FUNCTION(transpose_panel)(Dtype dtype, int64_t columns,
                                    const void *const source[MATRIX_PANEL], void *panel) {
  const void *rest[MATRIX_PANEL];
  int64_t done;
  // Pairs of bfloat16 move as if they were one float: no arithmetic touches their bits.
  if (dtype == DTYPE_BF16)
    done = 2 * pack_blocks(DTYPE_F32, DTYPE_F32, columns / 2, source, panel);
  else if (dtype == DTYPE_F16)
    done = pack_blocks(DTYPE_F16, DTYPE_F16, columns, source, panel);
  else
    done = pack_blocks(DTYPE_F32, DTYPE_F32, columns, source, panel);
  rest_of(dtype, done, source, rest);
  int64_t offset = done * MATRIX_PANEL * dtype_facts(dtype)->block_bytes;
  kernels_reference.transpose_panel(dtype, columns - done, rest, (char *)panel + offset);
}

void TIER_FUNCTION(gather_panel)(Dtype dtype, int64_t columns,
                                 const void *const source[MATRIX_PANEL], float *panel) {
  const void *rest[MATRIX_PANEL];
  int64_t done;
  if (dtype == DTYPE_BF16 && all_present(source))
    done = 2 * gather_blocks(true, columns / 2, source, panel);
  else if (dtype == DTYPE_BF16)
    done = pack_blocks(DTYPE_BF16, DTYPE_F32, columns, source, panel);
  else if (dtype == DTYPE_F16)
    done = pack_blocks(DTYPE_F16, DTYPE_F32, columns, source, panel);
  else
    done = pack_blocks(DTYPE_F32, DTYPE_F32, columns, source, panel);
  rest_of(dtype, done, source, rest);
  kernels_reference.gather_panel(dtype, columns - done, rest, panel + done * MATRIX_PANEL);
}

static ALWAYS_INLINE void widen_rows_as(Dtype dtype, int64_t rows, const void *x, int64_t x_stride,
                                        float *out) {
  for (int64_t row = 0; row < rows; row++)
#pragma GCC unroll 2
    for (int v = 0; v < PANEL_VECTORS; v++)
      vector_store(out + row * MATRIX_PANEL + v * LANES,
                   vector_load_as(dtype, x, row * x_stride + v * LANES));
}

void TIER_FUNCTION(widen_rows)(Dtype dtype, int64_t rows, const void *x, int64_t x_stride,
                               float *out) {
  if (dtype == DTYPE_BF16)
    widen_rows_as(DTYPE_BF16, rows, x, x_stride, out);
  else if (dtype == DTYPE_F16)
    widen_rows_as(DTYPE_F16, rows, x, x_stride, out);
  else
    widen_rows_as(DTYPE_F32, rows, x, x_stride, out);
}
