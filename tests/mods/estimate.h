// SPDX-License-Identifier: Apache-2.0
// A second, slow reading of the language: a value in float64 with a bound on what float32 may make
// of it, for whatever is evaluated in float32.
#pragma once
#include "mods/evaluate.h"

typedef struct {
  int64_t integer;    // of a bool or an integer
  double real, error; // of a float: float32 lies within real ± error
  bool unsure;        // rounding may change what is discrete: nothing is known
} Estimate;

// point->query is the value of q_idx; the score is a float32.
Estimate estimate_at(const ModTree *tree, const ModArray *arrays, const ModPoint *point);
// Whether a float32 result agrees (a NaN with a NaN, an infinity with itself).
bool estimate_holds(const Estimate *estimate, float found);
