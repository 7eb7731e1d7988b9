// SPDX-License-Identifier: Apache-2.0
// Some hundreds of expressions against what Python makes of them: evaluated, and folded with every
// variable a parameter.
#include "base/document.h"
#include "base/memory.h"
#include "base/text.h"
#include "mods/evaluate.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 4, COLUMNS = 16, VARIABLES = 5, MOST_PARAMETERS = 16 };

static const char *const variables[VARIABLES] = {"q_idx", "kv_idx", "h", "b", "score"};
static const ModShape shape = {2, ROWS, 2, COLUMNS, COLUMNS, 64, 0, false};

typedef struct {
  json_t *document;
  int32_t doc[COLUMNS];
  float slopes[ROWS], bias[ROWS * COLUMNS];
  ModArray arrays[3];
  ModParameter parameters[MOST_PARAMETERS]; // the file's, then one for each variable
  int parameter_count;
} Golden;

static json_t *member(const Golden *golden, const char *key) {
  return json_object_get(golden->document, key);
}

static void read_arrays(Golden *golden) {
  for (size_t i = 0; i < COLUMNS; i++)
    golden->doc[i] = (int32_t)json_integer_value(json_array_get(member(golden, "doc"), i));
  for (size_t r = 0; r < ROWS; r++) {
    golden->slopes[r] = (float)json_number_value(json_array_get(member(golden, "slopes"), r));
    for (size_t c = 0; c < COLUMNS; c++)
      golden->bias[r * COLUMNS + c] =
          (float)json_number_value(json_array_get(json_array_get(member(golden, "bias"), r), c));
  }
  golden->arrays[0] =
      (ModArray){"doc", tensor_dense(DTYPE_I32, 1, (int64_t[]){COLUMNS}, golden->doc)};
  golden->arrays[1] =
      (ModArray){"slopes", tensor_dense(DTYPE_F32, 1, (int64_t[]){ROWS}, golden->slopes)};
  golden->arrays[2] =
      (ModArray){"bias", tensor_dense(DTYPE_F32, 2, (int64_t[]){ROWS, COLUMNS}, golden->bias)};
}

static ModParameter parameter_of(const char *name, const json_t *value) {
  return (ModParameter){name, json_is_real(value), json_integer_value(value),
                        json_number_value(value)};
}

static int open_golden(void **state) {
  Golden *golden = memory_allocate(sizeof *golden);
  Error error;
  golden->document = document_read(GOLDEN "/expressions.json", 1 << 24, &error);
  assert_non_null(golden->document);
  read_arrays(golden);
  const char *key;
  json_t *value;
  json_object_foreach(member(golden, "parameters"), key, value)
      golden->parameters[golden->parameter_count++] = parameter_of(key, value);
  *state = golden;
  return 0;
}

static int close_golden(void **state) {
  Golden *golden = *state;
  json_decref(golden->document);
  memory_free(golden);
  return 0;
}

static ModPoint point_of(const json_t *point) {
  return (ModPoint){.batch = json_integer_value(json_object_get(point, "b")),
                    .head = json_integer_value(json_object_get(point, "h")),
                    .query = json_integer_value(json_object_get(point, "q_idx")),
                    .key = json_integer_value(json_object_get(point, "kv_idx")),
                    .score = json_number_value(json_object_get(point, "score"))};
}

static double expected_value(const json_t *value) {
  return json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
}

static void check_value(const char *text, size_t point, double value, const json_t *expected) {
  double wanted = expected_value(expected);
  if (fabs(value - wanted) <= 1e-12 * fmax(1e-3, fabs(wanted))) return;
  fail_msg("%s at point %zu: %.17g, Python has %.17g", text, point, value, wanted);
}

static BoundMod *bound_of(const ModSource *source, Mod **mod) {
  Error error = {0};
  BoundMod *bound = NULL;
  *mod = mod_parse(source, &error);
  if (!*mod || !mod_bind(*mod, &shape, &bound, &error)) fail_msg("%s", error.message);
  return bound;
}

static void check_case(const Golden *golden, const json_t *golden_case) {
  const char *text = json_string_value(json_object_get(golden_case, "text"));
  const json_t *points = member(golden, "points"), *values = json_object_get(golden_case, "values");
  Text score = {0}, mask = {0};
  text_append_format(&score, "float(%s)", text);
  bool masks = !strstr(text, "score");
  if (masks) text_append_format(&mask, "bool(%s)", text);
  ModSource source = {"golden", score.data,         mask.data,     golden->parameter_count,
                      3,        golden->parameters, golden->arrays};
  Mod *mod;
  BoundMod *bound = bound_of(&source, &mod);
  for (size_t i = 0; i < json_array_size(points); i++) {
    ModPoint point = point_of(json_array_get(points, i));
    const json_t *expected = json_array_get(values, i);
    check_value(text, i, mod_score_at(bound, &point), expected);
    if (masks) assert_int_equal(mod_visible_at(bound, &point), expected_value(expected) != 0);
  }
  bound_mod_close(bound);
  mod_close(mod);
  text_free(&score);
  text_free(&mask);
}

static void expressions_have_the_values_of_python(void **state) {
  Golden *golden = *state;
  size_t index;
  json_t *golden_case;
  assert_true(json_array_size(member(golden, "cases")) > 800);
  json_array_foreach(member(golden, "cases"), index, golden_case) check_case(golden, golden_case);
}

static bool in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Puts "the_" before every variable.
static void rename_variables(Text *out, const char *text) {
  while (*text) {
    size_t length = 0;
    while (in_name(text[length])) length++;
    for (int i = 0; i < VARIABLES; i++)
      if (span_equal((Span){text, length}, span_of(variables[i]))) text_append_text(out, "the_");
    text_append(out, text, length ? length : 1);
    text += length ? length : 1;
  }
}

// A tree without variables; arrays are read at places known beforehand.
static void check_folded(const Golden *golden, const json_t *golden_case, size_t index) {
  static const char *const names[VARIABLES] = {"the_q_idx", "the_kv_idx", "the_h", "the_b",
                                               "the_score"};
  const char *text = json_string_value(json_object_get(golden_case, "text"));
  const json_t *point = json_array_get(member(golden, "points"), index);
  ModParameter parameters[MOST_PARAMETERS + VARIABLES];
  Text score = {0};
  memcpy(parameters, golden->parameters, sizeof golden->parameters);
  for (int i = 0; i < VARIABLES; i++)
    parameters[golden->parameter_count + i] =
        parameter_of(names[i], json_object_get(point, variables[i]));
  text_append_text(&score, "0.0 + (");
  rename_variables(&score, text);
  text_append_text(&score, ")");
  ModSource source = {"folded", score.data, NULL,          golden->parameter_count + VARIABLES,
                      3,        parameters, golden->arrays};
  Mod *mod;
  BoundMod *bound = bound_of(&source, &mod);
  for (int i = 0; i < bound->score.count; i++)
    assert_int_not_equal(bound->score.nodes[i].operation, MOD_VARIABLE);
  if (!strstr(text, "[")) assert_int_equal(bound->score.count, 1);
  ModPoint nowhere = {.score = NAN};
  check_value(text, index, mod_score_at(bound, &nowhere),
              json_array_get(json_object_get(golden_case, "values"), index));
  bound_mod_close(bound);
  mod_close(mod);
  text_free(&score);
}

static void constants_fold_to_the_values_of_python(void **state) {
  Golden *golden = *state;
  size_t index;
  json_t *golden_case;
  json_array_foreach(member(golden, "cases"), index, golden_case) for (size_t i = 0; i < 4; i++)
      check_folded(golden, golden_case, i);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(expressions_have_the_values_of_python),
      cmocka_unit_test(constants_fold_to_the_values_of_python),
  };
  return cmocka_run_group_tests(tests, open_golden, close_golden);
}
