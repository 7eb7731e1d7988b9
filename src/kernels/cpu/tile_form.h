// SPDX-License-Identifier: Apache-2.0
// What the register tiles of matrix-matrix products share: rows x panels of sums stay in registers
// while one column of B (loads) meets one column of A (broadcasts). One copy of the code for each
// number of rows and panels, so that every loop over them unrolls.
#pragma once
#include "kernels/cpu/operators.h"

#if defined(LANES)
enum { MOST_VECTORS = TILE_PANELS * PANEL_VECTORS };

typedef struct {
  int rows, panels; // all constant where a tile function is made
  bool packed;
} Form;

typedef struct {
  Vector vector[TILE_ROWS][MOST_VECTORS];
} Sums;

static ALWAYS_INLINE void begin_sums(const Tile *tile, Form form, Sums *sums) {
#pragma GCC unroll 16
  for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 4
    for (int v = 0; v < form.panels * PANEL_VECTORS; v++)
      sums->vector[row][v] =
          tile->initial ? vector_load(tile->initial + row * tile->initial_stride + v * LANES)
                        : vector_zero();
}

static ALWAYS_INLINE void store_sums(const Tile *tile, Form form, const Sums *sums) {
#pragma GCC unroll 16
  for (int row = 0; row < form.rows; row++)
#pragma GCC unroll 4
    for (int v = 0; v < form.panels * PANEL_VECTORS; v++)
      vector_store(tile->c + row * tile->c_stride + v * LANES, sums->vector[row][v]);
}

// X(rows, …) for every number of rows.
#if LANES == 16
#define ALL_ROWS(X, ...)                                                                           \
  X(1, __VA_ARGS__)                                                                                \
  X(2, __VA_ARGS__)                                                                                \
  X(3, __VA_ARGS__)                                                                                \
  X(4, __VA_ARGS__)                                                                                \
  X(5, __VA_ARGS__)                                                                                \
  X(6, __VA_ARGS__)                                                                                \
  X(7, __VA_ARGS__)                                                                                \
  X(8, __VA_ARGS__)                                                                                \
  X(9, __VA_ARGS__)                                                                                \
  X(10, __VA_ARGS__)                                                                               \
  X(11, __VA_ARGS__)                                                                               \
  X(12, __VA_ARGS__)
#else
#define ALL_ROWS(X, ...)                                                                           \
  X(1, __VA_ARGS__)                                                                                \
  X(2, __VA_ARGS__)                                                                                \
  X(3, __VA_ARGS__)                                                                                \
  X(4, __VA_ARGS__)                                                                                \
  X(5, __VA_ARGS__)                                                                                \
  X(6, __VA_ARGS__)
#endif

typedef void TileFunction(const Tile *tile);
#endif
