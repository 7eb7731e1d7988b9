// SPDX-License-Identifier: Apache-2.0
#include "mods/differentiate.h"
#include "mods/build.h"

enum { ZERO = -1 }; // the derivative of what does not depend on the variable

typedef struct {
  ModBuilder *builder;
  const ModTree *tree;
  int value[MOD_MOST_NODES], derivative[MOD_MOST_NODES]; // in the builder, by the tree's indices
} Derivation;

static int unary(Derivation *d, ModOperation operation, int x) {
  return mod_build_unary(d->builder, operation, x, -1);
}

static int binary(Derivation *d, ModOperation operation, int x, int y) {
  return mod_build_binary(d->builder, operation, x, y, -1);
}

static int where(Derivation *d, int condition, int x, int y) {
  return mod_build_where(d->builder, condition, x, y, -1);
}

static int real(Derivation *d, double value) {
  return mod_build_real(d->builder, value, -1);
}

static int or_zero(Derivation *d, int derivative) {
  return derivative == ZERO ? real(d, 0) : derivative;
}

// An index taken for a real number makes floats of the integers on its way.
static int as_real(Derivation *d, int x) {
  ModType type = mod_builder_node(d->builder, x)->type;
  if (type == MOD_BOOL) x = unary(d, MOD_TO_INTEGER, x);
  return type == MOD_FLOAT ? x : unary(d, MOD_TO_FLOAT, x);
}

static int scaled(Derivation *d, int derivative, int factor) {
  return derivative == ZERO ? ZERO : binary(d, MOD_MULTIPLY, derivative, factor);
}

static int sum(Derivation *d, ModOperation operation, int dx, int dy) {
  if (dy == ZERO) return dx;
  if (dx == ZERO) return operation == MOD_ADD ? dy : unary(d, MOD_NEGATE, dy);
  return binary(d, operation, dx, dy);
}

static int of_absolute(Derivation *d, int x, int dx) {
  int zero = real(d, 0);
  int below = where(d, binary(d, MOD_LESS, x, zero), real(d, -1), zero);
  return scaled(d, dx, where(d, binary(d, MOD_GREATER, x, zero), real(d, 1), below));
}

// value is tanh(x), sqrt(x), …, which its derivative is made of.
static int of_function(Derivation *d, ModOperation operation, int value, int x, int dx) {
  if (dx == ZERO) return ZERO;
  switch (operation) {
  case MOD_EXP: return scaled(d, dx, value);
  case MOD_EXP2:
    return scaled(d, dx, binary(d, MOD_MULTIPLY, value, real(d, 0.69314718055994530942)));
  case MOD_LOG: return binary(d, MOD_DIVIDE, dx, x);
  case MOD_TANH:
    return scaled(d, dx,
                  binary(d, MOD_SUBTRACT, real(d, 1), binary(d, MOD_MULTIPLY, value, value)));
  default: // MOD_SQRT
    return binary(d, MOD_DIVIDE, binary(d, MOD_MULTIPLY, dx, real(d, 0.5)), value);
  }
}

// (x / y)' = (x' - x / y y') / y
static int of_quotient(Derivation *d, int value, int y, int dx, int dy) {
  int above = sum(d, MOD_SUBTRACT, dx, scaled(d, dy, value));
  return above == ZERO ? ZERO : binary(d, MOD_DIVIDE, above, y);
}

// y x^(y - 1) x' + x^y log(x) y', without the 0 inf of an exponent 0 and of a base 0.
static int of_power(Derivation *d, int x, int y, int dx, int dy) {
  int zero = real(d, 0), by_base = ZERO, by_exponent = ZERO;
  if (dx != ZERO) {
    int less = binary(d, MOD_POWER, x, binary(d, MOD_SUBTRACT, y, real(d, 1)));
    int factor = binary(d, MOD_MULTIPLY, y, less);
    by_base = scaled(d, dx, where(d, binary(d, MOD_EQUAL, y, zero), zero, factor));
  }
  if (dy != ZERO) {
    int factor = binary(d, MOD_MULTIPLY, binary(d, MOD_POWER, x, y), unary(d, MOD_LOG, x));
    int flat =
        binary(d, MOD_AND, binary(d, MOD_EQUAL, x, zero), binary(d, MOD_GREATER_EQUAL, y, zero));
    by_exponent = scaled(d, dy, where(d, flat, zero, factor));
  }
  return sum(d, MOD_ADD, by_base, by_exponent);
}

static int of_extreme(Derivation *d, ModOperation operation, int x, int y, int dx, int dy) {
  if (dx == ZERO && dy == ZERO) return ZERO;
  dx = or_zero(d, dx), dy = or_zero(d, dy);
  bool least = operation == MOD_MINIMUM;
  int half = binary(d, MOD_MULTIPLY, binary(d, MOD_ADD, dx, dy), real(d, 0.5));
  int second = where(d, binary(d, MOD_EQUAL, x, y), half, dy);
  return where(d, binary(d, least ? MOD_LESS : MOD_GREATER, x, y), dx, second);
}

// x % y = x - floor(x / y) y
static int of_remainder(Derivation *d, int x, int y, int dx, int dy) {
  int steps = dy == ZERO ? ZERO : scaled(d, dy, binary(d, MOD_FLOOR_DIVIDE, x, y));
  return sum(d, MOD_SUBTRACT, dx, steps);
}

static int of_where(Derivation *d, int condition, int dx, int dy) {
  if (dx == ZERO && dy == ZERO) return ZERO;
  return where(d, condition, or_zero(d, dx), or_zero(d, dy));
}

static int of_binary(Derivation *d, ModOperation operation, int value, const int *v,
                     const int *derived) {
  int dx = derived[0], dy = derived[1];
  if (dx == ZERO && dy == ZERO) return ZERO;
  int x = as_real(d, v[0]), y = as_real(d, v[1]);
  switch (operation) {
  case MOD_ADD:
  case MOD_SUBTRACT: return sum(d, operation, dx, dy);
  case MOD_MULTIPLY: return sum(d, MOD_ADD, scaled(d, dx, y), scaled(d, dy, x));
  case MOD_DIVIDE: return of_quotient(d, value, y, dx, dy);
  case MOD_REMAINDER: return of_remainder(d, x, y, dx, dy);
  case MOD_POWER: return of_power(d, x, y, dx, dy);
  case MOD_MINIMUM:
  case MOD_MAXIMUM: return of_extreme(d, operation, x, y, dx, dy);
  default: return ZERO; // steps
  }
}

static int derivative_of(Derivation *d, int index, ModVariable by) {
  const ModNode *node = &d->tree->nodes[index];
  const int *child = node->child;
  int v[2] = {d->value[child[0]], d->value[child[1]]};
  int derived[3] = {d->derivative[child[0]], d->derivative[child[1]], d->derivative[child[2]]};
  switch (node->operation) {
  case MOD_VARIABLE: return node->variable == by ? real(d, 1) : ZERO;
  case MOD_NEGATE: return sum(d, MOD_SUBTRACT, ZERO, derived[0]);
  case MOD_ABS: return derived[0] == ZERO ? ZERO : of_absolute(d, as_real(d, v[0]), derived[0]);
  case MOD_TO_FLOAT: return derived[0];
  case MOD_EXP:
  case MOD_EXP2:
  case MOD_LOG:
  case MOD_TANH:
  case MOD_SQRT: return of_function(d, node->operation, d->value[index], v[0], derived[0]);
  case MOD_WHERE: return of_where(d, v[0], derived[1], derived[2]);
  default: break;
  }
  bool two = mod_operation_children(node->operation) == 2 && node->operation != MOD_ELEMENT;
  return two ? of_binary(d, node->operation, d->value[index], v, derived) : ZERO;
}

bool mod_differentiate(const ModTree *tree, ModVariable by, const ModArray *arrays, ModTree *out,
                       Error *error) {
  Derivation d = {.builder = mod_builder_open(arrays), .tree = tree};
  for (int i = 0; i < tree->count; i++) {
    d.value[i] = mod_build_copy(d.builder, &tree->nodes[i], d.value);
    d.derivative[i] = derivative_of(&d, i, by);
  }
  bool done = mod_build_finish(d.builder, or_zero(&d, d.derivative[tree->count - 1]), out, error);
  mod_builder_close(d.builder);
  return done;
}
