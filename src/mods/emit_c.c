// SPDX-License-Identifier: Apache-2.0
#include "mods/emit.h"

extern const char mod_prelude_text[]; // of mods/prelude.h, made when it is built

#define INTEGERS(PATTERN) [MOD_TEXT_INT] = (PATTERN), [MOD_TEXT_LONG] = (PATTERN)
#define NUMBERS(PATTERN)                                                                           \
  { INTEGERS(PATTERN), [MOD_TEXT_FLOAT] = (PATTERN) }
#define BOOLS(PATTERN)                                                                             \
  { [MOD_TEXT_BOOL] = (PATTERN) }
#define FLOATS(PATTERN)                                                                            \
  { [MOD_TEXT_FLOAT] = (PATTERN) }
#define BY_TYPE(INT, LONG, FLOAT)                                                                  \
  { [MOD_TEXT_INT] = (INT), [MOD_TEXT_LONG] = (LONG), [MOD_TEXT_FLOAT] = (FLOAT) }

const ModLanguage mod_language_c = {
    .type = {"int", "int", "long long", "float"},
    .declaration = "const $0 $1 = $2;",
    .literal = {"$0", "($0)", "($0ll)", "($0f)"},
    .infinity = "__builtin_inff()",
    .negative_infinity = "(-__builtin_inff())",
    .nan = "__builtin_nanf(\"\")",
    .convert =
        {[MOD_TEXT_BOOL] = {[MOD_TEXT_INT] = "$0",
                            [MOD_TEXT_LONG] = "((long long)$0)",
                            [MOD_TEXT_FLOAT] = "((float)$0)"},
         [MOD_TEXT_INT] = {[MOD_TEXT_LONG] = "((long long)$0)", [MOD_TEXT_FLOAT] = "((float)$0)"},
         [MOD_TEXT_LONG] = {[MOD_TEXT_INT] = "((int)$0)", [MOD_TEXT_FLOAT] = "((float)$0)"}},
    .element = {"($0[$1] != 0)", "$0[$1]", "$0[$1]", "$0[$1]"},
    .far_element = {"($0[$1] != 0)", "$0[$1]", "$0[$1]", "$0[$1]"},
    .shift = "($0 >> $1)",
    .low_bits = "($0 & $1)",
    .operation = {[MOD_NEGATE] = NUMBERS("(-$0)"),
                  [MOD_NOT] = BOOLS("(!$0)"),
                  [MOD_ABS] = BY_TYPE("($0 < 0 ? -$0 : $0)", "($0 < 0 ? -$0 : $0)", "mod_abs($0)"),
                  [MOD_EXP] = FLOATS("mod_exp($0)"),
                  [MOD_EXP2] = FLOATS("mod_exp2($0)"),
                  [MOD_LOG] = FLOATS("mod_log($0)"),
                  [MOD_TANH] = FLOATS("mod_tanh($0)"),
                  [MOD_SQRT] = FLOATS("mod_sqrt($0)"),
                  [MOD_TO_INTEGER] = FLOATS("mod_to_integer($0)"),
                  [MOD_ADD] = NUMBERS("($0 + $1)"),
                  [MOD_SUBTRACT] = NUMBERS("($0 - $1)"),
                  [MOD_MULTIPLY] = NUMBERS("($0 * $1)"),
                  [MOD_DIVIDE] = FLOATS("($0 / $1)"),
                  [MOD_FLOOR_DIVIDE] =
                      BY_TYPE("mod_int_floor_divide($0, $1)", "mod_integer_floor_divide($0, $1)",
                              "mod_floor_divide($0, $1)"),
                  [MOD_REMAINDER] =
                      BY_TYPE("mod_int_remainder($0, $1)", "mod_integer_remainder($0, $1)",
                              "mod_remainder($0, $1)"),
                  [MOD_POWER] = BY_TYPE(NULL, "mod_integer_power($0, $1)", "mod_power($0, $1)"),
                  [MOD_MINIMUM] =
                      BY_TYPE("($0 < $1 ? $0 : $1)", "($0 < $1 ? $0 : $1)", "mod_minimum($0, $1)"),
                  [MOD_MAXIMUM] =
                      BY_TYPE("($0 > $1 ? $0 : $1)", "($0 > $1 ? $0 : $1)", "mod_maximum($0, $1)"),
                  [MOD_EQUAL] = NUMBERS("($0 == $1)"),
                  [MOD_NOT_EQUAL] = NUMBERS("($0 != $1)"),
                  [MOD_LESS] = NUMBERS("($0 < $1)"),
                  [MOD_LESS_EQUAL] = NUMBERS("($0 <= $1)"),
                  [MOD_GREATER] = NUMBERS("($0 > $1)"),
                  [MOD_GREATER_EQUAL] = NUMBERS("($0 >= $1)"),
                  [MOD_AND] = BOOLS("($0 & $1)"),
                  [MOD_OR] = BOOLS("($0 | $1)"),
                  [MOD_WHERE] = {[MOD_TEXT_BOOL] = "($0 ? $1 : $2)",
                                 INTEGERS("($0 ? $1 : $2)"),
                                 [MOD_TEXT_FLOAT] = "($0 ? $1 : $2)"}},
    .prelude = mod_prelude_text,
};
