// SPDX-License-Identifier: Apache-2.0
// Interval arithmetic: what an operation can give when its operands lie within ranges. Integers are
// exact. Floats are widened by four units in the last place of float32 with every rounding, so that
// they hold whether an expression is evaluated in float32, contracted to fused multiply-adds or in
// float64.
#pragma once
#include "mods/tree.h"

// Every value that a node can take lies within; bools count as 0 and 1.
typedef struct {
  union {
    struct {
      int64_t least, most; // of bool and integer
    };
    struct {
      double low, high; // of float, NaN aside
    };
  };
  bool nan;      // a float that may be NaN
  bool overflow; // this integer operation itself may leave int64; the range is cut to int64
} ModRange;

static inline ModRange mod_range_integers(int64_t least, int64_t most) {
  return (ModRange){.least = least, .most = most};
}
static inline ModRange mod_range_reals(double low, double high, bool nan) {
  return (ModRange){.low = low, .high = high, .nan = nan};
}
ModRange mod_range_constant(const ModNode *node);
// An operation that computes: not a constant, a variable or an element. `type` is that of the
// operands (of the branches, of where).
ModRange mod_range_operation(ModOperation operation, ModType type, const ModRange *operand);
