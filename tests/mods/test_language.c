// SPDX-License-Identifier: Apache-2.0
// What the language refuses, word for word with the place, and what it takes that no golden value
// shows.
#include "base/memory.h"
#include "base/text.h"
#include "mods/evaluate.h"
#include "mods/parsed.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int32_t doc[8] = {0, 0, 1, 1, 2, 2, 3, 3};
static float bias[2 * 8];
static uint8_t seen[8] = {1, 0, 1, 0, 1, 0, 1, 0};
static int64_t wide[8] = {1, 2, 3, 4, 5, 6, 7, INT64_MAX};

static const ModParameter parameters[] = {
    {.name = "window", .integer = 512},
    {.name = "cap", .is_float = true, .real = 50},
};

static ModSource source_of(bool is_mask, const char *text) {
  static ModArray arrays[4];
  arrays[0] = (ModArray){"doc", tensor_dense(DTYPE_I32, 1, (int64_t[]){8}, doc)};
  arrays[1] = (ModArray){"bias", tensor_dense(DTYPE_F32, 2, (int64_t[]){2, 8}, bias)};
  arrays[2] = (ModArray){"seen", tensor_dense(DTYPE_BOOL, 1, (int64_t[]){8}, seen)};
  arrays[3] = (ModArray){"wide", tensor_dense(DTYPE_I64, 1, (int64_t[]){8}, wide)};
  return (ModSource){"m", is_mask ? NULL : text, is_mask ? text : NULL, 2, 4, parameters, arrays};
}

typedef struct {
  bool is_mask;
  const char *text, *message;
  int column; // of the mark
} Refusal;

enum { SCORE = false, MASK = true };

static const Refusal refusals[] = {
    {SCORE, "score + kv_ix", "unknown name 'kv_ix'; did you mean 'kv_idx'?", 8},
    {SCORE, "score + windw", "unknown name 'windw'; did you mean 'window'?", 8},
    {SCORE, "scroe", "unknown name 'scroe'; did you mean 'score'?", 0},
    {SCORE, "tanj(score)", "unknown name 'tanj'; did you mean 'tanh'?", 0},
    {SCORE, "torch.sqr(score)", "unknown name 'torch.sqr'; did you mean 'sqrt'?", 0},
    {SCORE, "score * foo", "unknown name 'foo'", 8},
    {SCORE, "score.abs", "unknown name 'score.abs'", 0},
    {SCORE, "score + torch.h", "unknown name 'torch.h'; did you mean 'h'?", 8},
    {SCORE, "score +", "the text ends, expected a number, a name or '('", 7},
    {SCORE, "(score", "the text ends, expected ')'", 6},
    {SCORE, "score)", "found ')', expected an operator or the end", 5},
    {SCORE, "score 1", "found '1', expected an operator or the end", 6},
    {SCORE, "* score", "found '*', expected a number, a name or '('", 0},
    {SCORE, "score if h", "the text ends, expected 'else'", 10},
    {SCORE, "where(h, 1", "the text ends, expected ',' or ')'", 10},
    {SCORE, "where(h, 1)", "where takes 3 values, got 2", 0},
    {SCORE, "min(h)", "min takes at least 2 values, got 1", 0},
    {SCORE, "exp(1, 2)", "exp takes 1 value, got 2", 0},
    {SCORE, "exp()", "exp takes 1 value, got 0", 0},
    {SCORE, "score + exp", "'exp' is a function: exp(…)", 8},
    {SCORE, "score(1)", "'score' is no function", 0},
    {SCORE, "doc(1)", "'doc' is no function", 0},
    {SCORE, "score[1]", "only a captured array has elements", 5},
    {SCORE, "score + doc", "doc has 1 dimension: doc[index]", 8},
    {SCORE, "doc[1][1]", "doc has 1 dimension: doc[index]", 0},
    {SCORE, "doc[1, 1]", "found ',', expected ']'", 5},
    {SCORE, "bias[h]", "bias has 2 dimensions: bias[row, column]", 0},
    {SCORE, "bias[h, 1, 2]", "found ',', expected ']'", 9},
    {SCORE, "doc[1.5]", "an index of doc is of type float, expected an integer: int(…)", 0},
    {SCORE, "doc[h > 1]", "an index of doc is of type truth value, expected an integer", 0},
    {SCORE, "doc[1:2]", "':' is no operator of this language; a mod is one expression", 5},
    {SCORE, "score && h", "'&&' is no operator of this language; write 'and'", 6},
    {SCORE, "score || h", "'||' is no operator of this language; write 'or'", 6},
    {SCORE, "!h", "'!' is no operator of this language; write 'not'", 0},
    {SCORE, "score = h", "'=' is no operator of this language; write '==' to compare", 6},
    {SCORE, "h << 2", "'<<' is no operator of this language; write '* 2 **'", 2},
    {SCORE, "h ? 1 : 2", "'?' is no operator of this language; write 'a if condition else b'", 2},
    {SCORE, "return score",
     "'return' is no word of this language; a mod is one expression, without 'return'", 0},
    {SCORE, "lambda h: 1",
     "'lambda' is no word of this language; write the body of the function alone", 0},
    {SCORE, "score $ 1", "'$' has no meaning here", 6},
    {SCORE, "score + \xc3\xa9", "'\xc3\xa9' has no meaning here", 8},
    {SCORE, "1abc", "'a' does not belong to a number", 1},
    {SCORE, "1_", "'_' does not belong to a number", 1},
    {SCORE, "1__0", "'_' does not belong to a number", 1},
    {SCORE, "1.2.3", "'.' does not belong to a number", 3},
    {SCORE, "0b12", "'2' does not belong to a number", 3},
    {SCORE, "1e", "'e' does not belong to a number", 1},
    {SCORE, "1j", "'j' does not belong to a number", 1},
    {SCORE, "0x", "a number in base 16 has no digits", 0},
    {SCORE, "012", "a whole number does not begin with 0; write 0o… for base 8", 0},
    {SCORE, "9223372036854775808", "the number does not fit 64 bits", 0},
    {SCORE, "0xffffffffffffffff", "the number does not fit 64 bits", 0},
    {SCORE, "int(1e300)", "int(1e+300) does not fit 64 bits", 0},
    {SCORE, "int(inf)", "int(inf) does not fit 64 bits", 0},
    {SCORE, "float(\"infinite\")",
     "float of a text takes \"inf\", \"-inf\" or \"nan\", got \"infinite\"", 6},
    {SCORE, "float(\"inf)", "the text in quotes does not end", 6},
    {SCORE, "'a' + 1", "found 'a', expected a number, a name or '('", 0},
    {SCORE, "score + 2 ** 63", "the integer result does not fit 64 bits; write a number as a float",
     10},
    {SCORE, "9223372036854775807 + 1",
     "the integer result does not fit 64 bits; write a number as a float", 20},
    {SCORE, "h // 0", "integer division by zero", 2},
    {SCORE, "h % (window - 512)", "integer division by zero", 2},
    {MASK, "1 // 0 == 0", "integer division by zero", 2},
    {SCORE, "q_idx > 3",
     "a score is a number, this is a truth value; does it belong in the mask, or in where(…, "
     "score, "
     "-inf)?",
     6},
    {MASK, "score > 0", "a mask does not know the score: it is computed before", 0},
    {MASK, "q_idx - kv_idx",
     "a mask is a truth value, this is of type integer; '(…) != 0' makes it one", 6},
    {MASK, "cap", "a mask is a truth value, this is of type float; '(…) != 0' makes it one", 0},
    {MASK, "h & 1 == 0",
     "'&' takes two truth values, these are of type integer and integer; it binds tighter than "
     "comparisons: put those in parentheses",
     2},
    {MASK, "~h", "'~' takes a truth value, this is of type integer", 0},
    {MASK, "h is 1", "'is' is no word of this language; write '=='", 2},
    {MASK, "true", "'true' is no word of this language; write 'True'", 0},
};

static void complaints_show_the_place(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(refusals); i++) {
    const Refusal *refusal = &refusals[i];
    Text wanted = {0};
    Error error = {0};
    ModSource source = source_of(refusal->is_mask, refusal->text);
    assert_null(mod_parse(&source, &error));
    text_append_format(&wanted, "%s\n  %s\n  %*s^", refusal->message, refusal->text,
                       refusal->column, "");
    assert_string_equal(error.message, wanted.data);
    assert_string_equal(error.where, refusal->is_mask ? "mod m, mask" : "mod m, score");
    assert_int_equal(error.code, ERROR_ARGUMENT);
    text_free(&wanted);
  }
}

static void long_lines_are_shown_in_part(void **state) {
  (void)state;
  Text text = {0};
  Error error = {0};
  for (int i = 0; i < 30; i++) text_append_text(&text, "score + ");
  text_append_text(&text, "foo");
  for (int i = 0; i < 30; i++) text_append_text(&text, " + score");
  ModSource source = source_of(SCORE, text.data);
  assert_null(mod_parse(&source, &error));
  assert_string_equal(error.message,
                      "unknown name 'foo'\n"
                      "  … score + score + score + score + score + score + foo + score + score + "
                      "score  …\n"
                      "                                                    ^");
  text_free(&text);
}

static void only_the_line_of_the_place_is_shown(void **state) {
  (void)state;
  Error error = {0};
  ModSource source =
      source_of(MASK, "q_idx >= kv_idx\n  and doc[q_idx] == dog[kv_idx]\n  and True");
  assert_null(mod_parse(&source, &error));
  assert_string_equal(error.message, "unknown name 'dog'; did you mean 'doc'?\n"
                                     "    and doc[q_idx] == dog[kv_idx]\n"
                                     "                      ^");
}

static void bytes_that_cannot_be_shown_are_not(void **state) {
  (void)state;
  Error error = {0};
  ModSource source = source_of(SCORE, "score + \x01\xff");
  assert_null(mod_parse(&source, &error));
  assert_string_equal(error.message, "byte 0x01 has no meaning here\n  score + ??\n          ^");
}

static Text repeated(const char *before, const char *middle, const char *after, int times) {
  Text text = {0};
  for (int i = 0; i < times; i++) text_append_text(&text, before);
  text_append_text(&text, middle);
  for (int i = 0; i < times; i++) text_append_text(&text, after);
  return text;
}

static void refuses_with(const Text *text, const char *part) {
  Error error = {0};
  ModSource source = source_of(SCORE, text->data);
  assert_null(mod_parse(&source, &error));
  if (!strstr(error.message, part)) fail_msg("%s", error.message);
}

static void texts_that_nest_are_bounded(void **state) {
  (void)state;
  static const struct {
    const char *before, *middle, *after;
  } nests[] = {
      {"(", "1", ")"},           {"-", "1", ""},          {"not ", "h", ""},
      {"2 ** ", "1", ""},        {"min(1, ", "h", ")"},   {"doc[", "h", "]"},
      {"1 if h else ", "2", ""}, {"- - + ", "score", ""}, {"h if (", "h", ") else 1"},
  };
  for (size_t i = 0; i < COUNT_OF(nests); i++) {
    Text deep = repeated(nests[i].before, nests[i].middle, nests[i].after, 4000);
    refuses_with(&deep, "nested more than 100 deep");
    text_free(&deep);
  }
}

static void texts_that_go_on_are_bounded(void **state) {
  (void)state;
  Text huge = repeated("score + ", "1", " * 1", 40000);
  refuses_with(&huge, "the expression has 480001 bytes, at most 65536");
  text_free(&huge);
  Text many = {0};
  for (int i = 0; i < 1500; i++) text_append_format(&many, "h * %d + ", i + 2);
  text_append_text(&many, "1");
  refuses_with(&many, "the expression is too long: more than 1024 operations");
  text_free(&many);
}

static int nodes_of(const char *text) {
  Error error = {0};
  ModSource source = source_of(SCORE, text);
  Mod *mod = mod_parse(&source, &error);
  if (!mod) fail_msg("%s", error.message);
  int count = mod_parsed_score(mod)->count;
  mod_close(mod);
  return count;
}

static void many_operations_of_few_values_are_few_nodes(void **state) {
  (void)state;
  Text text = repeated("score * ", "score", "", 2000);
  assert_int_equal(nodes_of("score * score * score * score"), 4);
  assert_int_equal(nodes_of("(h + q_idx) * (q_idx + h) + score"), 7);
  refuses_with(&text, "the expression is too long");
  text_free(&text);
}

static double value_of(const char *text, double score) {
  Error error = {0};
  ModSource source = source_of(SCORE, text);
  Mod *mod = mod_parse(&source, &error);
  BoundMod *bound = NULL;
  ModPoint point = {.head = 1, .query = 5, .key = 3, .score = score};
  ModShape shape = {1, 2, 1, 8, 8, 64, 0, false};
  if (!mod || !mod_bind(mod, &shape, &bound, &error)) fail_msg("%s", error.message);
  double value = mod_score_at(bound, &point);
  bound_mod_close(bound);
  mod_close(mod);
  return value;
}

static void what_python_has_no_value_for_is_stated(void **state) {
  (void)state;
  assert_float_equal(value_of("q_idx // (h - 1)", 0), 0, 0);
  assert_float_equal(value_of("q_idx % (h - 1)", 0), 0, 0);
  assert_true(isinf(value_of("1 / 0", 0)) && value_of("-1 / 0", 0) < 0);
  assert_true(isnan(value_of("0 / 0", 0)));
  assert_true(isinf(value_of("score // 0.0", 1)));
  assert_true(isnan(value_of("score % 0.0", 1)));
  assert_true(isnan(value_of("(-8.0) ** 0.5", 0)));
  assert_true(isinf(value_of("0.0 ** -1", 0)));
  assert_true(isinf(value_of("log(0)", 0)));
  assert_true(isnan(value_of("log(score)", -1)));
  assert_true(isnan(value_of("sqrt(score)", -1)));
  assert_true(isinf(value_of("exp(score)", 1e4)));
  assert_float_equal(value_of("int(score)", NAN), 0, 0);
  assert_float_equal(value_of("int(score)", INFINITY), 9223372036854775807.0, 0);
  assert_float_equal(value_of("int(score)", -1e300), -9223372036854775808.0, 0);
}

static void nan_goes_where_it_does_in_python_and_torch(void **state) {
  (void)state;
  assert_true(isnan(value_of("min(score, 1)", NAN)) && isnan(value_of("min(1, score)", NAN)));
  assert_true(isnan(value_of("max(score, 1)", NAN)) && isnan(value_of("max(1, score)", NAN)));
  assert_true(isnan(value_of("score * 0", NAN)) && isnan(value_of("score - score", NAN)));
  assert_float_equal(value_of("1 if score == score else 0", NAN), 0, 0);
  assert_float_equal(value_of("1 if not score < 1 else 0", NAN), 1, 0);
  assert_float_equal(value_of("1 if score else 0", NAN), 1, 0);
  assert_float_equal(value_of("score ** 0", NAN), 1, 0);
  assert_true(isnan(value_of("nan", 0)) && isnan(value_of("float('nan')", 0)));
}

static void infinities_have_their_usual_spellings(void **state) {
  (void)state;
  static const char *const texts[] = {"-inf",      "-float('inf')", "float(\"-inf\")",
                                      "-math.inf", "-torch.inf",    "-1e999"};
  for (size_t i = 0; i < COUNT_OF(texts); i++)
    assert_float_equal(value_of(texts[i], 0), -INFINITY, 0);
}

static void library_prefixes_and_other_names_are_known(void **state) {
  (void)state;
  assert_float_equal(value_of("torch.where(q_idx >= kv_idx, score, -1)", 2), 2, 0);
  assert_float_equal(value_of("torch.maximum(score, h) + torch.minimum(score, h)", 2), 3, 0);
  assert_float_equal(value_of("1 if torch.logical_and(h, torch.logical_not(b)) else 0", 2), 1, 0);
  assert_float_equal(value_of("1 if torch.logical_or(b, h > 3) else 0", 2), 0, 0);
  assert_float_equal(value_of("# all\n score # it's (\n + h #", 2), 3, 0);
  assert_float_equal(value_of("1 if ~(h > 3) & ~(b > 3) else 0", 2), 1, 0);
  assert_float_equal(value_of("float(seen[q_idx]) + seen[0] + wide[kv_idx]", 0), 5, 0);
}

static void bad_names_and_arrays_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *name;
    Tensor values;
    const char *where, *message;
  } cases[] = {
      {"x",
       {.dtype = DTYPE_F64, .rank = 1, .shape = {1}, .stride = {1}, .data = doc},
       "array x",
       "holds float64, expected int32, int64, float32 or bool"},
      {"x",
       {.dtype = DTYPE_I32, .rank = 3, .shape = {1, 1, 1}, .stride = {1, 1, 1}, .data = doc},
       "array x",
       "has shape [1, 1, 1], expected 1 or 2 dimensions"},
      {"x",
       {.dtype = DTYPE_I32, .rank = 1, .shape = {2}, .stride = {2}, .data = doc},
       "array x",
       "is not dense"},
      {"x",
       {.dtype = DTYPE_I32, .rank = 2, .shape = {3, 0}, .stride = {0, 1}, .data = doc},
       "array x",
       "has no elements"},
      {"x",
       {.dtype = DTYPE_I32, .rank = 1, .shape = {1}, .stride = {1}},
       "array x",
       "has no values"},
      {"score", {0}, "array score", "the language has this name already"},
      {"exp", {0}, "array exp", "the language has this name already"},
      {"window", {0}, "parameter window", "the name is given 2 times"},
      {"2x",
       {0},
       "array 2x",
       "the name is not one that an expression can use: letters, digits and "
       "_, not beginning with a digit, and no word of the language"},
      {"not",
       {0},
       "array not",
       "the name is not one that an expression can use: letters, digits and "
       "_, not beginning with a digit, and no word of the language"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Error error = {0};
    ModArray array = {cases[i].name, cases[i].values};
    ModSource source = {"m", "score", NULL, 2, 1, parameters, &array};
    assert_null(mod_parse(&source, &error));
    assert_string_equal(error.where, cases[i].where);
    assert_string_equal(error.message, cases[i].message);
  }
}

static void empty_texts_are_none(void **state) {
  (void)state;
  Error error = {0};
  ModSource source = {.name = "nothing", .score = " \n", .mask = ""};
  Mod *mod = mod_parse(&source, &error);
  assert_non_null(mod);
  assert_int_equal(mod_parsed_score(mod)->count, 0);
  assert_int_equal(mod_parsed_mask(mod)->count, 0);
  assert_string_equal(mod_source(mod)->name, "nothing");
  mod_close(mod);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(complaints_show_the_place),
      cmocka_unit_test(long_lines_are_shown_in_part),
      cmocka_unit_test(only_the_line_of_the_place_is_shown),
      cmocka_unit_test(bytes_that_cannot_be_shown_are_not),
      cmocka_unit_test(texts_that_nest_are_bounded),
      cmocka_unit_test(texts_that_go_on_are_bounded),
      cmocka_unit_test(many_operations_of_few_values_are_few_nodes),
      cmocka_unit_test(what_python_has_no_value_for_is_stated),
      cmocka_unit_test(nan_goes_where_it_does_in_python_and_torch),
      cmocka_unit_test(infinities_have_their_usual_spellings),
      cmocka_unit_test(library_prefixes_and_other_names_are_known),
      cmocka_unit_test(bad_names_and_arrays_are_refused),
      cmocka_unit_test(empty_texts_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
