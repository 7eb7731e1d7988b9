// SPDX-License-Identifier: Apache-2.0
#include "mods/functions.h"
#include <math.h>

enum { ANY_NUMBER = MOD_MOST_ARGUMENTS };

typedef int (*Call)(ModChecker *checker, ModOperation operation, const int *arguments, int count,
                    int position);

static int call_where(ModChecker *checker, ModOperation operation, const int *arguments, int count,
                      int position) {
  (void)operation, (void)count;
  return mod_check_choice(checker, arguments[0], arguments[1], arguments[2], position);
}

// min and max of several, and & and | by name.
static int call_in_turn(ModChecker *checker, ModOperation operation, const int *arguments,
                        int count, int position) {
  int result = arguments[0];
  for (int i = 1; i < count; i++)
    result = mod_check_common(checker, operation, result, arguments[i], position);
  return result;
}

static int call_logic(ModChecker *checker, ModOperation operation, const int *arguments, int count,
                      int position) {
  (void)count;
  int x = mod_check_truth(checker, arguments[0], position);
  if (operation == MOD_NOT) return mod_build_unary(checker->builder, MOD_NOT, x, position);
  int y = mod_check_truth(checker, arguments[1], position);
  return mod_build_binary(checker->builder, operation, x, y, position);
}

static int call_absolute(ModChecker *checker, ModOperation operation, const int *arguments,
                         int count, int position) {
  (void)count;
  int x = mod_check_convert(checker, arguments[0], MOD_INTEGER);
  return mod_build_unary(checker->builder, operation, x, position);
}

static int call_real(ModChecker *checker, ModOperation operation, const int *arguments, int count,
                     int position) {
  (void)count;
  int x = mod_check_convert(checker, arguments[0], MOD_FLOAT);
  return mod_build_unary(checker->builder, operation, x, position);
}

static int call_power(ModChecker *checker, ModOperation operation, const int *arguments, int count,
                      int position) {
  (void)operation, (void)count;
  return mod_check_power(checker, arguments[0], arguments[1], position);
}

static int call_float(ModChecker *checker, ModOperation operation, const int *arguments, int count,
                      int position) {
  (void)operation, (void)count, (void)position;
  return mod_check_convert(checker, arguments[0], MOD_FLOAT);
}

static int call_integer(ModChecker *checker, ModOperation operation, const int *arguments,
                        int count, int position) {
  (void)count;
  int x = mod_check_convert(checker, arguments[0], MOD_INTEGER);
  const ModNode *node = mod_builder_node(checker->builder, x);
  if (node->type == MOD_INTEGER) return x;
  if (node->operation == MOD_CONSTANT && !(fabs(node->real) < 0x1p63))
    return mod_check_fail(checker, position, "int(%g) does not fit 64 bits",
                          isnan(node->real) ? fabs(node->real) : node->real);
  return mod_build_unary(checker->builder, operation, x, position);
}

static int call_bool(ModChecker *checker, ModOperation operation, const int *arguments, int count,
                     int position) {
  (void)operation, (void)count;
  return mod_check_truth(checker, arguments[0], position);
}

static const struct {
  const char *name;
  int least, most; // arguments
  Call call;
  ModOperation operation;
} functions[] = {
    {"where", 3, 3, call_where, MOD_WHERE},
    {"min", 2, ANY_NUMBER, call_in_turn, MOD_MINIMUM},
    {"max", 2, ANY_NUMBER, call_in_turn, MOD_MAXIMUM},
    {"minimum", 2, 2, call_in_turn, MOD_MINIMUM},
    {"maximum", 2, 2, call_in_turn, MOD_MAXIMUM},
    {"abs", 1, 1, call_absolute, MOD_ABS},
    {"exp", 1, 1, call_real, MOD_EXP},
    {"exp2", 1, 1, call_real, MOD_EXP2},
    {"log", 1, 1, call_real, MOD_LOG},
    {"tanh", 1, 1, call_real, MOD_TANH},
    {"sqrt", 1, 1, call_real, MOD_SQRT},
    {"pow", 2, 2, call_power, MOD_POWER},
    {"float", 1, 1, call_float, MOD_TO_FLOAT},
    {"int", 1, 1, call_integer, MOD_TO_INTEGER},
    {"bool", 1, 1, call_bool, MOD_NOT_EQUAL},
    {"logical_and", 2, 2, call_logic, MOD_AND},
    {"logical_or", 2, 2, call_logic, MOD_OR},
    {"logical_not", 1, 1, call_logic, MOD_NOT},
};

int mod_function_count(void) {
  return (int)COUNT_OF(functions);
}

const char *mod_function_name(int index) {
  return functions[index].name;
}

int mod_function_find(Span name) {
  for (int i = 0; i < mod_function_count(); i++)
    if (span_equal(name, span_of(functions[i].name))) return i;
  return -1;
}

int mod_function_call(ModChecker *checker, int function, const int *arguments, int count,
                      int position) {
  const char *name = functions[function].name;
  int least = functions[function].least, most = functions[function].most;
  if (count < least || count > most)
    return mod_check_fail(checker, position, "%s takes %s%d value%s, got %d", name,
                          least == most ? "" : "at least ", least, least == 1 ? "" : "s", count);
  return functions[function].call(checker, functions[function].operation, arguments, count,
                                  position);
}

int mod_function_float_text(ModChecker *checker, Span text, int position) {
  static const struct {
    const char *text;
    double value;
  } values[] = {{"inf", INFINITY}, {"+inf", INFINITY}, {"-inf", -INFINITY}, {"nan", NAN}};
  for (size_t i = 0; i < COUNT_OF(values); i++)
    if (span_equal(text, span_of(values[i].text)))
      return mod_build_real(checker->builder, values[i].value, position);
  return mod_check_fail(checker, position,
                        "float of a text takes \"inf\", \"-inf\" or \"nan\", got \"%.*s\"",
                        (int)(text.size < 20 ? text.size : 20), text.data);
}
