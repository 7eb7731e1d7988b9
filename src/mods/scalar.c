// SPDX-License-Identifier: Apache-2.0
#include "mods/scalar.h"
#include <math.h>

static int64_t integer_of(double x) {
  if (isnan(x)) return 0;
  if (x >= 0x1p63) return INT64_MAX;
  return x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

static int64_t negated(int64_t x, bool *overflow) {
  int64_t result;
  if (__builtin_sub_overflow((int64_t)0, x, &result)) *overflow = true;
  return result;
}

static int64_t floor_divided(int64_t x, int64_t y, bool *overflow) {
  if (y == 0) return 0;
  if (y == -1) return negated(x, overflow);
  return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static int64_t remainder_of(int64_t x, int64_t y) {
  if (y == 0 || y == -1) return 0;
  int64_t rest = x % y;
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

static int64_t integer_power(int64_t x, int64_t exponent, bool *overflow) {
  if (x == 0 || x == 1 || x == -1) return exponent == 0 || (x == -1 && exponent % 2 == 0) ? 1 : x;
  int64_t result = 1;
  for (int64_t i = 0; i < exponent && i < 64; i++)
    if (__builtin_mul_overflow(result, x, &result)) *overflow = true;
  return result;
}

static double real_remainder(double x, double y) {
  double rest = fmod(x, y);
  if (rest == 0) return copysign(0.0, y);
  return (rest < 0) != (y < 0) ? rest + y : rest;
}

static double real_floor_divided(double x, double y) {
  if (y == 0) return x / y;
  double rest = fmod(x, y);
  double quotient = (x - rest) / y;
  if (rest != 0 && (rest < 0) != (y < 0)) quotient -= 1;
  if (quotient == 0) return copysign(0.0, x / y);
  double down = floor(quotient); // the division may have rounded: the nearest integer is meant
  return quotient - down > 0.5 ? down + 1 : down;
}

static int64_t integer_operation(ModOperation operation, int64_t x, int64_t y, bool *overflow) {
  int64_t result = 0;
  bool over = false;
  switch (operation) {
  case MOD_NEGATE: return negated(x, overflow);
  case MOD_ABS: return x < 0 ? negated(x, overflow) : x;
  case MOD_ADD: over = __builtin_add_overflow(x, y, &result); break;
  case MOD_SUBTRACT: over = __builtin_sub_overflow(x, y, &result); break;
  case MOD_MULTIPLY: over = __builtin_mul_overflow(x, y, &result); break;
  case MOD_FLOOR_DIVIDE: return floor_divided(x, y, overflow);
  case MOD_REMAINDER: return remainder_of(x, y);
  case MOD_POWER: return integer_power(x, y, overflow);
  case MOD_MINIMUM: return y < x ? y : x;
  case MOD_MAXIMUM: return y > x ? y : x;
  default: break;
  }
  if (over) *overflow = true;
  return result;
}

static double real_operation(ModOperation operation, double x, double y) {
  switch (operation) {
  case MOD_NEGATE: return -x;
  case MOD_ABS: return fabs(x);
  case MOD_EXP: return exp(x);
  case MOD_EXP2: return exp2(x);
  case MOD_LOG: return log(x);
  case MOD_TANH: return tanh(x);
  case MOD_SQRT: return sqrt(x);
  case MOD_ADD: return x + y;
  case MOD_SUBTRACT: return x - y;
  case MOD_MULTIPLY: return x * y;
  case MOD_DIVIDE: return x / y;
  case MOD_FLOOR_DIVIDE: return real_floor_divided(x, y);
  case MOD_REMAINDER: return real_remainder(x, y);
  case MOD_POWER: return pow(x, y);
  case MOD_MINIMUM: return isnan(x) || x < y ? x : y;
  case MOD_MAXIMUM: return isnan(x) || x > y ? x : y;
  default: return 0;
  }
}

static bool compare_integers(ModOperation operation, int64_t x, int64_t y) {
  switch (operation) {
  case MOD_EQUAL: return x == y;
  case MOD_NOT_EQUAL: return x != y;
  case MOD_LESS: return x < y;
  case MOD_LESS_EQUAL: return x <= y;
  case MOD_GREATER: return x > y;
  default: return x >= y;
  }
}

static bool compare_reals(ModOperation operation, double x, double y) {
  switch (operation) {
  case MOD_EQUAL: return x == y;
  case MOD_NOT_EQUAL: return x != y;
  case MOD_LESS: return x < y;
  case MOD_LESS_EQUAL: return x <= y;
  case MOD_GREATER: return x > y;
  default: return x >= y;
  }
}

ModType mod_scalar_type(ModOperation operation, ModType type) {
  if (mod_operation_compares(operation)) return MOD_BOOL;
  if (operation == MOD_TO_FLOAT) return MOD_FLOAT;
  return operation == MOD_TO_INTEGER ? MOD_INTEGER : type;
}

static bool logical(ModOperation operation, bool x, bool y) {
  return operation == MOD_NOT ? !x : operation == MOD_AND ? x && y : x || y;
}

static bool compared(ModOperation operation, ModType type, ModValue x, ModValue y) {
  return type == MOD_FLOAT ? compare_reals(operation, x.real, y.real)
                           : compare_integers(operation, x.integer, y.integer);
}

ModValue mod_scalar(ModOperation operation, ModType type, const ModValue *operand, bool *overflow) {
  ModValue x = operand[0], y = mod_operation_children(operation) > 1 ? operand[1] : x;
  bool real = type == MOD_FLOAT;
  if (operation == MOD_WHERE) return x.integer ? y : operand[2];
  if (operation == MOD_NOT || operation == MOD_AND || operation == MOD_OR)
    return (ModValue){.integer = logical(operation, x.integer, y.integer)};
  if (mod_operation_compares(operation))
    return (ModValue){.integer = compared(operation, type, x, y)};
  if (operation == MOD_TO_FLOAT) return (ModValue){.real = real ? x.real : (double)x.integer};
  if (operation == MOD_TO_INTEGER) return real ? (ModValue){.integer = integer_of(x.real)} : x;
  if (real) return (ModValue){.real = real_operation(operation, x.real, y.real)};
  return (ModValue){.integer = integer_operation(operation, x.integer, y.integer, overflow)};
}
