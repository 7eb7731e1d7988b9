// SPDX-License-Identifier: Apache-2.0
// What an expression can be over a box of indices, without evaluating its elements.
#pragma once
#include "mods/mod.h"
#include "mods/range.h"

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

// Keeps pointing to the bound mod. NULL on failure. Elements whose index is one number over a box
// (by b or h, say) are read as they are when the box is looked at: such an array may change its
// values, as far as binding proved of all it held.
CHECKED ModIntervals *mod_intervals_open(const BoundMod *bound, Error *error);
void mod_intervals_close(ModIntervals *intervals); // NULL is fine
// Of the bound mask (ALWAYS without one). Exact for comparisons of affine expressions of q_idx and
// kv_idx (== and != as far as the range of the difference tells) and for and/or/not of them as far
// as each comparison decides alone; arrays by the extremes of the part that the box reads. Costs
// some tens of nanoseconds; a large box that is decided settles all the boxes within.
ModTruth mod_intervals_mask(const ModIntervals *intervals, const ModBox *box);

// The ranges of every node (ranges[tree->count]) over a whole problem: all b, h, q_idx (from
// query_offset on), kv_idx and sizes, any score, NaN included. Exact for affine integer
// expressions. Arrays count with all their elements; an index that leaves them is the caller's to
// find.
void mod_ranges(const ModTree *tree, const ModArray *arrays, const ModShape *shape,
                ModRange *ranges);
