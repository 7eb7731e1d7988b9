// SPDX-License-Identifier: Apache-2.0
#include "mods/simplify.h"
#include <math.h>

enum { NOTHING = -1 };

static const ModNode *at(const ModBuilder *builder, int index) {
  return mod_builder_node(builder, index);
}

static bool constant(const ModBuilder *builder, int index) {
  return at(builder, index)->operation == MOD_CONSTANT;
}

// Whether it is the constant `value`, in its own type.
static bool is(const ModBuilder *builder, int index, double value) {
  const ModNode *node = at(builder, index);
  if (node->operation != MOD_CONSTANT) return false;
  return node->type == MOD_FLOAT ? node->real == value : (double)node->integer == value;
}

static bool made_by(const ModBuilder *builder, int index, ModOperation operation) {
  return at(builder, index)->operation == operation;
}

static bool integral(const ModBuilder *builder, int index) {
  return at(builder, index)->type != MOD_FLOAT;
}

static int child(const ModBuilder *builder, int index, int which) {
  return at(builder, index)->child[which];
}

static int add(ModBuilder *builder, int x, int y, int position) {
  if (is(builder, y, 0)) return x;
  if (made_by(builder, y, MOD_NEGATE))
    return mod_build_binary(builder, MOD_SUBTRACT, x, child(builder, y, 0), position);
  if (made_by(builder, x, MOD_NEGATE))
    return mod_build_binary(builder, MOD_SUBTRACT, y, child(builder, x, 0), position);
  return NOTHING;
}

static int subtract(ModBuilder *builder, int x, int y, int position) {
  if (is(builder, y, 0)) return x;
  if (is(builder, x, 0)) return mod_build_unary(builder, MOD_NEGATE, y, position);
  if (x == y && integral(builder, x)) return mod_build_integer(builder, 0, position);
  if (made_by(builder, y, MOD_NEGATE))
    return mod_build_binary(builder, MOD_ADD, x, child(builder, y, 0), position);
  return NOTHING;
}

static int multiply(ModBuilder *builder, int x, int y, int position) {
  if (is(builder, y, 1)) return x;
  if (is(builder, y, -1)) return mod_build_unary(builder, MOD_NEGATE, x, position);
  if (is(builder, y, 0) && integral(builder, y)) return y;
  return NOTHING;
}

static int divide(ModBuilder *builder, int x, int y, int position) {
  if (is(builder, y, 1)) return x;
  if (is(builder, y, -1)) return mod_build_unary(builder, MOD_NEGATE, x, position);
  return NOTHING;
}

static int floor_divide(ModBuilder *builder, int x, int y, int position) {
  if (!integral(builder, x)) return NOTHING;
  if (is(builder, x, 0) && !constant(builder, y)) return x; // by zero gives 0 too
  return divide(builder, x, y, position);
}

static int take_remainder(ModBuilder *builder, int x, int y, int position) {
  if (!integral(builder, x)) return NOTHING;
  if (is(builder, x, 0) && !constant(builder, y)) return x;
  if (is(builder, y, 1) || is(builder, y, -1)) return mod_build_integer(builder, 0, position);
  return NOTHING;
}

enum { MOST_EXPONENT = 64 }; // more leaves int64, but for bases that are folded or hardly meant

static int product_of(ModBuilder *builder, int x, int64_t exponent, int position) {
  int result = NOTHING;
  for (int64_t rest = exponent; rest > 0; rest /= 2) {
    if (rest % 2)
      result = result < 0 ? x : mod_build_binary(builder, MOD_MULTIPLY, result, x, position);
    if (rest > 1) x = mod_build_binary(builder, MOD_MULTIPLY, x, x, position);
  }
  return result;
}

static int integer_power(ModBuilder *builder, int x, int y, int position) {
  if (is(builder, y, 0)) return mod_build_integer(builder, 1, position);
  if (is(builder, x, 1)) return x;
  if (!constant(builder, y) || constant(builder, x)) return NOTHING;
  int64_t exponent = at(builder, y)->integer;
  return exponent > MOST_EXPONENT ? NOTHING : product_of(builder, x, exponent, position);
}

static int power(ModBuilder *builder, int x, int y, int position) {
  if (integral(builder, x)) return integer_power(builder, x, y, position);
  if (is(builder, y, 0)) return mod_build_real(builder, 1, position);
  if (is(builder, y, 1) || is(builder, x, 1)) return x;
  if (is(builder, y, 2)) return mod_build_binary(builder, MOD_MULTIPLY, x, x, position);
  return is(builder, x, 2) ? mod_build_unary(builder, MOD_EXP2, y, position) : NOTHING;
}

static int negate(ModBuilder *builder, int x, int position) {
  if (made_by(builder, x, MOD_NEGATE)) return child(builder, x, 0);
  if (made_by(builder, x, MOD_SUBTRACT))
    return mod_build_binary(builder, MOD_SUBTRACT, child(builder, x, 1), child(builder, x, 0),
                            position);
  return NOTHING;
}

static int absolute(ModBuilder *builder, int x, int position) {
  if (made_by(builder, x, MOD_ABS)) return x;
  if (made_by(builder, x, MOD_NEGATE))
    return mod_build_unary(builder, MOD_ABS, child(builder, x, 0), position);
  return NOTHING;
}

// The same comparison with its sides exchanged.
static ModOperation mirrored(ModOperation comparison) {
  switch (comparison) {
  case MOD_LESS: return MOD_GREATER;
  case MOD_LESS_EQUAL: return MOD_GREATER_EQUAL;
  case MOD_GREATER: return MOD_LESS;
  case MOD_GREATER_EQUAL: return MOD_LESS_EQUAL;
  default: return comparison;
  }
}

// An order of floats has no opposite: all four are false of NaN.
static int negation(ModBuilder *builder, int x, int position) {
  ModOperation operation = at(builder, x)->operation;
  if (operation == MOD_NOT) return child(builder, x, 0);
  if (!mod_operation_compares(operation)) return NOTHING;
  bool equality = operation == MOD_EQUAL || operation == MOD_NOT_EQUAL;
  if (!equality && !integral(builder, child(builder, x, 0))) return NOTHING;
  return mod_build(builder, mod_comparison_opposite(operation), at(builder, x)->child, position);
}

static bool opposites(const ModBuilder *builder, int x, int y) {
  return (made_by(builder, x, MOD_NOT) && child(builder, x, 0) == y) ||
         (made_by(builder, y, MOD_NOT) && child(builder, y, 0) == x);
}

static int both(ModBuilder *builder, int x, int y, int position) {
  if (x == y || is(builder, y, 1)) return x;
  if (is(builder, y, 0)) return y;
  return opposites(builder, x, y) ? mod_build_bool(builder, false, position) : NOTHING;
}

static int either(ModBuilder *builder, int x, int y, int position) {
  if (x == y || is(builder, y, 0)) return x;
  if (is(builder, y, 1)) return y;
  return opposites(builder, x, y) ? mod_build_bool(builder, true, position) : NOTHING;
}

// A bool taken for an integer, compared with 0 or 1 for equality: the bool, or its opposite.
static int compare_truth(ModBuilder *builder, ModOperation operation, int x, int y, int position) {
  bool equality = operation == MOD_EQUAL || operation == MOD_NOT_EQUAL;
  bool truth =
      made_by(builder, x, MOD_TO_INTEGER) && at(builder, child(builder, x, 0))->type == MOD_BOOL;
  if (!equality || !truth || !(is(builder, y, 0) || is(builder, y, 1))) return NOTHING;
  int value = child(builder, x, 0);
  bool same = is(builder, y, 1) == (operation == MOD_EQUAL);
  return same ? value : mod_build_unary(builder, MOD_NOT, value, position);
}

// An integer taken for a float, compared with a constant: as exact as Python compares them, and in
// integers.
static int compare_rounded(ModBuilder *builder, ModOperation operation, int x, int y,
                           int position) {
  if (!made_by(builder, x, MOD_TO_FLOAT) || !constant(builder, y)) return NOTHING;
  double bound = at(builder, y)->real;
  if (!(fabs(bound) < 0x1p53)) return NOTHING;
  bool equality = operation == MOD_EQUAL || operation == MOD_NOT_EQUAL;
  if (equality && bound != floor(bound))
    return mod_build_bool(builder, operation == MOD_NOT_EQUAL, position);
  bool down = operation == MOD_LESS_EQUAL || operation == MOD_GREATER;
  int whole = mod_build_integer(builder, (int64_t)(down ? floor(bound) : ceil(bound)), position);
  return mod_build_binary(builder, operation, child(builder, x, 0), whole, position);
}

static int compare(ModBuilder *builder, ModOperation operation, int x, int y, int position) {
  if (x == y && integral(builder, x)) {
    bool holds =
        operation == MOD_EQUAL || operation == MOD_LESS_EQUAL || operation == MOD_GREATER_EQUAL;
    return mod_build_bool(builder, holds, position);
  }
  if (constant(builder, x) && !constant(builder, y))
    return mod_build_binary(builder, mirrored(operation), y, x, position);
  int simpler = compare_truth(builder, operation, x, y, position);
  return simpler >= 0 ? simpler : compare_rounded(builder, operation, x, y, position);
}

// where with a bool as its value is and, or, not.
static int where_of_bools(ModBuilder *builder, int condition, int x, int y, int position) {
  if (x == condition || is(builder, x, 1))
    return mod_build_binary(builder, MOD_OR, condition, y, position);
  if (y == condition || is(builder, y, 0))
    return mod_build_binary(builder, MOD_AND, condition, x, position);
  if (!is(builder, x, 0) && !is(builder, y, 1)) return NOTHING;
  int other = mod_build_unary(builder, MOD_NOT, condition, position);
  if (is(builder, x, 0)) return mod_build_binary(builder, MOD_AND, other, y, position);
  return mod_build_binary(builder, MOD_OR, other, x, position);
}

static int where(ModBuilder *builder, int condition, int x, int y, int position) {
  if (x == y) return x;
  if (constant(builder, condition)) return is(builder, condition, 0) ? y : x;
  if (made_by(builder, condition, MOD_NOT))
    return mod_build_where(builder, child(builder, condition, 0), y, x, position);
  if (at(builder, x)->type == MOD_BOOL) return where_of_bools(builder, condition, x, y, position);
  return NOTHING;
}

int mod_simplify(ModBuilder *builder, ModOperation operation, const int *operands, int position) {
  int x = operands[0], y = operands[1];
  if (mod_operation_compares(operation)) return compare(builder, operation, x, y, position);
  switch (operation) {
  case MOD_ADD: return add(builder, x, y, position);
  case MOD_SUBTRACT: return subtract(builder, x, y, position);
  case MOD_MULTIPLY: return multiply(builder, x, y, position);
  case MOD_DIVIDE: return divide(builder, x, y, position);
  case MOD_FLOOR_DIVIDE: return floor_divide(builder, x, y, position);
  case MOD_REMAINDER: return take_remainder(builder, x, y, position);
  case MOD_POWER: return power(builder, x, y, position);
  case MOD_MINIMUM:
  case MOD_MAXIMUM: return x == y ? x : NOTHING;
  case MOD_NEGATE: return negate(builder, x, position);
  case MOD_ABS: return absolute(builder, x, position);
  case MOD_NOT: return negation(builder, x, position);
  case MOD_AND: return both(builder, x, y, position);
  case MOD_OR: return either(builder, x, y, position);
  case MOD_WHERE: return where(builder, x, y, operands[2], position);
  default: return NOTHING;
  }
}
