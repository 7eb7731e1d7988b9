// SPDX-License-Identifier: Apache-2.0
// Makes an expression cheaper to evaluate over tiles, where what depends on q_idx alone or kv_idx
// alone is computed once a row or once a column:
//
//   q_idx - kv_idx <= 512             becomes   q_idx - 512 <= kv_idx
//   kv_idx < 512 or kv_idx <= q_idx   becomes   kv_idx <= max(511, q_idx)
//   float(kv_idx - q_idx)             becomes   float(kv_idx) - float(q_idx)   where that is exact
//   score / 50.0                      becomes   score * 0.02                   (rounds once more)
#pragma once
#include "mods/mod.h"

// Which of the two a value depends on; the score depends on both.
enum { MOD_ON_ROW = 1, MOD_ON_COLUMN = 2 };
void mod_dependence(const ModTree *tree, int *dependence); // [tree->count]

// A tree of the same value, whose integers stay in int64 too; *out is the caller's to free.
CHECKED bool mod_rewrite(const ModTree *tree, const BoundMod *bound, ModTree *out, Error *error);
