// SPDX-License-Identifier: Apache-2.0
#include "mods/range.h"
#include <float.h>
#include <math.h>

__extension__ typedef __int128 Wide;

static int64_t least_of(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t most_of(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static ModRange cut(Wide least, Wide most) {
  ModRange range = {.overflow = least < INT64_MIN || most > INT64_MAX};
  range.least = least < INT64_MIN ? INT64_MIN : least > INT64_MAX ? INT64_MAX : (int64_t)least;
  range.most = most > INT64_MAX ? INT64_MAX : most < INT64_MIN ? INT64_MIN : (int64_t)most;
  return range;
}

// Of numbers that are within int64.
static Wide floor_quotient(Wide x, Wide y) {
  if (y == -1) return -x;
  int64_t a = (int64_t)x, b = (int64_t)y;
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

// The hull of `operation` at the corners of two ranges.
static ModRange corners(ModRange a, ModRange b, Wide (*operation)(Wide, Wide)) {
  Wide values[4] = {operation(a.least, b.least), operation(a.least, b.most),
                    operation(a.most, b.least), operation(a.most, b.most)};
  Wide least = values[0], most = values[0];
  for (int i = 1; i < 4; i++) {
    if (values[i] < least) least = values[i];
    if (values[i] > most) most = values[i];
  }
  return cut(least, most);
}

static Wide product(Wide a, Wide b) {
  return a * b;
}

static ModRange hull(ModType type, ModRange a, ModRange b) {
  if (type == MOD_FLOAT)
    return mod_range_reals(fmin(a.low, b.low), fmax(a.high, b.high), a.nan || b.nan);
  ModRange range = mod_range_integers(least_of(a.least, b.least), most_of(a.most, b.most));
  range.overflow = a.overflow || b.overflow;
  return range;
}

// The parts of the divisor's range on each side of 0; division by 0 gives 0.
static ModRange integer_floor_divide(ModRange a, ModRange b) {
  ModRange result = mod_range_integers(0, 0);
  bool any = b.least <= 0 && b.most >= 0;
  if (b.most > 0) {
    ModRange part = corners(a, mod_range_integers(most_of(b.least, 1), b.most), floor_quotient);
    result = any ? hull(MOD_INTEGER, result, part) : part;
    any = true;
  }
  if (b.least < 0) {
    ModRange part = corners(a, mod_range_integers(b.least, least_of(b.most, -1)), floor_quotient);
    result = any ? hull(MOD_INTEGER, result, part) : part;
  }
  return result;
}

// By one positive number, the range stays exact where it does not cross a multiple of it.
static ModRange integer_remainder(ModRange a, ModRange b) {
  if (b.least == b.most && b.least != 0) {
    Wide low = floor_quotient(a.least, b.least), high = floor_quotient(a.most, b.least);
    if (low == high)
      return mod_range_integers((int64_t)(a.least - low * b.least),
                                (int64_t)(a.most - high * b.least));
  }
  return mod_range_integers(b.least < 0 ? b.least + 1 : 0, b.most > 0 ? b.most - 1 : 0);
}

static ModRange integer_absolute(ModRange a) {
  if (a.least >= 0) return a;
  if (a.most <= 0) return cut(-(Wide)a.most, -(Wide)a.least);
  Wide below = -(Wide)a.least;
  return cut(0, below > a.most ? below : a.most);
}

// Exponents are not negative. Beyond ±2^64 the size does not matter.
static Wide saturated_power(int64_t base, int64_t exponent) {
  const Wide most = (Wide)1 << 64; // times a base it fits
  Wide result = 1;
  if (base >= -1 && base <= 1) return exponent == 0 ? 1 : exponent % 2 ? base : base * base;
  for (int64_t i = 0; i < exponent && result < most && result > -most; i++) result *= base;
  return result;
}

// The extremes are among the ends of the base, 0 and ±1, and of the exponent, odd and even.
static ModRange integer_power(ModRange a, ModRange b) {
  int64_t bases[5] = {a.least, a.most, -1, 0, 1};
  int64_t from = most_of(b.least, 0), to = most_of(b.most, 0);
  int64_t exponents[4] = {from, from < to ? from + 1 : to, to, from < to ? to - 1 : from};
  Wide least = saturated_power(a.least, from), most = least;
  for (int i = 0; i < 5; i++) {
    if (bases[i] < a.least || bases[i] > a.most) continue;
    for (int j = 0; j < 4; j++) {
      Wide value = saturated_power(bases[i], exponents[j]);
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  return cut(least, most);
}

static ModRange integer_operation(ModOperation operation, ModRange a, ModRange b) {
  switch (operation) {
  case MOD_NEGATE: return cut(-(Wide)a.most, -(Wide)a.least);
  case MOD_ABS: return integer_absolute(a);
  case MOD_ADD: return cut((Wide)a.least + b.least, (Wide)a.most + b.most);
  case MOD_SUBTRACT: return cut((Wide)a.least - b.most, (Wide)a.most - b.least);
  case MOD_MULTIPLY: return corners(a, b, product);
  case MOD_FLOOR_DIVIDE: return integer_floor_divide(a, b);
  case MOD_REMAINDER: return integer_remainder(a, b);
  case MOD_POWER: return integer_power(a, b);
  case MOD_MINIMUM: return mod_range_integers(least_of(a.least, b.least), least_of(a.most, b.most));
  case MOD_MAXIMUM: return mod_range_integers(most_of(a.least, b.least), most_of(a.most, b.most));
  default: return mod_range_integers(a.least, a.most); // int() of a bool
  }
}

// What float32 may have made of a range that is exact in real numbers; beyond float32 it may be
// infinite, or in float64 not.
static ModRange rounded(double low, double high, bool nan) {
  low -= fabs(low) * 0x1p-21 + 0x1p-148, high += fabs(high) * 0x1p-21 + 0x1p-148;
  if (low < -FLT_MAX) low = -INFINITY;
  if (high > FLT_MAX) high = INFINITY;
  return mod_range_reals(fmin(low, FLT_MAX), fmax(high, -FLT_MAX), nan);
}

static bool holds_zero(ModRange a) {
  return a.low <= 0 && a.high >= 0;
}

static bool holds_infinity(ModRange a) {
  return isinf(a.low) || isinf(a.high);
}

static bool sum_nan(ModRange a, ModRange b) {
  return (a.low == -INFINITY && b.high == INFINITY) || (a.high == INFINITY && b.low == -INFINITY);
}

static double sum_low(double a, double b) {
  double sum = a + b;
  return isnan(sum) ? -INFINITY : sum;
}

static ModRange real_add(ModRange a, ModRange b, bool nan) {
  return rounded(sum_low(a.low, b.low), -sum_low(-a.high, -b.high), nan || sum_nan(a, b));
}

static ModRange real_negate(ModRange a) {
  return mod_range_reals(-a.high, -a.low, a.nan);
}

// The hull of four values, a NaN among them (0 times infinity, 0 to 0) counting as `blank`.
static ModRange hull_of_four(const double *values, double blank, bool nan) {
  double low = INFINITY, high = -INFINITY;
  for (int i = 0; i < 4; i++) {
    double value = isnan(values[i]) ? blank : values[i];
    low = fmin(low, value), high = fmax(high, value);
  }
  return rounded(low, high, nan);
}

static ModRange real_multiply(ModRange a, ModRange b, bool nan) {
  double values[4] = {a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high};
  nan |= (holds_zero(a) && holds_infinity(b)) || (holds_infinity(a) && holds_zero(b));
  return hull_of_four(values, 0, nan);
}

static ModRange real_divide(ModRange a, ModRange b, bool nan) {
  nan |= (holds_zero(a) && holds_zero(b)) || (holds_infinity(a) && holds_infinity(b));
  if (holds_zero(b)) return mod_range_reals(-INFINITY, INFINITY, nan);
  double values[4] = {a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high};
  return hull_of_four(values, 0, nan);
}

static ModRange real_floor_divide(ModRange a, ModRange b, bool nan) {
  ModRange quotient = real_divide(a, b, nan || holds_infinity(a));
  // the nearest integer to a quotient that float32 rounds
  return rounded(floor(quotient.low), floor(quotient.high), quotient.nan);
}

static ModRange real_remainder(ModRange a, ModRange b, bool nan) {
  nan |= holds_zero(b) || holds_infinity(a);
  if (a.low >= 0 && a.high < b.low) return mod_range_reals(a.low, a.high, nan);
  return rounded(fmin(b.low, 0), fmax(b.high, 0), nan);
}

// Of a base that is not negative the corners are the extremes.
static ModRange real_power(ModRange a, ModRange b, bool nan) {
  if (a.low < 0) return mod_range_reals(-INFINITY, INFINITY, true);
  double values[4] = {pow(a.low, b.low), pow(a.low, b.high), pow(a.high, b.low),
                      pow(a.high, b.high)};
  return hull_of_four(values, 1, nan);
}

static ModRange real_absolute(ModRange a) {
  if (a.low >= 0) return a;
  if (a.high <= 0) return real_negate(a);
  return mod_range_reals(0, fmax(-a.low, a.high), a.nan);
}

static ModRange real_root(ModRange a) {
  return rounded(sqrt(fmax(a.low, 0)), sqrt(fmax(a.high, 0)), a.nan || a.low < 0);
}

static ModRange real_log(ModRange a) {
  return rounded(log(fmax(a.low, 0)), log(fmax(a.high, 0)), a.nan || a.low < 0);
}

static ModRange real_extreme(ModRange a, ModRange b, bool largest) {
  bool nan = a.nan || b.nan;
  return largest ? mod_range_reals(fmax(a.low, b.low), fmax(a.high, b.high), nan)
                 : mod_range_reals(fmin(a.low, b.low), fmin(a.high, b.high), nan);
}

static ModRange real_operation(ModOperation operation, ModRange a, ModRange b) {
  bool nan = a.nan || b.nan;
  switch (operation) {
  case MOD_NEGATE: return real_negate(a);
  case MOD_ABS: return real_absolute(a);
  case MOD_EXP: return rounded(exp(a.low), exp(a.high), a.nan);
  case MOD_EXP2: return rounded(exp2(a.low), exp2(a.high), a.nan);
  case MOD_LOG: return real_log(a);
  case MOD_TANH: return rounded(tanh(a.low), tanh(a.high), a.nan);
  case MOD_SQRT: return real_root(a);
  case MOD_ADD: return real_add(a, b, nan);
  case MOD_SUBTRACT: return real_add(a, real_negate(b), nan);
  case MOD_MULTIPLY: return real_multiply(a, b, nan);
  case MOD_DIVIDE: return real_divide(a, b, nan);
  case MOD_FLOOR_DIVIDE: return real_floor_divide(a, b, nan);
  case MOD_REMAINDER: return real_remainder(a, b, nan);
  case MOD_POWER: return real_power(a, b, nan);
  case MOD_MINIMUM: return real_extreme(a, b, false);
  default: return real_extreme(a, b, true); // MOD_MAXIMUM
  }
}

// Integers beyond 2^24 are rounded.
static ModRange to_real(ModRange a) {
  double low = (double)a.least, high = (double)a.most;
  if (low >= -0x1p24 && high <= 0x1p24) return mod_range_reals(low, high, false);
  return rounded(low, high, false);
}

static int64_t whole(double x) {
  if (x >= 0x1p63) return INT64_MAX;
  return x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

static ModRange to_integer(ModRange a) {
  double low = a.nan ? fmin(a.low, 0) : a.low, high = a.nan ? fmax(a.high, 0) : a.high;
  return mod_range_integers(whole(low), whole(high));
}

static ModRange truth(bool always, bool never) {
  return mod_range_integers(always, !never);
}

// What of a < b and a <= b holds for all, and for none; either kind of number.
typedef struct {
  bool less_always, less_never, most_always, most_never, equal_always, equal_never;
} Order;

static Order order_of(ModType type, ModRange a, ModRange b) {
  if (type != MOD_FLOAT)
    return (Order){a.most<b.least, a.least >= b.most, a.most <= b.least, a.least> b.most,
                   a.least == a.most && b.least == b.most && a.least == b.least,
                   a.most < b.least || b.most < a.least};
  bool nan = a.nan || b.nan;
  return (Order){!nan && a.high < b.low,
                 a.low >= b.high,
                 !nan && a.high <= b.low,
                 a.low > b.high,
                 !nan && a.low == a.high && b.low == b.high && a.low == b.low,
                 a.high < b.low || b.high < a.low};
}

static ModRange compare(ModOperation operation, ModType type, ModRange a, ModRange b) {
  if (operation == MOD_GREATER || operation == MOD_GREATER_EQUAL) {
    ModRange swap = a;
    a = b, b = swap;
  }
  Order order = order_of(type, a, b);
  switch (operation) {
  case MOD_EQUAL: return truth(order.equal_always, order.equal_never);
  case MOD_NOT_EQUAL: return truth(order.equal_never, order.equal_always);
  case MOD_LESS:
  case MOD_GREATER: return truth(order.less_always, order.less_never);
  default: return truth(order.most_always, order.most_never);
  }
}

static ModRange choose(ModType type, ModRange condition, ModRange yes, ModRange no) {
  no.overflow = false;
  if (condition.least == 1) return yes;
  return condition.most == 0 ? no : hull(type, yes, no);
}

ModRange mod_range_constant(const ModNode *node) {
  if (node->type != MOD_FLOAT) return mod_range_integers(node->integer, node->integer);
  if (isnan(node->real)) return mod_range_reals(-INFINITY, INFINITY, true);
  if ((double)(float)node->real == node->real)
    return mod_range_reals(node->real, node->real, false);
  return rounded(node->real, node->real, false);
}

ModRange mod_range_operation(ModOperation operation, ModType type, const ModRange *operand) {
  ModRange a = operand[0], b = mod_operation_children(operation) > 1 ? operand[1] : a;
  a.overflow = b.overflow = false; // theirs, not this operation's
  if (mod_operation_compares(operation)) return compare(operation, type, a, b);
  switch (operation) {
  case MOD_NOT: return truth(a.most == 0, a.least == 1);
  case MOD_AND: return truth(a.least && b.least, !a.most || !b.most);
  case MOD_OR: return truth(a.least || b.least, !a.most && !b.most);
  case MOD_WHERE: return choose(type, a, b, operand[2]);
  case MOD_TO_FLOAT: return to_real(a);
  case MOD_TO_INTEGER:
    return type == MOD_FLOAT ? to_integer(a) : integer_operation(operation, a, b);
  default: break;
  }
  return type == MOD_FLOAT ? real_operation(operation, a, b) : integer_operation(operation, a, b);
}
