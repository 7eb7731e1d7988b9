// SPDX-License-Identifier: Apache-2.0
// The parser against a command whose rows have every kind of option.
#include "cli/arguments.h"
#include "cli/help.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const Option rows[] = {
    {.flag = "--model", .kind = OPTION_TEXT, .standard = "none", .help = "a text"},
    {.flag = "--batch-size",
     .letter = 'b',
     .kind = OPTION_INTEGER,
     .list = true,
     .least = 1,
     .most = INFINITY,
     .standard = "1 2",
     .help = "a list of integers"},
    {.flag = "--seed", .kind = OPTION_INTEGER, .help = "an integer of any value"},
    {.flag = "--heat", .kind = OPTION_REAL, .least = 0, .most = 2, .help = "a real"},
    {.flag = "--mode",
     .letter = 'm',
     .kind = OPTION_CHOICE,
     .list = true,
     .choices = "eager|sdpa",
     .later_choices = "flash",
     .help = "a choice"},
    {.flag = "--quiet", .letter = 'q', .kind = OPTION_SWITCH, .help = "a switch"},
    {.flag = "--names", .kind = OPTION_TEXT, .list = true, .help = "texts"},
    {.flag = "--bits",
     .kind = OPTION_INTEGER,
     .brief = true,
     .list = true,
     .help = "one dash will do"},
    {.flag = "--upload", .kind = OPTION_TEXT, .later = true, .help = "not there yet"},
};
static const OptionTable table = OPTION_TABLE("All", rows);
static const Command command = {.name = "try",
                                .summary = "a command",
                                .description = "A command.",
                                .arguments = "[WORD...]",
                                .tables = {&table}};

static const Option listing_rows[] = {
    {.flag = "--need", .kind = OPTION_TEXT, .required = true, .help = "must be there"},
    {.flag = "--swap",
     .kind = OPTION_CHOICE,
     .list = true,
     .choices = "off|on",
     .implied = "on",
     .standard = "off",
     .help = "on where nothing follows"},
    {.flag = "--list", .kind = OPTION_SWITCH, .help = "show, do nothing"},
};
static const OptionTable listing_table = OPTION_TABLE("Listing", listing_rows);
static const Command listing = {
    .name = "listing", .description = "", .tables = {&listing_table}, .listing = "--list"};
static const Command strict = {.name = "strict", .description = "", .tables = {&table}};

enum { MAX_WORDS = 32 };

// Splits at spaces; "~" stands for a space inside a word.
static Arguments *parse_by(const Command *by, const char *line, Error *error) {
  static char copy[512];
  static char *words[MAX_WORDS];
  int count = 0;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
    for (char *at = word; *at; at++) {
      if (*at == '~') *at = ' ';
    }
    words[count++] = word;
  }
  *error = (Error){0};
  return arguments_parse(NULL, by, count, words, error);
}

static Arguments *parse(const char *line) {
  Error error;
  Arguments *arguments = parse_by(&command, line, &error);
  if (!arguments) fail_msg("%s: %s: %s", line, error.where, error.message);
  return arguments;
}

static void expect_error(const char *line, ErrorCode code, const char *where, const char *message) {
  Error error;
  Arguments *arguments = parse_by(&command, line, &error);
  assert_null(arguments);
  assert_int_equal(error.code, code);
  assert_string_equal(error.where, where);
  assert_string_equal(error.message, message);
}

static void test_defaults(void **state) {
  (void)state;
  Arguments *arguments = parse("");
  assert_string_equal(arguments_text(arguments, "--model"), "none");
  assert_false(arguments_given(arguments, "--model"));
  assert_int_equal(arguments_count(arguments, "--batch-size"), 2);
  assert_int_equal(arguments_integer_at(arguments, "--batch-size", 1), 2);
  assert_null(arguments_text(arguments, "--mode"));
  assert_int_equal(arguments_count(arguments, "--mode"), 0);
  assert_int_equal(arguments_integer(arguments, "--seed"), 0);
  assert_false(arguments_switch(arguments, "--quiet"));
  assert_int_equal(arguments_rest_count(arguments), 0);
  arguments_free(arguments);
}

static void test_spellings(void **state) {
  (void)state;
  static const char *const lines[] = {
      "--batch-size 4 8",    "--batch-size=4,8", "-b 4 8",    "-b4,8",
      "-b=4 --batch-size 8", "-b 4 -b 8",        "-b 4,8 --", "--batch-size=4 -b 8",
  };
  for (size_t i = 0; i < COUNT_OF(lines); i++) {
    Arguments *arguments = parse(lines[i]);
    assert_true(arguments_given(arguments, "--batch-size"));
    assert_int_equal(arguments_count(arguments, "--batch-size"), 2);
    assert_int_equal(arguments_integer_at(arguments, "--batch-size", 0), 4);
    assert_int_equal(arguments_integer_at(arguments, "--batch-size", 1), 8);
    arguments_free(arguments);
  }
}

static void test_values(void **state) {
  (void)state;
  Arguments *arguments = parse("--seed -5 --heat 1e-1 --mode sdpa eager -q --model=a=b");
  assert_int_equal(arguments_integer(arguments, "--seed"), -5);
  assert_true(arguments_real(arguments, "--heat") == 0.1);
  assert_string_equal(arguments_text_at(arguments, "--mode", 1), "eager");
  assert_true(arguments_switch(arguments, "--quiet"));
  assert_string_equal(arguments_text(arguments, "--model"), "a=b");
  arguments_free(arguments);
}

static void test_texts_are_not_split(void **state) {
  (void)state;
  Arguments *arguments = parse("--names a,b c~d --model -x,y");
  assert_int_equal(arguments_count(arguments, "--names"), 2);
  assert_string_equal(arguments_text_at(arguments, "--names", 0), "a,b");
  assert_string_equal(arguments_text_at(arguments, "--names", 1), "c d");
  assert_string_equal(arguments_text(arguments, "--model"), "-x,y");
  arguments_free(arguments);
}

static void test_one_dash(void **state) {
  (void)state;
  static const char *const lines[] = {"-bits 8 16", "--bits 8 16", "-bits=8 -bits 16",
                                      "-bits 8,16"};
  for (size_t i = 0; i < COUNT_OF(lines); i++) {
    Arguments *arguments = parse(lines[i]);
    assert_int_equal(arguments_count(arguments, "--bits"), 2);
    assert_int_equal(arguments_integer_at(arguments, "--bits", 1), 16);
    assert_false(arguments_given(arguments, "--batch-size"));
    arguments_free(arguments);
  }
  expect_error("-b -bits 8", ERROR_ARGUMENT, "--batch-size",
               "no value given, expected an integer, at least 1");
  expect_error("-bites 8", ERROR_ARGUMENT, "--batch-size",
               "\"ites\" given, expected an integer, at least 1");
  expect_error("-seed 8", ERROR_ARGUMENT, "-seed",
               "no such flag, did you mean --seed? (attometer try --help lists the flags)");
}

static void test_last_wins(void **state) {
  (void)state;
  Arguments *arguments = parse("--seed 1 --seed 9223372036854775807");
  assert_int_equal(arguments_count(arguments, "--seed"), 1);
  assert_true(arguments_integer(arguments, "--seed") == INT64_MAX);
  arguments_free(arguments);
}

static void test_rest(void **state) {
  (void)state;
  Arguments *arguments = parse("one -q two - -- --seed -b");
  static const char *const expected[] = {"one", "two", "-", "--seed", "-b"};
  assert_int_equal(arguments_rest_count(arguments), COUNT_OF(expected));
  for (size_t i = 0; i < COUNT_OF(expected); i++) {
    assert_string_equal(arguments_rest(arguments, i), expected[i]);
  }
  arguments_free(arguments);
}

static void test_bad_values(void **state) {
  (void)state;
  expect_error("-b 0", ERROR_ARGUMENT, "--batch-size",
               "\"0\" given, expected an integer, at least 1");
  expect_error("-b 4x", ERROR_ARGUMENT, "--batch-size",
               "\"4x\" given, expected an integer, at least 1");
  expect_error("-b 4,", ERROR_ARGUMENT, "--batch-size",
               "\"\" given, expected an integer, at least 1");
  expect_error("--seed 9223372036854775808", ERROR_ARGUMENT, "--seed",
               "\"9223372036854775808\" given, expected an integer");
  expect_error("--seed ~5", ERROR_ARGUMENT, "--seed", "\" 5\" given, expected an integer");
  expect_error("--heat 2.5", ERROR_ARGUMENT, "--heat",
               "\"2.5\" given, expected a number from 0 to 2");
  expect_error("--heat nan", ERROR_ARGUMENT, "--heat",
               "\"nan\" given, expected a number from 0 to 2");
  expect_error("--mode eagr", ERROR_ARGUMENT, "--mode",
               "\"eagr\" given, expected one of eager, sdpa (did you mean eager?)");
  expect_error("--mode x", ERROR_ARGUMENT, "--mode", "\"x\" given, expected one of eager, sdpa");
  expect_error("--quiet=yes", ERROR_ARGUMENT, "--quiet", "\"yes\" given, expected no value");
}

static void test_missing_values(void **state) {
  (void)state;
  expect_error("--seed", ERROR_ARGUMENT, "--seed", "no value given, expected an integer");
  expect_error("--model --seed 1", ERROR_ARGUMENT, "--model", "no value given, expected a text");
  expect_error("-b -q", ERROR_ARGUMENT, "--batch-size",
               "no value given, expected an integer, at least 1");
}

static void test_implied_values(void **state) {
  (void)state;
  static const struct {
    const char *line, *first;
    size_t count;
  } cases[] = {{"--list", "off", 1},
               {"--swap --list", "on", 1},
               {"--list --swap", "on", 1},
               {"--list --swap off", "off", 1},
               {"--list --swap off on", "off", 2}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Error error = {0};
    Arguments *arguments = parse_by(&listing, cases[i].line, &error);
    assert_non_null(arguments);
    assert_int_equal(arguments_count(arguments, "--swap"), cases[i].count);
    assert_string_equal(arguments_text(arguments, "--swap"), cases[i].first);
    arguments_free(arguments);
  }
}

// What a command requires is not asked for when it only lists.
static void test_listing_needs_nothing(void **state) {
  (void)state;
  Error error = {0};
  assert_null(parse_by(&listing, "--swap", &error));
  assert_string_equal(error.where, "--need");
  Arguments *arguments = parse_by(&listing, "--need x", &error);
  assert_non_null(arguments);
  arguments_free(arguments);
}

static void test_later(void **state) {
  (void)state;
  expect_error("--upload x", ERROR_UNSUPPORTED, "--upload", "not in this build");
  expect_error("--mode flash", ERROR_UNSUPPORTED, "--mode", "\"flash\" is not in this build");
}

static void test_unknown(void **state) {
  (void)state;
  expect_error("--batchsize 1", ERROR_ARGUMENT, "--batchsize",
               "no such flag, did you mean --batch-size? (attometer try --help lists the flags)");
  expect_error("--batch=3", ERROR_ARGUMENT, "--batch",
               "no such flag, did you mean --batch-size? (attometer try --help lists the flags)");
  expect_error("--zzzzzzz", ERROR_ARGUMENT, "--zzzzzzz",
               "no such flag (attometer try --help lists the flags)");
  expect_error("-z", ERROR_ARGUMENT, "-z", "no such flag (attometer try --help lists the flags)");
}

static void test_no_rest_wanted(void **state) {
  (void)state;
  Error error;
  assert_null(parse_by(&strict, "word", &error));
  assert_string_equal(error.where, "strict");
}

static void test_help_wins(void **state) {
  (void)state;
  Arguments *arguments = parse("--nonsense --help");
  assert_true(arguments_want_help(arguments));
  arguments_free(arguments);
  arguments = parse("-- --help");
  assert_false(arguments_want_help(arguments));
  arguments_free(arguments);
}

static void test_long_words(void **state) {
  (void)state;
  char flag[400] = "--", line[420];
  memset(flag + 2, 'y', sizeof flag - 3);
  flag[sizeof flag - 1] = '\0';
  snprintf(line, sizeof line, "%s", flag);
  Error error;
  assert_null(parse_by(&command, line, &error));
  assert_int_equal(error.code, ERROR_ARGUMENT);
  snprintf(line, sizeof line, "--mode %s", flag + 2);
  assert_null(parse_by(&command, line, &error));
  assert_string_equal(error.where, "--mode");
}

static void test_help_text(void **state) {
  (void)state;
  const Program program = {.name = "attometer"};
  Text help = {0};
  help_command(&program, &command, &help);
  assert_non_null(strstr(help.data, "Usage: attometer try [options] [WORD...]\n"));
  assert_non_null(
      strstr(help.data, "  -b, --batch-size N...       a list of integers (default: 1 2)\n"));
  assert_non_null(
      strstr(help.data, "      --upload TEXT           not there yet (not in this build)\n"));
  assert_non_null(strstr(help.data, "  -bits, --bits N...          one dash will do\n"));
  for (const char *line = help.data; *line;) {
    size_t size = strcspn(line, "\n");
    assert_true(size <= 80);
    line += size + (line[size] == '\n');
  }
  text_free(&help);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_spellings),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_texts_are_not_split),
      cmocka_unit_test(test_one_dash),
      cmocka_unit_test(test_last_wins),
      cmocka_unit_test(test_rest),
      cmocka_unit_test(test_bad_values),
      cmocka_unit_test(test_missing_values),
      cmocka_unit_test(test_later),
      cmocka_unit_test(test_unknown),
      cmocka_unit_test(test_no_rest_wanted),
      cmocka_unit_test(test_help_wins),
      cmocka_unit_test(test_long_words),
      cmocka_unit_test(test_help_text),
      cmocka_unit_test(test_implied_values),
      cmocka_unit_test(test_listing_needs_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
