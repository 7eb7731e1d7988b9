// SPDX-License-Identifier: Apache-2.0
// What products on whole matrices of bfloat16 (AMX: Intel SDM vol. 1 ch. 18) share. A matrix
// register has 16 rows of 64 bytes: of x, 16 pairs of 16 rows; of W, one panel's 16 pairs; of sums,
// 16 rows of a panel. One instruction adds the product of two of them to a third.
//
// Sums begin in memory and end there. A depth that is no multiple of a block's leaves pairs that
// are added to them one by one, in vectors. So bits depend on the depth alone, not on how many rows
// or panels there are.
#pragma once
#include "kernels/cpu/operators.h"

#if defined(LANES) && defined(MATRIX_REGISTERS)
enum { AMX_SIDE = 16, AMX_BLOCK_FLOATS = AMX_SIDE * MATRIX_PANEL };

_Static_assert((int)AMX_SIDE == (int)LANES && (int)MATRIX_PANEL == (int)LANES,
               "a panel's pairs are one row of a matrix register");

// As LDTILECFG reads it.
typedef struct {
  _Alignas(64) uint8_t palette;
  uint8_t start, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} AmxConfig;
_Static_assert(sizeof(AmxConfig) == 64, "the processor's layout");

// All of it, where _tile_loadconfig tells some compilers of its first 8 bytes.
static ALWAYS_INLINE void amx_configure(const AmxConfig *config) {
  __asm__ volatile("ldtilecfg %0" : : "m"(*config));
}

// The registers by number: sums of up to four matrices, rows of x, panels.
enum { AMX_SUMS = 0, AMX_ROWS = 4, AMX_PANELS = 6, AMX_REGISTERS = 8 };

// Where pair k of a row is, of `rows` packed by pack_row_matrices with `pairs` in all.
static ALWAYS_INLINE int64_t amx_pair_at(int rows, int64_t pairs, int row, int64_t k) {
  int64_t block = k / AMX_SIDE * AMX_SIDE, left = pairs - block;
  return block * rows + row * (left < AMX_SIDE ? left : AMX_SIDE) + k - block;
}

// The pairs from the last whole block on: c[row] += … for one row and panel.
static ALWAYS_INLINE void amx_add_rest(const float *a, int rows, int row, int64_t pairs,
                                       const char *panel, float *c) {
  int64_t first = pairs / AMX_SIDE * AMX_SIDE;
  if (first == pairs) return;
  Vector sum = vector_load(c);
  for (int64_t k = first; k < pairs; k++)
    sum = vector_dot_pairs(vector_set(a[amx_pair_at(rows, pairs, row, k)]),
                           vector_load((const float *)panel + k * MATRIX_PANEL), sum);
  vector_store(c, sum);
}
#endif
