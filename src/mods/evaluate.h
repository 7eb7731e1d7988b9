// SPDX-License-Identifier: Apache-2.0
// The value of an expression at one element, in int64 and float64: for references and tests.
#pragma once
#include "mods/mod.h"
#include "mods/scalar.h"

typedef struct {
  int64_t batch, head, query, key; // query: the value of q_idx, the shape's offset included
  double score;                    // scale q·k
} ModPoint;

// Of a bound tree (sizes folded in).
ModValue mod_evaluate_at(const ModTree *tree, const ModArray *arrays, const ModPoint *point);

// Of a bound mod, whose query offset is added here: point->query counts from 0.
double mod_score_at(const BoundMod *bound, const ModPoint *point);
double mod_derivative_at(const BoundMod *bound, const ModPoint *point); // d score_mod / d score
bool mod_visible_at(const BoundMod *bound, const ModPoint *point);
