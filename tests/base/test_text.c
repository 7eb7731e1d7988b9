// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/text.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static void text_grows_and_stays_terminated(void **state) {
  (void)state;
  Text text = {0};
  for (int i = 0; i < 1000; i++) text_append_format(&text, "%d,", i);
  text_append(&text, "\0z", 2);
  assert_int_equal(text.size, 10 * 2 + 90 * 3 + 900 * 4 + 2);
  assert_int_equal(text.data[text.size], 0);
  assert_int_equal(text.data[text.size - 1], 'z');
  text_clear(&text);
  assert_string_equal(text.data, "");
  text_free(&text);
  assert_null(text.data);
}

static void spans_compare_by_bytes(void **state) {
  (void)state;
  assert_true(span_equal(span_of("abc"), (Span){"abcd", 3}));
  assert_false(span_equal(span_of("abc"), span_of("abd")));
  assert_true(span_equal((Span){NULL, 0}, span_of("")));
  assert_true(span_starts_with(span_of("abc"), span_of("ab")));
  assert_false(span_starts_with(span_of("a"), span_of("ab")));
}

static void endings_begin_at_characters(void **state) {
  (void)state;
  assert_string_equal(text_ending("model.gguf", 20), "model.gguf");
  assert_string_equal(text_ending("model.gguf", 5), ".gguf");
  assert_string_equal(text_ending("na\xc3\xafve", 3), "ve");
  assert_string_equal(text_ending("na\xc3\xafve", 4), "\xc3\xafve");
  assert_string_equal(text_ending("\x80\x80", 1), "");
  assert_string_equal(text_ending("abc", 0), "");
}

static void errors_keep_their_place_and_are_cut_at_characters(void **state) {
  (void)state;
  Error error;
  assert_false(error_set(&error, ERROR_FORMAT, "file", "found %d", 3));
  error_within(&error, "folder");
  char buffer[64];
  assert_string_equal(error_text(&error, buffer, sizeof buffer), "folder: file: found 3");
  char accents[600];
  for (size_t i = 0; i + 2 < sizeof accents; i += 2) memcpy(accents + i, "é", 2);
  accents[598] = accents[599] = '\0';
  error_set(&error, ERROR_FORMAT, NULL, "x%s", accents);
  size_t length = strlen(error.message);
  assert_int_equal(length % 2, 1); // x, then whole two-byte characters
  assert_true(length < sizeof error.message);
}

static void errno_becomes_a_code(void **state) {
  (void)state;
  Error error;
  errno = ENOENT;
  error_set_errno(&error, "f", "cannot open");
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  assert_int_equal(error_exit_code(error.code), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_grows_and_stays_terminated),
      cmocka_unit_test(spans_compare_by_bytes),
      cmocka_unit_test(endings_begin_at_characters),
      cmocka_unit_test(errors_keep_their_place_and_are_cut_at_characters),
      cmocka_unit_test(errno_becomes_a_code),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
