// SPDX-License-Identifier: Apache-2.0
#include "base/document.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static json_t *parse(const char *text, Error *error) {
  return document_parse(text, strlen(text), "f.json", error);
}

static void fields_are_read_with_their_type(void **state) {
  (void)state;
  Error error;
  json_t *root = parse("{\"a\": {\"b\": [1, 2.5, \"x\", true, null]}}", &error);
  assert_non_null(root);
  Field top = field_root(root, "f.json"), a = field_get(&top, "a"), b = field_get(&a, "b");
  assert_int_equal(field_count(&b), 5);
  Field item = field_at(&b, 0);
  int64_t integer = 0;
  assert_true(field_integer(&item, 0, 9, &integer, &error));
  assert_int_equal(integer, 1);
  assert_string_equal(item.path, "f.json, a.b[0]");
  assert_false(field_integer(&item, 2, 9, &integer, &error));
  assert_string_equal(error.message, "is 1, expected 2 to 9");
  item = field_at(&b, 1);
  assert_false(field_integer(&item, 0, 9, &integer, &error));
  assert_string_equal(error.where, "f.json, a.b[1]");
  assert_string_equal(error.message, "is a real number, expected an integer");
  json_decref(root);
}

static void defaults_stand_when_a_field_is_absent_or_null(void **state) {
  (void)state;
  Error error;
  json_t *root = parse("{\"n\": null, \"s\": 3}", &error);
  Field top = field_root(root, "f.json"), null = field_get(&top, "n"), none = field_get(&top, "no");
  double number = 4;
  const char *text = "kept";
  assert_true(field_number_or(&null, &number, &error));
  assert_true(field_text_or(&none, &text, &error));
  assert_true(number == 4);
  assert_string_equal(text, "kept");
  Field s = field_get(&top, "s");
  assert_false(field_text_or(&s, &text, &error));
  json_decref(root);
}

static void malformed_documents_are_refused_with_their_place(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "{",
                                    "{\"a\": 1, \"a\": 2}",
                                    "[1,]",
                                    "{\"a\": 1} x",
                                    "\"\xff\"",
                                    "{\"a\": 01}",
                                    "[1e999]",
                                    "[99999999999999999999]"};
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    Error error;
    assert_null(parse(bad[i], &error));
    assert_int_equal(error.code, ERROR_FORMAT);
    assert_non_null(strstr(error.message, "line"));
  }
}

static void deep_nesting_is_an_error_not_a_crash(void **state) {
  (void)state;
  Text text = {0};
  for (int i = 0; i < 1000000; i++) text_append_character(&text, '[');
  Error error;
  assert_null(document_parse(text.data, text.size, "deep", &error));
  assert_int_equal(error.code, ERROR_FORMAT);
  text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_are_read_with_their_type),
      cmocka_unit_test(defaults_stand_when_a_field_is_absent_or_null),
      cmocka_unit_test(malformed_documents_are_refused_with_their_place),
      cmocka_unit_test(deep_nesting_is_an_error_not_a_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
