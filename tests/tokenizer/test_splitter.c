// SPDX-License-Identifier: Apache-2.0
// The hand-written splitters against their own expressions run by the pattern engine.
#include "base/clock.h"
#include "base/random.h"
#include "base/utf8.h"
#include "tokenizer/pattern.h"
#include "tokenizer/splitter.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const expressions[] = {SPLITTER_GPT2, SPLITTER_LLAMA3, SPLITTER_QWEN2};
static const char *const parts[] = {"'s",
                                    "'T",
                                    "'re",
                                    "'VE",
                                    "'lL",
                                    "'d",
                                    "'",
                                    "'\xC5\xBF",
                                    " ",
                                    "  ",
                                    "\n",
                                    "\r",
                                    "\r\n",
                                    "\t",
                                    "a",
                                    "Word",
                                    "12",
                                    "1234",
                                    "...",
                                    "/",
                                    "\xC2\xA0",
                                    "\xC3\xA9",
                                    "e\xCC\x81",
                                    "\xE4\xBD\xA0",
                                    "\xF0\x9F\x91\x8D",
                                    "\xE2\x80\xA8",
                                    "\xD9\xA3",
                                    "\xC2\xBD",
                                    "_"};

static void append_random_character(Text *text, Random *random) {
  static const uint32_t ends[] = {0x80, 0x250, 0x3000, 0x11000, 0x110000};
  uint32_t c = (uint32_t)random_below(random, ends[random_below(random, COUNT_OF(ends))]);
  if (c < 0xD800 || c > 0xDFFF) utf8_append(text, c);
}

static void make_text(Text *text, Random *random) {
  text_clear(text);
  for (uint64_t count = 1 + random_below(random, 12); count; count--) {
    if (random_below(random, 4))
      text_append_text(text, parts[random_below(random, COUNT_OF(parts))]);
    else
      append_random_character(text, random);
  }
}

static void compare(const Splitter *splitter, const Pattern *pattern, PatternWork *work,
                    Span text) {
  PatternWalk walk = {.text = text};
  pattern_work_start(work, text.size);
  for (size_t at = 0; at < text.size;) {
    Match match;
    bool found;
    Error error;
    assert_true(pattern_walk(&walk, pattern, work, &match, &found, &error));
    size_t end = splitter_next(splitter, text, at);
    if (!found || match.begin != at || match.end != end)
      fail_msg("[%.*s] at %zu: ends at %zu, expected %zu", (int)text.size, text.data, at, end,
               found ? match.end : 0);
    at = end;
  }
}

static void equals_the_expression(void **context) {
  (void)context;
  uint64_t seed = (uint64_t)clock_now();
  print_message("# seed %llu\n", (unsigned long long)seed);
  Random random = random_seeded(seed);
  PatternWork *work = pattern_work_open();
  for (size_t e = 0; e < COUNT_OF(expressions); e++) {
    Splitter *splitter = splitter_open(span_of(expressions[e]));
    Error error;
    Pattern *pattern = pattern_open(span_of(expressions[e]), "test", &error);
    assert_non_null(splitter);
    assert_non_null(pattern);
    Text text = {0};
    for (int round = 0; round < 40000; round++) {
      make_text(&text, &random);
      compare(splitter, pattern, work, text_span(&text));
    }
    text_free(&text);
    pattern_close(pattern);
    splitter_close(splitter);
  }
  pattern_work_close(work);
}

static void knows_three_expressions(void **context) {
  (void)context;
  assert_null(splitter_open(span_of("\\s+")));
  assert_null(splitter_open(span_of("")));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(equals_the_expression),
                                     cmocka_unit_test(knows_three_expressions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
