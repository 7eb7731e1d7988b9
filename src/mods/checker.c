// SPDX-License-Identifier: Apache-2.0
#include "mods/checker.h"
#include "mods/complaint.h"
#include "mods/extremes.h"
#include <stdarg.h>

int mod_check_fail(ModChecker *checker, int position, const char *format, ...) {
  if (checker->failed) return -1;
  Text message = {0};
  va_list arguments;
  va_start(arguments, format);
  text_append_arguments(&message, format, arguments);
  va_end(arguments);
  mod_complain(checker->error, checker->text, position, "%s", message.data);
  text_free(&message);
  checker->failed = true;
  return -1;
}

static const ModNode *at(const ModChecker *checker, int node) {
  return mod_builder_node(checker->builder, node);
}

ModType mod_check_type(const ModChecker *checker, int node) {
  return at(checker, node)->type;
}

int mod_check_convert(ModChecker *checker, int node, ModType type) {
  int position = at(checker, node)->position;
  if (mod_check_type(checker, node) == MOD_BOOL && type > MOD_BOOL)
    node = mod_build_unary(checker->builder, MOD_TO_INTEGER, node, position);
  if (mod_check_type(checker, node) == MOD_INTEGER && type > MOD_INTEGER)
    node = mod_build_unary(checker->builder, MOD_TO_FLOAT, node, position);
  return node;
}

static int not_zero(ModChecker *checker, int node, int position) {
  bool real = mod_check_type(checker, node) == MOD_FLOAT;
  int zero = real ? mod_build_real(checker->builder, 0, position)
                  : mod_build_integer(checker->builder, 0, position);
  return mod_build_binary(checker->builder, MOD_NOT_EQUAL, node, zero, position);
}

// The truth of a choice is a choice of truths, which masks are better read as.
int mod_check_truth(ModChecker *checker, int node, int position) {
  const ModNode *written = at(checker, node);
  if (written->type == MOD_BOOL) return node;
  if (written->operation != MOD_WHERE) return not_zero(checker, node, position);
  int condition = written->child[0], other = written->child[2];
  int x = not_zero(checker, written->child[1], position);
  int y = not_zero(checker, other, position);
  return mod_build_where(checker->builder, condition, x, y, position);
}

static ModType common_type(const ModChecker *checker, int x, int y, ModType least) {
  ModType left = mod_check_type(checker, x), right = mod_check_type(checker, y);
  ModType larger = left > right ? left : right;
  return larger > least ? larger : least;
}

static int check_as(ModChecker *checker, ModOperation operation, ModType type, int x, int y,
                    int position) {
  x = mod_check_convert(checker, x, type);
  y = mod_check_convert(checker, y, type);
  return mod_build_binary(checker->builder, operation, x, y, position);
}

int mod_check_common(ModChecker *checker, ModOperation operation, int x, int y, int position) {
  ModType type = common_type(checker, x, y, MOD_INTEGER);
  return check_as(checker, operation, type, x, y, position);
}

int mod_check_unary(ModChecker *checker, ModTokenKind kind, int x, int position) {
  if (kind == TOKEN_NOT)
    return mod_build_unary(checker->builder, MOD_NOT, mod_check_truth(checker, x, position),
                           position);
  if (kind == TOKEN_INVERT && mod_check_type(checker, x) != MOD_BOOL)
    return mod_check_fail(checker, position, "'~' takes a truth value, this is of type %s",
                          mod_type_name(mod_check_type(checker, x)));
  if (kind == TOKEN_INVERT) return mod_build_unary(checker->builder, MOD_NOT, x, position);
  x = mod_check_convert(checker, x, MOD_INTEGER);
  return kind == TOKEN_PLUS ? x : mod_build_unary(checker->builder, MOD_NEGATE, x, position);
}

static int check_bits(ModChecker *checker, ModTokenKind kind, int x, int y, int position) {
  ModType left = mod_check_type(checker, x), right = mod_check_type(checker, y);
  if (left != MOD_BOOL || right != MOD_BOOL)
    return mod_check_fail(checker, position,
                          "'%c' takes two truth values, these are of type %s and %s; it binds "
                          "tighter than comparisons: put those in parentheses",
                          checker->text[position], mod_type_name(left), mod_type_name(right));
  if (kind == TOKEN_BOTH) return mod_build_binary(checker->builder, MOD_AND, x, y, position);
  if (kind == TOKEN_EITHER) return mod_build_binary(checker->builder, MOD_OR, x, y, position);
  return mod_check_common(checker, MOD_NOT_EQUAL, x, y, position);
}

// Whether an integer is never negative, as far as its form shows that within `fuel` nodes: shared
// nodes are met again on every way to them.
static bool never_negative(const ModChecker *checker, int node, int *fuel) {
  const ModNode *n = at(checker, node);
  const int *child = n->child;
  if (--*fuel < 0) return false;
  switch (n->operation) {
  case MOD_CONSTANT: return n->integer >= 0;
  case MOD_VARIABLE:
  case MOD_ABS: return true;
  case MOD_ELEMENT: return mod_extremes_of(&checker->source->arrays[n->array].values).least >= 0;
  case MOD_TO_INTEGER: return at(checker, child[0])->type == MOD_BOOL;
  case MOD_ADD:
  case MOD_MULTIPLY:
  case MOD_FLOOR_DIVIDE:
  case MOD_MINIMUM:
    return never_negative(checker, child[0], fuel) && never_negative(checker, child[1], fuel);
  case MOD_MAXIMUM:
    return never_negative(checker, child[0], fuel) || never_negative(checker, child[1], fuel);
  case MOD_REMAINDER: return never_negative(checker, child[1], fuel);
  case MOD_POWER: return never_negative(checker, child[0], fuel);
  case MOD_WHERE:
    return never_negative(checker, child[1], fuel) && never_negative(checker, child[2], fuel);
  default: return false;
  }
}

int mod_check_power(ModChecker *checker, int x, int y, int position) {
  ModType type = common_type(checker, x, y, MOD_INTEGER);
  int fuel = 64;
  y = mod_check_convert(checker, y, MOD_INTEGER);
  if (type == MOD_INTEGER && !never_negative(checker, y, &fuel)) type = MOD_FLOAT;
  return check_as(checker, MOD_POWER, type, x, y, position);
}

int mod_check_binary(ModChecker *checker, ModTokenKind kind, int x, int y, int position) {
  switch (kind) {
  case TOKEN_PLUS: return mod_check_common(checker, MOD_ADD, x, y, position);
  case TOKEN_MINUS: return mod_check_common(checker, MOD_SUBTRACT, x, y, position);
  case TOKEN_TIMES: return mod_check_common(checker, MOD_MULTIPLY, x, y, position);
  case TOKEN_DIVIDE: return check_as(checker, MOD_DIVIDE, MOD_FLOAT, x, y, position);
  case TOKEN_FLOOR_DIVIDE: return mod_check_common(checker, MOD_FLOOR_DIVIDE, x, y, position);
  case TOKEN_REMAINDER: return mod_check_common(checker, MOD_REMAINDER, x, y, position);
  case TOKEN_POWER: return mod_check_power(checker, x, y, position);
  default: return check_bits(checker, kind, x, y, position);
  }
}

int mod_check_comparison(ModChecker *checker, ModTokenKind kind, int x, int y, int position) {
  static const ModOperation operations[] = {
      [TOKEN_EQUAL] = MOD_EQUAL,
      [TOKEN_NOT_EQUAL] = MOD_NOT_EQUAL,
      [TOKEN_LESS_EQUAL] = MOD_LESS_EQUAL,
      [TOKEN_GREATER_EQUAL] = MOD_GREATER_EQUAL,
      [TOKEN_LESS] = MOD_LESS,
      [TOKEN_GREATER] = MOD_GREATER,
  };
  return mod_check_common(checker, operations[kind], x, y, position);
}

int mod_check_choice(ModChecker *checker, int condition, int x, int y, int position) {
  ModType type = common_type(checker, x, y, MOD_BOOL);
  condition = mod_check_truth(checker, condition, position);
  x = mod_check_convert(checker, x, type);
  y = mod_check_convert(checker, y, type);
  return mod_build_where(checker->builder, condition, x, y, position);
}

int mod_check_logic(ModChecker *checker, ModTokenKind kind, int x, int y, int position) {
  return kind == TOKEN_AND ? mod_check_choice(checker, x, y, x, position)
                           : mod_check_choice(checker, x, x, y, position);
}

static bool index_fits(ModChecker *checker, const char *array, int index, int position) {
  ModType type = mod_check_type(checker, index);
  if (type == MOD_INTEGER) return true;
  mod_check_fail(checker, position, "an index of %s is of type %s, expected an integer%s", array,
                 mod_type_name(type), type == MOD_FLOAT ? ": int(…)" : "");
  return false;
}

int mod_check_element(ModChecker *checker, int array, int row, int column, int position) {
  const char *name = checker->source->arrays[array].name;
  if (!index_fits(checker, name, row, position) || !index_fits(checker, name, column, position))
    return -1;
  return mod_build_element(checker->builder, array, row, column, position);
}

int mod_check_result(ModChecker *checker, int node) {
  ModType type = mod_check_type(checker, node);
  int position = at(checker, node)->position;
  if (checker->is_mask && type != MOD_BOOL)
    return mod_check_fail(checker, position,
                          "a mask is a truth value, this is of type %s; '(…) != 0' makes it one",
                          mod_type_name(type));
  if (checker->is_mask) return node;
  if (type == MOD_BOOL)
    return mod_check_fail(checker, position,
                          "a score is a number, this is a truth value; does it belong in the mask, "
                          "or in where(…, score, -inf)?");
  return mod_check_convert(checker, node, MOD_FLOAT);
}
