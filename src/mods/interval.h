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

// A bound mask prepared for many boxes; read-only then, safe for several threads.
typedef struct ModIntervals ModIntervals;

// Keeps pointing to the bound mod. NULL on failure.
CHECKED ModIntervals *mod_intervals_open(const BoundMod *bound, Error *error);
void mod_intervals_close(ModIntervals *intervals); // NULL is fine
// Of the bound mask (ALWAYS without one). Exact for comparisons of affine expressions of q_idx and
// kv_idx and for and/or/not of them as far as each comparison decides alone; arrays by the extremes
// of the part that the box reads. Costs some tens of nanoseconds; a large box that is decided
// settles all the boxes within.
ModTruth mod_intervals_mask(const ModIntervals *intervals, const ModBox *box);
// The same once, without preparing.
ModTruth mod_mask_over(const BoundMod *bound, const ModBox *box);

// Every value that a node can take lies within; bools count as 0 and 1.
typedef struct {
  int64_t least, most; // of bool and integer
  double low, high;    // of float, NaN aside
  bool nan;            // a float that may be NaN
  bool overflow;       // this integer operation itself may leave int64; the range is cut to int64
} ModRange;

// The ranges of every node (ranges[tree->count]) over a whole problem: all b, h, q_idx (from
// query_offset on), kv_idx, any score. Sizes may still be variables. Arrays count with all their
// elements; an index that leaves them is the caller's to find.
void mod_ranges(const ModTree *tree, const ModArray *arrays, const ModShape *shape,
                ModRange *ranges);
