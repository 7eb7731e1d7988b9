// SPDX-License-Identifier: Apache-2.0
// The meaning of each operation on one element, integers in int64 and floats in float64: what
// constants are folded with, and what tiles are compared with.
#pragma once
#include "mods/tree.h"

typedef struct {
  int64_t integer; // of a bool or an integer
  double real;     // of a float
} ModValue;

// An operation that computes: not a constant, a variable or an element. `type` is that of the
// operands (of the branches, of where). *overflow becomes true where an integer leaves int64 (it
// wraps then), and is not touched otherwise.
ModValue mod_scalar(ModOperation operation, ModType type, const ModValue *operand, bool *overflow);
// The type of its result.
ModType mod_scalar_type(ModOperation operation, ModType type);
