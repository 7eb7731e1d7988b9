// SPDX-License-Identifier: Apache-2.0
// The register tile of every matrix-matrix product: rows x panels of sums stay in registers while
// one column of B (loads) meets one column of A (broadcasts). One copy of the code for each number
// of rows and panels, so that every loop over them unrolls.
#include "kernels/cpu/tile_form.h"

// Rows of strided A are reached from every third one's address, by a stride or two: that leaves
// registers enough for all of them, where an address of each did not fit.
enum { ROW_GROUP = 3, MOST_GROUPS = (TILE_ROWS + ROW_GROUP - 1) / ROW_GROUP };

// Where the column at hand lies, and how far the next one is.
typedef struct {
  const float *a[MOST_GROUPS]; // packed: the first alone
  const char *b, *next;
  int64_t a_step, a_row; // floats
  int64_t b_step;        // bytes; of bfloat16 for two columns
  int64_t next_step;     // bytes, for four columns
} Cursor;

static ALWAYS_INLINE Cursor first_column(const Tile *tile, Form form, bool pairs) {
  int64_t b_step = (tile->b_step ? tile->b_step : MATRIX_PANEL) * (int64_t)sizeof(float);
  int64_t a_step = tile->a_step ? tile->a_step : form.rows;
  Cursor at = {.b = tile->b,
               .next = tile->next,
               .a_step = form.packed ? a_step : 1,
               .a_row = tile->a_stride,
               .b_step = pairs ? MATRIX_PANEL * 4 : b_step,
               .next_step = 4 * tile->next_column_bytes};
#pragma GCC unroll 4
  for (int group = 0; group < MOST_GROUPS; group++) {
    at.a[group] = tile->a + group * ROW_GROUP * at.a_row;
    __asm__("" : "+r"(at.a[group])); // not worked out again from the first
  }
  return at;
}

static ALWAYS_INLINE const float *a_at(const Cursor *at, Form form, int row) {
  return form.packed ? at->a[0] + row : at->a[row / ROW_GROUP] + row % ROW_GROUP * at->a_row;
}

// `held`: every sum in the register that it began in. Without it the compiler of one form moved
// some of them through memory, with it others were 3 % slower.
static ALWAYS_INLINE void multiply_column(Cursor *at, Form form, const Vector *b, bool held,
                                          Sums *sums) {
#pragma GCC unroll 16
  for (int row = 0; row < form.rows; row++) {
    Vector a = vector_set(*a_at(at, form, row));
#pragma GCC unroll 4
    for (int v = 0; v < form.panels * PANEL_VECTORS; v++) {
      Vector sum = vector_fma(a, b[v], sums->vector[row][v]);
      sums->vector[row][v] = held ? vector_hold(sum) : sum;
    }
  }
#pragma GCC unroll 4
  for (int group = 0; group < MOST_GROUPS; group++) at->a[group] += at->a_step;
}

// What the next sliver of B will need, spread over the columns of this one, as many lines as four
// columns of it are.
static ALWAYS_INLINE void prefetch_columns(const Tile *tile, Form form, Cursor *at) {
  if (!at->next) return;
#pragma GCC unroll 2
  for (int panel = 0; panel < form.panels; panel++) {
    const char *next = at->next + panel * tile->next_panel_bytes;
    __builtin_prefetch(next);
    if (at->next_step > 64) __builtin_prefetch(next + 64);
    if (at->next_step <= 128) continue;
    __builtin_prefetch(next + 128);
    __builtin_prefetch(next + 192);
  }
  at->next += at->next_step;
}

static ALWAYS_INLINE void multiply_float_column(const Tile *tile, Form form, Cursor *at,
                                                Sums *sums) {
  Vector column[MOST_VECTORS];
#pragma GCC unroll 4
  for (int v = 0; v < form.panels * PANEL_VECTORS; v++)
    column[v] =
        vector_hold(vector_load((const float *)(at->b + v / PANEL_VECTORS * tile->panel_bytes) +
                                v % PANEL_VECTORS * LANES));
  at->b += at->b_step;
  multiply_column(at, form, column, LANES == 8 && form.rows == 5, sums);
}

static ALWAYS_INLINE void multiply_floats(const Tile *tile, Form form, Sums *sums) {
  Cursor at = first_column(tile, form, false);
  int64_t k = 0;
  for (; k + 4 <= tile->depth; k += 4) {
    prefetch_columns(tile, form, &at);
#pragma GCC unroll 4
    for (int column = 0; column < 4; column++) multiply_float_column(tile, form, &at, sums);
  }
  for (; k < tile->depth; k++) multiply_float_column(tile, form, &at, sums);
}

// An even column or the odd one behind it.
static ALWAYS_INLINE void multiply_half_pair(const Tile *tile, Form form, Cursor *at, bool odd,
                                             Sums *sums) {
  Vector column[MOST_VECTORS];
#pragma GCC unroll 4
  for (int v = 0; v < form.panels * PANEL_VECTORS; v++) {
    const uint16_t *pairs = (const uint16_t *)(at->b + v / PANEL_VECTORS * tile->panel_bytes) +
                            v % PANEL_VECTORS * 2 * LANES;
    column[v] = vector_hold(odd ? vector_load_pair_odd(pairs) : vector_load_pair_even(pairs));
  }
  multiply_column(at, form, column, LANES == 8 && form.rows > 4, sums);
}

static ALWAYS_INLINE void multiply_pair(const Tile *tile, Form form, Cursor *at, Sums *sums) {
  multiply_half_pair(tile, form, at, false, sums);
  multiply_half_pair(tile, form, at, true, sums);
  at->b += at->b_step;
}

static ALWAYS_INLINE void multiply_pairs(const Tile *tile, Form form, Sums *sums) {
  Cursor at = first_column(tile, form, true);
  int64_t k = 0;
  for (; k + 4 <= tile->depth; k += 4) {
    prefetch_columns(tile, form, &at);
    multiply_pair(tile, form, &at, sums);
    multiply_pair(tile, form, &at, sums);
  }
  for (; k + 2 <= tile->depth; k += 2) multiply_pair(tile, form, &at, sums);
  if (k < tile->depth) multiply_half_pair(tile, form, &at, false, sums);
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
