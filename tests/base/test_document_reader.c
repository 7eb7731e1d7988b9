// SPDX-License-Identifier: Apache-2.0
#include "base/document_reader.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void reads_texts(void **context) {
  (void)context;
  static const struct {
    const char *json, *text;
    size_t size;
  } cases[] = {
      {"\"\"", "", 0},
      {" \"plain\"", "plain", 5},
      {"\"a\\n\\t\\\"\\\\\\/\\b\\f\\r\"", "a\n\t\"\\/\b\f\r", 9},
      {"\"\\u00e9\\u4F60\"", "\xC3\xA9\xE4\xBD\xA0", 5},
      {"\"\\ud83d\\udc4d!\"", "\xF0\x9F\x91\x8D!", 5},
      {"\"\\u0000x\"", "\0x", 2},
      {"\"\xC3\xA9\"", "\xC3\xA9", 2},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    DocumentReader reader = document_reader(span_of(cases[i].json), "test");
    Text scratch = {0};
    Span text;
    Error error;
    assert_true(document_reader_text(&reader, &scratch, &text, &error));
    assert_true(span_equal(text, (Span){cases[i].text, cases[i].size}));
    assert_true(document_reader_end(&reader, &error));
    text_free(&scratch);
  }
}

static void refuses_texts(void **context) {
  (void)context;
  static const char *const cases[] = {"",
                                      "x",
                                      "\"",
                                      "\"a",
                                      "\"\\",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\ud83d\"",
                                      "\"\\udc4d\"",
                                      "\"\\ud83d\\u0041\"",
                                      "\"\n\"",
                                      "\"\xFF\"",
                                      "\"\xC3\"",
                                      "\"\xED\xA0\x80\"",
                                      "\"\\u12g4\""};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    DocumentReader reader = document_reader(span_of(cases[i]), "test");
    Text scratch = {0};
    Span text;
    Error error = {0};
    if (document_reader_text(&reader, &scratch, &text, &error)) fail_msg("%s was taken", cases[i]);
    assert_int_equal(error.code, ERROR_FORMAT);
    assert_non_null(strstr(error.message, "at byte"));
    text_free(&scratch);
  }
}

static void reads_integers(void **context) {
  (void)context;
  static const struct {
    const char *json;
    bool good;
    int64_t value;
  } cases[] = {{"0", true, 0},
               {"-0", true, 0},
               {"128255", true, 128255},
               {"-7", true, -7},
               {"01", false, 0},
               {"1.0", false, 0},
               {"1e3", false, 0},
               {"-", false, 0},
               {"+1", false, 0},
               {"999999999999999999", true, 999999999999999999},
               {"1000000000000000000", false, 0}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    DocumentReader reader = document_reader(span_of(cases[i].json), "test");
    int64_t value = 42;
    Error error;
    assert_int_equal(document_reader_integer(&reader, &value, &error), cases[i].good);
    assert_int_equal(value, cases[i].good ? cases[i].value : 42);
  }
}

static void walks(void **context) {
  (void)context;
  static const char json[] = " { \"a\" : [ 1 , 2 ] , \"b\" : {\"c\": \"]}\\\"\"} , \"d\":-1.5e3}";
  static const char *const values[] = {"[ 1 , 2 ]", "{\"c\": \"]}\\\"\"}", "-1.5e3"};
  DocumentReader reader = document_reader(span_of(json), "test");
  Text scratch = {0};
  Error error;
  bool more;
  size_t count = 0;
  assert_true(document_reader_enter(&reader, '{', &error));
  for (;;) {
    Span key, raw;
    assert_true(document_reader_more(&reader, '}', &more, &error));
    if (!more) break;
    assert_true(document_reader_key(&reader, &scratch, &key, &error));
    assert_int_equal(key.size, 1);
    assert_int_equal(key.data[0], "abd"[count]);
    assert_true(document_reader_skip(&reader, &raw, &error));
    assert_true(span_equal(raw, span_of(values[count])));
    count++;
  }
  assert_int_equal(count, 3);
  assert_true(document_reader_end(&reader, &error));
  text_free(&scratch);
}

static void refuses_broken_lists(void **context) {
  (void)context;
  static const char *const cases[] = {"[1 2]", "[1,]", "[,1]", "[1", "[1,", "1]", "[1}", "[1]]"};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    DocumentReader reader = document_reader(span_of(cases[i]), "test");
    Error error = {0};
    bool good = document_reader_enter(&reader, '[', &error), more = true;
    while (good && more) {
      int64_t value;
      good = document_reader_more(&reader, ']', &more, &error) &&
             (!more || document_reader_integer(&reader, &value, &error));
    }
    if (good && document_reader_end(&reader, &error)) fail_msg("%s was taken", cases[i]);
    assert_int_equal(error.code, ERROR_FORMAT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(reads_texts), cmocka_unit_test(refuses_texts),
                                     cmocka_unit_test(reads_integers), cmocka_unit_test(walks),
                                     cmocka_unit_test(refuses_broken_lists)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
