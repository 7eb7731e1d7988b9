// SPDX-License-Identifier: Apache-2.0
#include "mods/parser.h"
#include "mods/functions.h"
#include "mods/names.h"

enum { MOST_NESTED = 100 };

typedef struct {
  ModChecker *checker;
  ModToken token; // the next one
  int depth;
} Parser;

static int expression(Parser *parser);
static int factor(Parser *parser);

// After a word that is none, the text is taken to end; the complaint is kept.
static void advance(Parser *parser) {
  ModChecker *checker = parser->checker;
  int end = mod_token_end(&parser->token);
  if (checker->failed || !mod_token_at(checker->text, end, &parser->token, checker->error)) {
    checker->failed = true;
    parser->token.kind = TOKEN_END;
  }
}

static bool accept(Parser *parser, ModTokenKind kind) {
  if (parser->token.kind != kind) return false;
  advance(parser);
  return true;
}

static int fail_expecting(Parser *parser, const char *expected) {
  const ModToken *token = &parser->token;
  if (token->kind == TOKEN_END)
    return mod_check_fail(parser->checker, token->position, "the text ends, expected %s", expected);
  return mod_check_fail(parser->checker, token->position, "found '%.*s', expected %s",
                        (int)(token->text.size < 40 ? token->text.size : 40), token->text.data,
                        expected);
}

// Goes one level deeper; every way in is left by subtracting one from the depth.
static bool enter(Parser *parser) {
  if (++parser->depth <= MOST_NESTED) return true;
  mod_check_fail(parser->checker, parser->token.position, "nested more than %d deep", MOST_NESTED);
  return false;
}

static int number(Parser *parser) {
  ModToken token = parser->token;
  ModBuilder *builder = parser->checker->builder;
  advance(parser);
  switch (token.kind) {
  case TOKEN_INTEGER: return mod_build_integer(builder, token.integer, token.position);
  case TOKEN_REAL: return mod_build_real(builder, token.real, token.position);
  default: return mod_build_bool(builder, token.kind == TOKEN_TRUE, token.position);
  }
}

static int call(Parser *parser, int function, const ModToken *name) {
  int arguments[MOD_MOST_ARGUMENTS], count = 0;
  advance(parser);
  ModToken text = parser->token;
  if (text.kind == TOKEN_STRING &&
      span_equal(span_of(mod_function_name(function)), span_of("float"))) {
    advance(parser);
    if (!accept(parser, TOKEN_CLOSE)) return fail_expecting(parser, "')'");
    return mod_function_float_text(parser->checker, text.text, text.position);
  }
  while (parser->token.kind != TOKEN_CLOSE) {
    if (count == MOD_MOST_ARGUMENTS)
      return mod_check_fail(parser->checker, parser->token.position, "more than %d values",
                            MOD_MOST_ARGUMENTS);
    arguments[count] = expression(parser);
    if (arguments[count++] < 0) return -1;
    if (!accept(parser, TOKEN_COMMA)) break;
  }
  if (!accept(parser, TOKEN_CLOSE)) return fail_expecting(parser, "',' or ')'");
  return mod_function_call(parser->checker, function, arguments, count, name->position);
}

// [row], [row, column] or [row][column].
static int element(Parser *parser, int array, const ModToken *name) {
  const ModArray *read = &parser->checker->source->arrays[array];
  int index[2] = {0}, count = 0, rank = read->values.rank;
  while (count < rank && accept(parser, TOKEN_OPEN_INDEX)) {
    do {
      index[count] = expression(parser);
      if (index[count++] < 0) return -1;
    } while (count < rank && accept(parser, TOKEN_COMMA));
    if (!accept(parser, TOKEN_CLOSE_INDEX)) return fail_expecting(parser, "']'");
  }
  if (count < rank || parser->token.kind == TOKEN_OPEN_INDEX)
    return mod_check_fail(parser->checker, name->position, "%s has %d dimension%s: %s[%s]",
                          read->name, rank, rank == 1 ? "" : "s", read->name,
                          rank == 1 ? "index" : "row, column");
  return mod_check_element(parser->checker, array, index[0], index[rank - 1], name->position);
}

static int parameter(const Parser *parser, int index, int position) {
  const ModParameter *value = &parser->checker->source->parameters[index];
  ModBuilder *builder = parser->checker->builder;
  return value->is_float ? mod_build_real(builder, value->real, position)
                         : mod_build_integer(builder, value->integer, position);
}

static int fail_unknown(Parser *parser, const ModToken *name) {
  int length = name->text.size < 40 ? (int)name->text.size : 40;
  Span near = mod_name_near(parser->checker->source, name->text);
  if (near.size)
    return mod_check_fail(parser->checker, name->position,
                          "unknown name '%.*s'; did you mean '%.*s'?", length, name->text.data,
                          (int)near.size, near.data);
  return mod_check_fail(parser->checker, name->position, "unknown name '%.*s'", length,
                        name->text.data);
}

static int variable(Parser *parser, ModVariable meant, const ModToken *name) {
  if (meant == MOD_SCORE && parser->checker->is_mask)
    return mod_check_fail(parser->checker, name->position,
                          "a mask does not know the score: it is computed before");
  return mod_build_variable(parser->checker->builder, meant, name->position);
}

static int named(Parser *parser) {
  ModToken name = parser->token;
  advance(parser);
  ModName meant = mod_name_find(parser->checker->source, name.text);
  bool called = parser->token.kind == TOKEN_OPEN;
  if (meant.kind == MOD_NAME_UNKNOWN) return fail_unknown(parser, &name);
  if (called != (meant.kind == MOD_NAME_FUNCTION))
    return mod_check_fail(parser->checker, name.position,
                          called ? "'%.*s' is no function" : "'%.*s' is a function: %.*s(…)",
                          (int)name.text.size, name.text.data, (int)name.text.size, name.text.data);
  switch (meant.kind) {
  case MOD_NAME_FUNCTION: return call(parser, meant.index, &name);
  case MOD_NAME_ARRAY: return element(parser, meant.index, &name);
  case MOD_NAME_PARAMETER: return parameter(parser, meant.index, name.position);
  case MOD_NAME_NUMBER:
    return mod_build_real(parser->checker->builder, mod_name_number(meant.index), name.position);
  default: return variable(parser, (ModVariable)meant.index, &name);
  }
}

static int primary(Parser *parser) {
  switch (parser->token.kind) {
  case TOKEN_INTEGER:
  case TOKEN_REAL:
  case TOKEN_TRUE:
  case TOKEN_FALSE: return number(parser);
  case TOKEN_NAME: return named(parser);
  case TOKEN_OPEN: break;
  default: return fail_expecting(parser, "a number, a name or '('");
  }
  advance(parser);
  int inside = expression(parser);
  if (inside < 0 || accept(parser, TOKEN_CLOSE)) return inside;
  return fail_expecting(parser, "')'");
}

static int power(Parser *parser) {
  int base = primary(parser), position = parser->token.position;
  if (base >= 0 && parser->token.kind == TOKEN_OPEN_INDEX)
    return mod_check_fail(parser->checker, position, "only a captured array has elements");
  if (base < 0 || !accept(parser, TOKEN_POWER)) return base;
  int exponent = enter(parser) ? factor(parser) : -1;
  parser->depth--;
  return exponent < 0 ? -1 : mod_check_power(parser->checker, base, exponent, position);
}

static int factor(Parser *parser) {
  ModToken sign = parser->token;
  if (sign.kind != TOKEN_PLUS && sign.kind != TOKEN_MINUS && sign.kind != TOKEN_INVERT)
    return power(parser);
  advance(parser);
  int operand = enter(parser) ? factor(parser) : -1;
  parser->depth--;
  return operand < 0 ? -1 : mod_check_unary(parser->checker, sign.kind, operand, sign.position);
}

// 0: no operator of two operands.
static int precedence(ModTokenKind kind) {
  switch (kind) {
  case TOKEN_EITHER: return 1;
  case TOKEN_DIFFER: return 2;
  case TOKEN_BOTH: return 3;
  case TOKEN_PLUS:
  case TOKEN_MINUS: return 4;
  case TOKEN_TIMES:
  case TOKEN_DIVIDE:
  case TOKEN_FLOOR_DIVIDE:
  case TOKEN_REMAINDER: return 5;
  default: return 0;
  }
}

// Operators of at least this precedence.
static int binary(Parser *parser, int least) {
  int left = factor(parser);
  while (left >= 0 && precedence(parser->token.kind) >= least) {
    ModToken token = parser->token;
    advance(parser);
    int right = binary(parser, precedence(token.kind) + 1);
    if (right < 0) return -1;
    left = mod_check_binary(parser->checker, token.kind, left, right, token.position);
  }
  return left;
}

static bool compares(ModTokenKind kind) {
  return kind >= TOKEN_EQUAL && kind <= TOKEN_GREATER;
}

static int comparison(Parser *parser) {
  int left = binary(parser, 1), result = -1;
  if (left < 0 || !compares(parser->token.kind)) return left;
  while (compares(parser->token.kind)) {
    ModToken token = parser->token;
    advance(parser);
    int right = binary(parser, 1);
    if (right < 0) return -1;
    int link = mod_check_comparison(parser->checker, token.kind, left, right, token.position);
    result = result < 0 ? link
                        : mod_build_binary(parser->checker->builder, MOD_AND, result, link,
                                           token.position);
    left = right;
  }
  return result;
}

static int inversion(Parser *parser) {
  int position = parser->token.position;
  if (!accept(parser, TOKEN_NOT)) return comparison(parser);
  int operand = enter(parser) ? inversion(parser) : -1;
  parser->depth--;
  return operand < 0 ? -1 : mod_check_unary(parser->checker, TOKEN_NOT, operand, position);
}

// Operands joined by `and`, or those joined by `or`.
static int joined(Parser *parser, ModTokenKind kind) {
  int left = kind == TOKEN_OR ? joined(parser, TOKEN_AND) : inversion(parser);
  while (left >= 0 && parser->token.kind == kind) {
    int position = parser->token.position;
    advance(parser);
    int right = kind == TOKEN_OR ? joined(parser, TOKEN_AND) : inversion(parser);
    if (right < 0) return -1;
    left = mod_check_logic(parser->checker, kind, left, right, position);
  }
  return left;
}

static int conditional(Parser *parser) {
  int value = joined(parser, TOKEN_OR), position = parser->token.position;
  if (value < 0 || !accept(parser, TOKEN_IF)) return value;
  int condition = joined(parser, TOKEN_OR);
  if (condition < 0) return -1;
  if (!accept(parser, TOKEN_ELSE)) return fail_expecting(parser, "'else'");
  int other = expression(parser);
  return other < 0 ? -1 : mod_check_choice(parser->checker, condition, value, other, position);
}

static int expression(Parser *parser) {
  int value = enter(parser) ? conditional(parser) : -1;
  parser->depth--;
  return value;
}

int mod_parse_text(ModChecker *checker) {
  Parser parser = {.checker = checker, .token = {.text = {checker->text, 0}}};
  advance(&parser);
  int value = expression(&parser);
  if (value >= 0 && parser.token.kind != TOKEN_END)
    return fail_expecting(&parser, "an operator or the end");
  return value < 0 || checker->failed ? -1 : mod_check_result(checker, value);
}
