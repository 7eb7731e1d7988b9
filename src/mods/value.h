// SPDX-License-Identifier: Apache-2.0
// One operation on numbers: the meaning of the language, which constant folding uses and every
// faster form must match. Floats are float64 here.
#pragma once
#include "mods/tree.h"

typedef struct {
  ModType type;
  int64_t integer; // of bool (0 or 1) and integer
  double real;     // of float
} ModValue;

static inline ModValue mod_value_integer(ModType type, int64_t integer) {
  return (ModValue){.type = type, .integer = integer};
}
static inline ModValue mod_value_real(double real) {
  return (ModValue){.type = MOD_FLOAT, .real = real};
}
// What the value is as a float, and as a condition (anything but zero is true).
double mod_value_as_real(ModValue value);
bool mod_value_truth(ModValue value);

// The type of an operation's result; not of constants, variables and elements. An integer to the
// power of an integer is an integer, 0 where the exponent is negative and the result would be a
// fraction (pow(2, -1)); write 2.0 for a float.
ModType mod_operation_type(ModOperation operation, const ModType *operands);
// false: the integer result leaves int64. Not for constants, variables and elements.
//
// Floats: `//` and `%` are Python's (the remainder is exact and has the sign of the divisor) but
// follow IEEE 754 for a zero divisor; min and max give NaN if either is NaN, as PyTorch's do. A
// float to the integer: NaN gives 0, what is too large the nearest int64.
bool mod_value_apply(ModOperation operation, const ModValue *operands, ModValue *result);
