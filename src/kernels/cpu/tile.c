// SPDX-License-Identifier: Apache-2.0
// The register tile of every matrix-matrix product: rows x panels of sums stay in registers while
// one column of B (loads) meets one column of A (broadcasts). One copy of the code for each number
// of rows and panels, so that every loop over them unrolls.
#include "kernels/cpu/tile_form.h"

static ALWAYS_INLINE float value_of_a(const Tile *tile, Form form, int64_t k, int row) {
  int64_t step = tile->a_step ? tile->a_step : form.rows;
  return form.packed ? tile->a[k * step + row] : tile->a[row * tile->a_stride + k];
}

static ALWAYS_INLINE void multiply_column(const Tile *tile, Form form, int64_t k, const Vector *b,
                                          Sums *sums) {
#pragma GCC unroll 16
  for (int row = 0; row < form.rows; row++) {
    Vector a = vector_set(value_of_a(tile, form, k, row));
#pragma GCC unroll 4
    for (int v = 0; v < form.panels * PANEL_VECTORS; v++)
      sums->vector[row][v] = vector_fma(a, b[v], sums->vector[row][v]);
  }
}

static ALWAYS_INLINE void multiply_floats(const Tile *tile, Form form, Sums *sums) {
  const char *b = tile->b;
  int64_t step = tile->b_step ? tile->b_step : MATRIX_PANEL;
#pragma GCC unroll 2
  for (int64_t k = 0; k < tile->depth; k++) {
    Vector column[MOST_VECTORS];
    prefetch_next(tile, form, k);
#pragma GCC unroll 4
    for (int v = 0; v < form.panels * PANEL_VECTORS; v++)
      column[v] = vector_load((const float *)(b + v / PANEL_VECTORS * tile->panel_bytes) +
                              k * step + v % PANEL_VECTORS * LANES);
    multiply_column(tile, form, k, column, sums);
  }
}

static ALWAYS_INLINE void load_pairs(const Tile *tile, Form form, int64_t k, bool odd,
                                     Vector *column) {
  const char *b = tile->b;
#pragma GCC unroll 4
  for (int v = 0; v < form.panels * PANEL_VECTORS; v++) {
    const uint16_t *pairs = (const uint16_t *)(b + v / PANEL_VECTORS * tile->panel_bytes) +
                            k * MATRIX_PANEL + v % PANEL_VECTORS * 2 * LANES;
    column[v] = odd ? vector_load_pair_odd(pairs) : vector_load_pair_even(pairs);
  }
}

static ALWAYS_INLINE void multiply_pairs(const Tile *tile, Form form, Sums *sums) {
  Vector column[MOST_VECTORS];
  int64_t k = 0;
  for (; k + 1 < tile->depth; k += 2) {
    prefetch_next(tile, form, k);
    load_pairs(tile, form, k, false, column);
    multiply_column(tile, form, k, column, sums);
    load_pairs(tile, form, k, true, column);
    multiply_column(tile, form, k + 1, column, sums);
  }
  if (k == tile->depth) return;
  load_pairs(tile, form, k, false, column);
  multiply_column(tile, form, k, column, sums);
}

static ALWAYS_INLINE void run_form(const Tile *tile, Form form, bool pairs) {
  Sums sums;
  begin_sums(tile, form, &sums);
  if (pairs)
    multiply_pairs(tile, form, &sums);
  else
    multiply_floats(tile, form, &sums);
  store_sums(tile, form, &sums);
}

#define FORM(ROWS, PANELS, PACKED, PAIRS)                                                          \
  static void tile_##ROWS##_##PANELS##_##PACKED##_##PAIRS(const Tile *tile) {                      \
    run_form(tile, (Form){ROWS, PANELS, PACKED}, PAIRS);                                           \
  }
#define NAME(ROWS, PANELS, PACKED, PAIRS) tile_##ROWS##_##PANELS##_##PACKED##_##PAIRS

#define ENTRY(ROWS, PANELS, PACKED, PAIRS) [ROWS - 1] = NAME(ROWS, PANELS, PACKED, PAIRS),

ALL_ROWS(FORM, 1, 0, 0)
ALL_ROWS(FORM, 1, 1, 0)
ALL_ROWS(FORM, 1, 0, 1)
ALL_ROWS(FORM, 1, 1, 1)
#if LANES == 16
ALL_ROWS(FORM, 2, 0, 0)
ALL_ROWS(FORM, 2, 1, 0)
ALL_ROWS(FORM, 2, 0, 1)
ALL_ROWS(FORM, 2, 1, 1)
#endif
// [panels - 1][pairs][packed][rows - 1]
static TileFunction *const tiles[TILE_PANELS][2][2][TILE_ROWS] = {
    {{{ALL_ROWS(ENTRY, 1, 0, 0)}, {ALL_ROWS(ENTRY, 1, 1, 0)}},
     {{ALL_ROWS(ENTRY, 1, 0, 1)}, {ALL_ROWS(ENTRY, 1, 1, 1)}}},
#if LANES == 16
    {{{ALL_ROWS(ENTRY, 2, 0, 0)}, {ALL_ROWS(ENTRY, 2, 1, 0)}},
     {{ALL_ROWS(ENTRY, 2, 0, 1)}, {ALL_ROWS(ENTRY, 2, 1, 1)}}},
#endif
};

void TIER_FUNCTION(tile)(const Tile *tile) {
  bool packed = tile->a_stride == 0, pairs = tile->dtype == DTYPE_BF16;
  tiles[tile->panels - 1][pairs][packed][tile->rows - 1](tile);
}
