// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "base/python_json.h"
#include "base/yaml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

// What a text means, as JSON.
static void assert_means(const char *yaml, const char *json) {
  Error error;
  Text text = {0};
  json_t *value = yaml_parse(yaml, strlen(yaml), "f.yaml", NULL, &error);
  if (!value) print_error("%s: %s: %s\n", yaml, error.where, error.message);
  assert_non_null(value);
  python_json_append(&text, value, PYTHON_JSON_LINE);
  assert_string_equal(text.data, json);
  text_free(&text);
  json_decref(value);
}

static void assert_refused(const char *yaml, size_t size, const char *message) {
  Error error;
  YamlPlaces *places;
  assert_null(yaml_parse(yaml, size, "f.yaml", &places, &error));
  assert_null(places);
  assert_int_equal(error.code, ERROR_FORMAT);
  assert_string_equal(error.where, "f.yaml");
  if (!strstr(error.message, message)) print_error("%s: %s\n", yaml, error.message);
  assert_non_null(strstr(error.message, message));
}

#define ASSERT_REFUSED(YAML, MESSAGE) assert_refused(YAML, strlen(YAML), MESSAGE)

static void scalars_mean_what_the_core_schema_says(void **state) {
  (void)state;
  assert_means("[1, -2, +3, 0x1F, 0o17, 012, 0]", "[1, -2, 3, 31, 15, 12, 0]");
  assert_means("[9223372036854775807, -9223372036854775808]",
               "[9223372036854775807, -9223372036854775808]");
  assert_means("[1.5, .5, 5., 1e3, -1.25E-2, 1_000]",
               "[1.5, 0.5, 5.0, 1000.0, -0.0125, \"1_000\"]");
  assert_means("[true, False, TRUE, null, ~, !!null ]", "[true, false, true, null, null, null]");
  assert_means("[no, on, yes, off, n, y, 12:30:45, 2026-11-22, 0b1, 0x, +, -., e3]",
               "[\"no\", \"on\", \"yes\", \"off\", \"n\", \"y\", \"12:30:45\", \"2026-11-22\", "
               "\"0b1\", \"0x\", \"+\", \"-.\", \"e3\"]");
  assert_means("['1', \"true\", '', \"a\\tb\\u00e9\", 'it''s']",
               "[\"1\", \"true\", \"\", \"a\\tb\\u00e9\", \"it's\"]");
  assert_means("[!!str 1, !!float 2, !!int 3, !!bool true, !!null , ! '4']",
               "[\"1\", 2.0, 3, true, null, \"4\"]");
}

static void collections_of_both_styles_are_read(void **state) {
  (void)state;
  assert_means("", "null");
  assert_means("# nothing\n", "null");
  assert_means("a: 1\nb: [x, {c: 2}]\nd:\n- 3\n-\n  e: 4\n",
               "{\"a\": 1, \"b\": [\"x\", {\"c\": 2}], \"d\": [3, {\"e\": 4}]}");
  assert_means("a: |\n  two\n  lines\nb: >-\n  folded\n  text\n",
               "{\"a\": \"two\\nlines\\n\", \"b\": \"folded text\"}");
  assert_means("{\"a\": [1, 2.5, \"\\U0001f600\"], \"b\": null}",
               "{\"a\": [1, 2.5, \"\\ud83d\\ude00\"], \"b\": null}");
  assert_means("mods: [causal, {name: far, mask: \"q_idx >= kv_idx\"}]",
               "{\"mods\": [\"causal\", {\"name\": \"far\", \"mask\": \"q_idx >= kv_idx\"}]}");
  assert_means("a: &one {x: 1}\nb: [*one, *one]",
               "{\"a\": {\"x\": 1}, \"b\": [{\"x\": 1}, {\"x\": 1}]}");
  assert_means("--- 5\n...\n", "5");
}

static void what_json_cannot_hold_or_is_a_trap_is_refused(void **state) {
  (void)state;
  ASSERT_REFUSED("a: 1\nb: 2\na: 3\n", "line 3, column 1: the key \"a\" is there twice");
  ASSERT_REFUSED("{a: 1, \"a\": 2}", "there twice");
  ASSERT_REFUSED("? [x, y]\n: z\n", "line 1, column 3: a key that is no string");
  ASSERT_REFUSED("1: x\n", "a key that is no string: quote it");
  ASSERT_REFUSED("null: x\n", "a key that is no string");
  ASSERT_REFUSED("\"a\\0b\": x\n", "a key that is no string");
  ASSERT_REFUSED("a: &x {b: 1}\nc: {<<: *x}\n", "line 2, column 5: merge keys");
  ASSERT_REFUSED("a: .nan\n", "line 1, column 4: infinities");
  ASSERT_REFUSED("a: -.INF\n", "infinities");
  ASSERT_REFUSED("a: 9223372036854775808\n", "64 bits");
  ASSERT_REFUSED("a: 1e999\n", "double");
  ASSERT_REFUSED("a: !custom 1\n", "a tag that is not known");
  ASSERT_REFUSED("a: !!int x\n", "a tag that is not known or does not fit");
  ASSERT_REFUSED("a: !set {x: 1}\n", "a tag that is not known");
  ASSERT_REFUSED("--- 1\n--- 2\n", "more than one document");
  ASSERT_REFUSED("a: *b\n", "alias");
  ASSERT_REFUSED("a: &b [*b]\n", "alias");
}

static void malformed_text_is_refused_with_its_place(void **state) {
  (void)state;
  ASSERT_REFUSED("a: [1, 2\n", "line");
  ASSERT_REFUSED("a:\n\t- 1\n", "line 2, column 1: while scanning for the next token");
  ASSERT_REFUSED("a: 1\n  b: 2\n", "line 2, column 4: mapping values");
  ASSERT_REFUSED("a: \"x\n", "line 2, column 1: while scanning a quoted scalar");
  ASSERT_REFUSED("}", "line 1, column 1");
  ASSERT_REFUSED("a: b: c", "line 1");
  ASSERT_REFUSED("a: \xff", "not UTF-8 at byte 3");
  ASSERT_REFUSED("\xff\xfe"
                 "a",
                 "not UTF-8 at byte 0");
  assert_refused("a: \0b", 5, "NUL");
}

static char *repeated(const char *piece, size_t count, const char *ending) {
  Text text = {0};
  for (size_t i = 0; i < count; i++) text_append_text(&text, piece);
  text_append_text(&text, ending);
  return text.data;
}

static void assert_repeated_refused(const char *piece, size_t count, const char *ending,
                                    const char *message) {
  char *text = repeated(piece, count, ending);
  assert_refused(text, strlen(text), message);
  memory_free(text);
}

static void what_would_cost_too_much_is_refused(void **state) {
  (void)state;
  assert_repeated_refused("[", YAML_MOST_DEPTH + 1, "", "nested too deeply");
  assert_repeated_refused("{a: ", 100000, "", "nested too deeply");
  assert_repeated_refused("- ", 100000, "", "nested too deeply");
  assert_repeated_refused("- 1\n", YAML_MOST_VALUES, "", "more than 100000 values");
  assert_repeated_refused("# long\n", YAML_MOST_BYTES / 7 + 1, "", "bytes, expected at most");
  // ten times ten times … : a billion
  Text laughs = {0};
  text_append_text(&laughs, "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n");
  for (int i = 1; i < 9; i++) {
    text_append_format(&laughs, "l%d: &l%d [", i, i);
    for (int j = 0; j < 10; j++) text_append_format(&laughs, j ? ", *l%d" : "*l%d", i - 1);
    text_append_text(&laughs, "]\n");
  }
  assert_refused(laughs.data, laughs.size, "more than 100000 values");
  text_free(&laughs);
  char *deep = repeated("[", YAML_MOST_DEPTH, "");
  Text whole = {0};
  text_append_text(&whole, deep);
  for (int i = 0; i < YAML_MOST_DEPTH; i++) text_append_character(&whole, ']');
  Error error;
  json_t *value = yaml_parse(whole.data, whole.size, "f.yaml", NULL, &error);
  assert_non_null(value);
  json_decref(value);
  memory_free(deep);
  text_free(&whole);
}

static void assert_told(const YamlPlaces *places, const char *where, const char *told) {
  Error error;
  error_set(&error, ERROR_FORMAT, where, "is wrong");
  assert_false(yaml_places_tell(places, &error));
  assert_string_equal(error.where, told);
  assert_string_equal(error.message, "is wrong");
}

static void errors_tell_line_and_column_of_a_field(void **state) {
  (void)state;
  static const char yaml[] = "# sweep\nb: [2, 8]\nmods:\n  - causal\n  - {name: far, score: 3}\n"
                             "c: &x {y: 1}\nd: *x\n";
  Error error;
  YamlPlaces *places;
  json_t *value = yaml_parse(yaml, sizeof yaml - 1, "f.yaml", &places, &error);
  assert_non_null(value);
  Field root = field_root(value, "f.yaml"), mods = field_get(&root, "mods"),
        far = field_at(&mods, 1), score = field_get(&far, "score");
  const char *text;
  assert_false(field_text(&score, &text, &error));
  assert_false(yaml_places_tell(places, &error));
  assert_string_equal(error.where, "f.yaml, mods[1].score (line 5, column 24)");
  int line = 0, column = 0;
  assert_true(yaml_places_find(places, &mods, &line, &column));
  assert_int_equal(line, 4);
  assert_int_equal(column, 3);
  assert_told(places, "f.yaml, b[1]: batch", "f.yaml, b[1] (line 2, column 8): batch");
  assert_told(places, "f.yaml, d.y", "f.yaml, d.y (line 7, column 4)");
  assert_told(places, "f.yaml, mods[1].mask", "f.yaml, mods[1].mask (line 5, column 5)");
  assert_told(places, "f.yaml", "f.yaml (line 2, column 1)");
  assert_told(places, "--dtype", "--dtype");
  assert_told(NULL, "f.yaml, b", "f.yaml, b");
  yaml_places_close(places);
  json_decref(value);
}

static void a_file_that_is_not_there_is_told(void **state) {
  (void)state;
  Error error;
  YamlPlaces *places;
  assert_null(yaml_read("/nowhere/at/all.yaml", &places, &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  assert_null(places);
  yaml_places_close(places);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars_mean_what_the_core_schema_says),
      cmocka_unit_test(collections_of_both_styles_are_read),
      cmocka_unit_test(what_json_cannot_hold_or_is_a_trap_is_refused),
      cmocka_unit_test(malformed_text_is_refused_with_its_place),
      cmocka_unit_test(what_would_cost_too_much_is_refused),
      cmocka_unit_test(errors_tell_line_and_column_of_a_field),
      cmocka_unit_test(a_file_that_is_not_there_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
