// SPDX-License-Identifier: Apache-2.0
// Regular expressions mean what they mean in Ruby syntax, on valid UTF-8.
#include "tokenizer/pattern.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// All matches of an expression in a text, with '|' behind each.
static Text matches(const char *expression, const char *text) {
  Error error;
  Pattern *pattern = pattern_open(span_of(expression), "test", &error);
  if (!pattern) fail_msg("%s: %s", expression, error.message);
  PatternWork *work = pattern_work_open();
  pattern_work_start(work, strlen(text));
  PatternWalk walk = {.text = span_of(text)};
  Text out = {0};
  for (;;) {
    Match match;
    bool found;
    if (!pattern_walk(&walk, pattern, work, &match, &found, &error)) fail_msg("%s", error.message);
    if (!found) break;
    text_append(&out, text + match.begin, match.end - match.begin);
    text_append_text(&out, "|");
  }
  pattern_work_close(work);
  pattern_close(pattern);
  return out;
}

static void finds(void **context) {
  (void)context;
  static const struct {
    const char *expression, *text, *found;
  } cases[] = {
      {"\\s",
       "a\xE1\xA0\x8E"
       "b c",
       " |"}, // not U+180E
      {"\\S+",
       "a\xC2\xA0"
       "b",
       "a|b|"},
      {"[^\\s]+",
       "a\xE3\x80\x80"
       "b",
       "a|b|"},
      {"[^\\S]", "a b", " |"},
      {"\\w+", "a_\xC2\xB2-b", "a_\xC2\xB2|b|"},
      {"\\W", "a-b", "-|"},
      {"\\h+", "xBEEFy", "BEEF|"},
      {"a{,2}b", "aaab", "aab|"},
      {"x{", "x{", "x{|"},
      {"\\p{N}{1,3}+", "12345", "12345|"}, // the interval is repeated, not possessive
      {"\\p{L}+",
       "\xE1\xB2\x89"
       "a1",
       "\xE1\xB2\x89"
       "a|"}, // U+1C89 is younger than PCRE2 10.42
      {"\\P{L}+",
       "\xE1\xB2\x89"
       "a1",
       "1|"},
      {"(?i:'s)", "'S '\xC5\xBF", "'S|'\xC5\xBF|"}, // U+017F folds to s
      {".+", "ab\ncd", "ab|cd|"},
      {"(?m:.+)", "ab\ncd", "ab\ncd|"},
      {"^b$", "a\nb\nc", "b|"},
      {"\\s+(?!\\S)|\\s+", "a   b", "  | |"},
      {"[a-c&]+", "ab&d", "ab&|"},
      {"[[:alpha:]]+", "ab1", "ab|"},
      {"\\u00e9", "caf\xC3\xA9", "\xC3\xA9|"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Text found = matches(cases[i].expression, cases[i].text);
    if (strcmp(found.data ? found.data : "", cases[i].found) != 0)
      fail_msg("%s in [%s]: [%s]", cases[i].expression, cases[i].text, found.data);
    text_free(&found);
  }
}

static void walks_over_empty_matches(void **context) {
  (void)context;
  Text found = matches("x*", "axxb");
  assert_string_equal(found.data, "|xx||");
  text_free(&found);
}

// Searches go forward in windows: a match far away is found all the same.
static void finds_far_away(void **context) {
  (void)context;
  Text text = {0};
  for (int i = 0; i < 3000; i++) text_append_text(&text, "\xE6\x97\xA5");
  text_append_text(&text, "b");
  Text found = matches("b", text.data);
  assert_string_equal(found.data, "b|");
  text_free(&found);
  text_free(&text);
}

static void refuses(void **context) {
  (void)context;
  static const char *const cases[] = {"[a[b]]", "[a&&b]", "(a)\\1", "(*ACCEPT)", "(?#x)a",
                                      "a\\",    "(",      "[a",     "\\Cx",      "(?P<n>a)"};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Error error = {0};
    if (pattern_open(span_of(cases[i]), "field", &error)) fail_msg("%s was taken", cases[i]);
    assert_true(error.code == ERROR_FORMAT || error.code == ERROR_UNSUPPORTED);
    assert_string_equal(error.where, "field");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(finds),
                                     cmocka_unit_test(walks_over_empty_matches),
                                     cmocka_unit_test(finds_far_away), cmocka_unit_test(refuses)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
