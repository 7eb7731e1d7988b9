// SPDX-License-Identifier: Apache-2.0
// The register tile on matrix registers: up to 32 rows times two panels. A register has 16 rows of
// 64 bytes: of x, 16 pairs of 16 rows; of W, one panel's 16 pairs; of sums, 16 rows of a panel. One
// instruction adds the product of two of them to a third.
//
// Sums begin in memory and end there. A depth that is no multiple of a block's leaves pairs that
// are added to them one by one, in vectors. So bits depend on the depth alone, not on how many rows
// or panels there are.
#include "device/amx.h"
#include "kernels/cpu/operators.h"

_Static_assert((int)AMX_SIDE == (int)LANES && (int)MATRIX_PANEL == (int)LANES,
               "a panel's pairs are one row of a matrix register");

// The registers by number: sums of up to four matrices, rows of x, panels.
enum { AMX_SUMS = 0, AMX_ROWS = 4, AMX_PANELS = 6 };

// Where pair k of a row is, of `rows` packed by pack_row_matrices with `pairs` in all.
static ALWAYS_INLINE int64_t amx_pair_at(int rows, int64_t pairs, int row, int64_t k) {
  int64_t block = k / AMX_SIDE * AMX_SIDE, left = pairs - block;
  return block * rows + row * (left < AMX_SIDE ? left : AMX_SIDE) + k - block;
}

// The pairs from the last whole block on: c[row] += … for one row and panel.
static ALWAYS_INLINE void amx_add_rest(const float *a, int rows, int row, int64_t pairs,
                                       const char *panel, float *c) {
  int64_t first = pairs / AMX_SIDE * AMX_SIDE;
  Vector sum = vector_load(c);
  for (int64_t k = first; k < pairs; k++)
    sum = vector_dot_pairs(vector_set(a[amx_pair_at(rows, pairs, row, k)]),
                           vector_load((const float *)panel + k * MATRIX_PANEL), sum);
  vector_store(c, sum);
}

// Rows of x after the first 16 are in a second matrix.
static ALWAYS_INLINE AmxConfig config_of(int rows) {
  AmxConfig config = {.palette = 1};
  int first = rows < AMX_SIDE ? rows : AMX_SIDE;
  for (int i = 0; i < AMX_REGISTERS; i++) {
    bool second = i == AMX_SUMS + 2 || i == AMX_SUMS + 3 || i == AMX_ROWS + 1;
    int own = i >= AMX_PANELS ? AMX_SIDE : second ? rows - first : first;
    config.rows[i] = (uint8_t)own;
    config.row_bytes[i] = own ? AMX_ROW_BYTES : 0;
  }
  return config;
}

// More than 16 rows, two panels: constants where a tile function is made.
typedef struct {
  bool high, wide;
} Form;

static ALWAYS_INLINE const float *initial_at(const Tile *tile, int row, int panel) {
  return tile->initial + row * tile->initial_stride + panel * MATRIX_PANEL;
}

static ALWAYS_INLINE void begin_sums(const Tile *tile, Form form) {
  int64_t stride = tile->initial_stride * (int64_t)sizeof(float);
  if (!tile->initial) {
    _tile_zero(0);
    if (form.wide) _tile_zero(1);
    if (form.high) _tile_zero(2);
    if (form.high && form.wide) _tile_zero(3);
    return;
  }
  _tile_loadd(0, initial_at(tile, 0, 0), stride);
  if (form.wide) _tile_loadd(1, initial_at(tile, 0, 1), stride);
  if (form.high) _tile_loadd(2, initial_at(tile, AMX_SIDE, 0), stride);
  if (form.high && form.wide) _tile_loadd(3, initial_at(tile, AMX_SIDE, 1), stride);
}

static ALWAYS_INLINE void store_sums(const Tile *tile, Form form) {
  int64_t stride = tile->c_stride * (int64_t)sizeof(float);
  float *low = tile->c, *high = tile->c + AMX_SIDE * tile->c_stride;
  _tile_stored(0, low, stride);
  if (form.wide) _tile_stored(1, low + MATRIX_PANEL, stride);
  if (form.high) _tile_stored(2, high, stride);
  if (form.high && form.wide) _tile_stored(3, high + MATRIX_PANEL, stride);
}

// What the next sliver of B will need, spread over the blocks of this one.
static ALWAYS_INLINE void prefetch_next(const Tile *tile, Form form, int64_t pair) {
  int64_t bytes = 2 * AMX_SIDE * tile->next_column_bytes;
  for (int panel = 0; panel <= form.wide; panel++)
    for (int64_t at = 0; at < bytes; at += 64)
      __builtin_prefetch(tile->next + panel * tile->next_panel_bytes +
                         2 * pair * tile->next_column_bytes + at);
}

static ALWAYS_INLINE void multiply(const Tile *tile, Form form) {
  int64_t pairs = (tile->depth + 1) / 2;
  const float *a = tile->a;
  const char *b = tile->b;
  for (int64_t k = 0; k + AMX_SIDE <= pairs; k += AMX_SIDE) {
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if (form.wide) {
      _tile_loadd(7, b + tile->panel_bytes, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (form.high) {
      _tile_loadd(5, a + AMX_SIDE * AMX_SIDE, 64);
      _tile_dpbf16ps(2, 5, 6);
      if (form.wide) _tile_dpbf16ps(3, 5, 7);
    }
    if (tile->next) prefetch_next(tile, form, k);
    a += tile->rows * AMX_SIDE;
    b += AMX_SIDE * MATRIX_PANEL * sizeof(float);
  }
}

static ALWAYS_INLINE void run_form(const Tile *tile, Form form) {
  AmxConfig config = config_of(tile->rows);
  int64_t pairs = (tile->depth + 1) / 2;
  amx_configure(&config);
  begin_sums(tile, form);
  multiply(tile, form);
  store_sums(tile, form);
  _tile_release();
  for (int row = 0; row < tile->rows && pairs % AMX_SIDE; row++)
    for (int panel = 0; panel <= form.wide; panel++)
      amx_add_rest(tile->a, tile->rows, row, pairs,
                   (const char *)tile->b + panel * tile->panel_bytes,
                   tile->c + row * tile->c_stride + panel * MATRIX_PANEL);
}

void TIER_FUNCTION(tile_amx)(const Tile *tile) {
  bool high = tile->rows > AMX_SIDE, wide = tile->panels > 1;
  if (high && wide)
    run_form(tile, (Form){true, true});
  else if (high)
    run_form(tile, (Form){true, false});
  else if (wide)
    run_form(tile, (Form){false, true});
  else
    run_form(tile, (Form){false, false});
}

void TIER_FUNCTION(pack_row_matrices)(int rows, int64_t columns, const float *x, int64_t x_stride,
                                      float *packed) {
  int64_t pairs = (columns + 1) / 2;
  for (int64_t k = 0; k < pairs; k += AMX_SIDE)
    for (int row = 0; row < rows; row++) {
      const float *from = x + row * x_stride + 2 * k;
      int64_t left = columns - 2 * k, first = left < LANES ? left : LANES;
      int64_t second = left - first < LANES ? left - first : LANES;
      Vector both =
          vector_round_pairs(vector_load_part(from, first), vector_load_part(from + LANES, second));
      vector_store_part(packed + amx_pair_at(rows, pairs, row, k), both,
                        pairs - k < AMX_SIDE ? pairs - k : AMX_SIDE);
    }
}
