// SPDX-License-Identifier: Apache-2.0
// The register tile where the processor multiplies pairs of bfloat16: half as many instructions as
// in float32, at the price of activations rounded to bfloat16. A pair takes the place of a float.
#include "kernels/cpu/tile_form.h"

// Columns [k, k + 2 LANES) of up to LANES rows; those beyond `columns` read 0.
// What the next sliver of B will need, spread over the columns of this one.
static ALWAYS_INLINE void prefetch_next(const Tile *tile, Form form, int64_t k) {
#pragma GCC unroll 2
  for (int panel = 0; panel < form.panels; panel++)
    __builtin_prefetch(tile->next + panel * tile->next_panel_bytes + k * tile->next_column_bytes);
}

static ALWAYS_INLINE void pack_block(int rows, int64_t columns, const float *x, int64_t x_stride,
                                     float *packed) {
  int64_t first = columns < LANES ? columns : LANES, pairs = (columns + 1) / 2;
  int64_t second = columns - first < LANES ? columns - first : LANES;
  if (pairs > LANES) pairs = LANES;
  Vector block[LANES];
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++)
    block[i] = i < rows ? vector_round_pairs(vector_load_part(x + i * x_stride, first),
                                             vector_load_part(x + i * x_stride + LANES, second))
                        : vector_zero();
  vector_transpose(block);
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++)
    if (i < pairs) vector_store_part(packed + i * rows, block[i], rows);
}

void TIER_FUNCTION(pack_row_pairs)(int rows, int64_t columns, const float *x, int64_t x_stride,
                                   float *packed) {
  _Static_assert((int)TILE_ROWS <= (int)LANES, "a tile's rows fit one block");
  for (int64_t k = 0; k < columns; k += 2 * LANES)
    pack_block(rows, columns - k, x + k, x_stride, packed + k / 2 * rows);
}

static ALWAYS_INLINE void multiply(const Tile *tile, Form form, Sums *sums) {
  const char *b = tile->b;
  int64_t pairs = (tile->depth + 1) / 2;
#pragma GCC unroll 2
  for (int64_t k = 0; k < pairs; k++) {
    Vector column[MOST_VECTORS];
    prefetch_next(tile, form, 2 * k);
#pragma GCC unroll 2
    for (int v = 0; v < form.panels; v++)
      column[v] = vector_load((const float *)(b + v * tile->panel_bytes) + k * MATRIX_PANEL);
#pragma GCC unroll 16
    for (int row = 0; row < form.rows; row++) {
      Vector a = vector_set(tile->a[k * form.rows + row]);
#pragma GCC unroll 2
      for (int v = 0; v < form.panels; v++)
        sums->vector[row][v] = vector_dot_pairs(a, column[v], sums->vector[row][v]);
    }
  }
}

static ALWAYS_INLINE void run_form(const Tile *tile, Form form) {
  Sums sums;
  begin_sums(tile, form, &sums);
  multiply(tile, form, &sums);
  store_sums(tile, form, &sums);
}

#define FORM(ROWS, PANELS)                                                                         \
  static void tile_##ROWS##_##PANELS(const Tile *tile) {                                           \
    run_form(tile, (Form){ROWS, PANELS, true});                                                    \
  }
#define ENTRY(ROWS, PANELS) [ROWS - 1] = tile_##ROWS##_##PANELS,

ALL_ROWS(FORM, 1)
ALL_ROWS(FORM, 2)
// [panels - 1][rows - 1]
static TileFunction *const tiles[TILE_PANELS][TILE_ROWS] = {{ALL_ROWS(ENTRY, 1)},
                                                            {ALL_ROWS(ENTRY, 2)}};

void TIER_FUNCTION(tile_dot)(const Tile *tile) {
  tiles[tile->panels - 1][tile->rows - 1](tile);
}
