// SPDX-License-Identifier: Apache-2.0
// Integer expressions that are constant + Σ factor index, over the indices b, h, q_idx, kv_idx:
// their extremes over a box of indices lie at its corners.
#pragma once
#include "mods/range.h"

enum { MOD_INDICES = 4 }; // b, h, q_idx, kv_idx: MOD_BATCH + i

typedef struct {
  bool is; // else the expression is not of this form, or its factors leave int64
  int64_t constant, factor[MOD_INDICES];
} ModLinear;

// least and most of each index, both included.
typedef struct {
  int64_t least[MOD_INDICES], most[MOD_INDICES];
} ModSpace;

// Of every node: forms[tree->count].
void mod_linear_forms(const ModTree *tree, ModLinear *forms);
// x - y, of a comparison.
ModLinear mod_linear_difference(const ModLinear *x, const ModLinear *y);
// Exact; overflow where it leaves int64, or a part of the sum does.
ModRange mod_linear_range(const ModLinear *form, const ModSpace *space);
