// SPDX-License-Identifier: Apache-2.0
#include "mods/emit.h"

extern const char mod_vector_prelude_text[]; // of mods/vector_prelude.h, made when it is built

#define NUMBERS(INT, LONG, FLOAT)                                                                  \
  { [MOD_TEXT_INT] = (INT), [MOD_TEXT_LONG] = (LONG), [MOD_TEXT_FLOAT] = (FLOAT) }
#define BOOLS(PATTERN)                                                                             \
  { [MOD_TEXT_BOOL] = (PATTERN) }
#define FLOATS(PATTERN)                                                                            \
  { [MOD_TEXT_FLOAT] = (PATTERN) }

const ModLanguage mod_language_vectors = {
    .type = {"ModInts", "ModInts", "ModLongs", "ModFloats"},
    .declaration = "const $0 $1 = $2;",
    .literal = {"mod_same_int(-$0)", "mod_same_int($0)", "mod_same_long($0ll)",
                "mod_same_float($0f)"},
    .infinity = "mod_same_float(__builtin_inff())",
    .negative_infinity = "mod_same_float(-__builtin_inff())",
    .nan = "mod_same_float(__builtin_nanf(\"\"))",
    .convert = {[MOD_TEXT_BOOL] = {[MOD_TEXT_INT] = "(-$0)",
                                   [MOD_TEXT_LONG] = "mod_ints_to_longs(-$0)",
                                   [MOD_TEXT_FLOAT] = "mod_ints_to_floats(-$0)"},
                [MOD_TEXT_INT] = {[MOD_TEXT_LONG] = "mod_ints_to_longs($0)",
                                  [MOD_TEXT_FLOAT] = "mod_ints_to_floats($0)"},
                [MOD_TEXT_LONG] = {[MOD_TEXT_INT] = "mod_longs_to_ints($0)",
                                   [MOD_TEXT_FLOAT] = "mod_longs_to_floats($0)"}},
    .element = {"mod_gather_bools($0, $1)", "mod_gather_ints($0, $1)", "mod_gather_longs($0, $1)",
                "mod_gather_floats($0, $1)"},
    .far_element = {"mod_gather_far_bools($0, $1)", "mod_gather_far_ints($0, $1)",
                    "mod_gather_far_longs($0, $1)", "mod_gather_far_floats($0, $1)"},
    .operation =
        {[MOD_NEGATE] = NUMBERS("(-$0)", "mod_long_negated($0)", "mod_negated($0)"),
         [MOD_NOT] = BOOLS("(~$0)"),
         [MOD_ABS] = NUMBERS("mod_int_sizes($0)", "mod_long_sizes($0)", "mod_sizes($0)"),
         [MOD_EXP] = FLOATS("mod_exps($0)"),
         [MOD_EXP2] = FLOATS("mod_exp2s($0)"),
         [MOD_LOG] = FLOATS("mod_logs($0)"),
         [MOD_TANH] = FLOATS("mod_tanhs($0)"),
         [MOD_SQRT] = FLOATS("mod_square_roots($0)"),
         [MOD_TO_INTEGER] = FLOATS("mod_to_longs($0)"),
         [MOD_ADD] = NUMBERS("($0 + $1)", "mod_long_sums($0, $1)", "($0 + $1)"),
         [MOD_SUBTRACT] = NUMBERS("($0 - $1)", "mod_long_differences($0, $1)", "($0 - $1)"),
         [MOD_MULTIPLY] = NUMBERS("($0 * $1)", "mod_long_products($0, $1)", "($0 * $1)"),
         [MOD_DIVIDE] = FLOATS("($0 / $1)"),
         [MOD_FLOOR_DIVIDE] =
             NUMBERS("mod_int_floor_divides($0, $1)", "mod_long_floor_divides($0, $1)",
                     "mod_float_floor_divides($0, $1)"),
         [MOD_REMAINDER] = NUMBERS("mod_int_remainders($0, $1)", "mod_long_remainders($0, $1)",
                                   "mod_float_remainders($0, $1)"),
         [MOD_POWER] = NUMBERS(NULL, "mod_long_powers($0, $1)", "mod_powers($0, $1)"),
         [MOD_MINIMUM] = NUMBERS("mod_int_minimums($0, $1)", "mod_long_minimums($0, $1)",
                                 "mod_minimums($0, $1)"),
         [MOD_MAXIMUM] = NUMBERS("mod_int_maximums($0, $1)", "mod_long_maximums($0, $1)",
                                 "mod_maximums($0, $1)"),
         [MOD_EQUAL] = NUMBERS("($0 == $1)", "mod_longs_equal($0, $1)", "($0 == $1)"),
         [MOD_NOT_EQUAL] = NUMBERS("($0 != $1)", "mod_longs_differ($0, $1)", "($0 != $1)"),
         [MOD_LESS] = NUMBERS("($0 < $1)", "mod_longs_less($0, $1)", "($0 < $1)"),
         [MOD_LESS_EQUAL] = NUMBERS("($0 <= $1)", "mod_longs_at_most($0, $1)", "($0 <= $1)"),
         [MOD_GREATER] = NUMBERS("($0 > $1)", "mod_longs_less($1, $0)", "($0 > $1)"),
         [MOD_GREATER_EQUAL] = NUMBERS("($0 >= $1)", "mod_longs_at_most($1, $0)", "($0 >= $1)"),
         [MOD_AND] = BOOLS("($0 & $1)"),
         [MOD_OR] = BOOLS("($0 | $1)"),
         [MOD_WHERE] = {"mod_choose_ints($0, $1, $2)", "mod_choose_ints($0, $1, $2)",
                        "mod_choose_longs($0, $1, $2)", "mod_choose_floats($0, $1, $2)"}},
    .shift = "($0 >> $1)",
    .low_bits = "($0 & $1)",
    .prelude = mod_vector_prelude_text,
    .broadcast = {"mod_same_int(-($0))", "mod_same_int($0)", "mod_same_long($0)",
                  "mod_same_float($0)"},
    .load = {"mod_load_bools($0)", "mod_load_ints($0)", NULL, "mod_load_floats($0)"},
    .load_some = {"mod_load_some_bools($0, $1)", "mod_load_some_ints($0, $1)", NULL,
                  "mod_load_some_floats($0, $1)"},
    .store = {NULL, "mod_store_ints($0, $1)", NULL, "mod_store_floats($0, $1)"},
    .floor_divide_by = "mod_int_floor_divides_by($0, $1)",
    .short_floor_divide_by = "mod_short_floor_divides_by($0, $1)",
    .remainder_by = "mod_int_remainders_by($0, $1)",
    .short_remainder_by = "mod_short_remainders_by($0, $1)",
};
