// SPDX-License-Identifier: Apache-2.0
// What an expression can be over a box of indices, without evaluating its elements.
#pragma once
#include "mods/mod.h"

// [first, last) of each index.
typedef struct {
  int64_t batch, head;                                  // one of each: their intervals are points
  int64_t first_query, last_query, first_key, last_key; // q_idx includes the shape's query_offset
} ModBox;

typedef enum {
  MOD_NEVER,     // no element of the box is visible
  MOD_ALWAYS,    // all are
  MOD_SOMETIMES, // proved to be neither, or undecided: evaluate
} ModTruth;

// Of the bound mask (ALWAYS without one). Exact for comparisons of affine expressions of q_idx and
// kv_idx and for and/or/not of them as far as each comparison decides alone; arrays by the extremes
// of the part that the box reads (kept in a table when that is long).
ModTruth mod_mask_over(const BoundMod *bound, const ModBox *box);
