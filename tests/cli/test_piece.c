// SPDX-License-Identifier: Apache-2.0
// Bytes shown on one line, and ids as they are typed.
#include "cli/piece.h"
#include "cli/token_ids.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_quoted(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    const char *expected;
  } cases[] = {
      {"", 0, "\"\""},
      {" the", 4, "\" the\""},
      {"a\"b\\", 4, "\"a\\\"b\\\\\""},
      {"\n\r\t\x1b\0", 5, "\"\\n\\r\\t\\x1b\\x00\""},
      {"\x7f", 1, "\"\\x7f\""},
      {"é海😀", 9, "\"é海😀\""},
      {"\xc3", 1, "\"\\xc3\""},
      {"\xe6\xb5", 2, "\"\\xe6\\xb5\""},
      {"\xc3\xa9\xff", 3, "\"é\\xff\""},
      {"\xe2\x80\xae", 3, "\"\\xe2\\x80\\xae\""}, // right-to-left override steers a terminal
      {"\xc2\x9b", 2, "\"\\xc2\\x9b\""},          // a control character beyond ASCII
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Text text = {0};
    piece_append_quoted((Span){cases[i].bytes, cases[i].size}, &text);
    assert_string_equal(text.data, cases[i].expected);
    text_free(&text);
  }
}

static void test_ids(void **state) {
  (void)state;
  static const int32_t expected[] = {1, 22, 2147483647};
  static const char *const texts[] = {"1 22 2147483647", " 1,22\n2147483647,",
                                      "1, 22,\t2147483647"};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    TokenIds ids = {0};
    Error error;
    assert_true(token_ids_parse(texts[i], "--ids", &ids, &error));
    assert_int_equal(ids.count, 3);
    assert_memory_equal(ids.items, expected, sizeof expected);
    ARRAY_FREE(&ids);
  }
}

static void test_bad_ids(void **state) {
  (void)state;
  static const char *const texts[] = {
      "x", "1 2x", "-1", "2147483648", "1.5", "99999999999999999999", "0x10"};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    TokenIds ids = {0};
    Error error;
    assert_false(token_ids_parse(texts[i], "--ids", &ids, &error));
    assert_int_equal(error.code, ERROR_ARGUMENT);
    assert_string_equal(error.where, "--ids");
    ARRAY_FREE(&ids);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_quoted),
      cmocka_unit_test(test_ids),
      cmocka_unit_test(test_bad_ids),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
