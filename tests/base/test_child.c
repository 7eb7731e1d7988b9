// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/clock.h"
#include "base/progress.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static int64_t seconds_from_now(double seconds) {
  return clock_now() + (int64_t)(seconds * 1e9);
}

static Child *start_shell(const char *script, const int *descriptors, int count) {
  char *const arguments[] = {"sh", "-c", (char *)script, NULL};
  const ChildOptions options = {"/bin/sh", arguments, -1, descriptors, count};
  Error error;
  Child *child = child_start(&options, &error);
  if (!child) print_error("%s\n", error.message);
  assert_non_null(child);
  return child;
}

static void lines_come_one_by_one(void **state) {
  (void)state;
  Child *child = start_shell("echo one; printf 'two\\n\\nfo'; echo ur; printf rest", NULL, 0);
  static const char *const expected[] = {"one", "two", "", "four"};
  Span line;
  for (size_t i = 0; i < COUNT_OF(expected); i++) {
    assert_int_equal(child_next_line(child, seconds_from_now(20), -1, &line), CHILD_LINE);
    assert_true(span_equal(line, span_of(expected[i])));
  }
  assert_int_equal(child_next_line(child, seconds_from_now(20), -1, &line), CHILD_ENDED);
  ChildEnd end = child_finish(child, 20000000000, NULL);
  assert_int_equal(end.exit_code, 0);
  assert_true(end.peak_bytes > 0);
}

static void a_long_line_arrives_whole(void **state) {
  (void)state;
  Child *child = start_shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end", NULL, 0);
  Span line;
  assert_int_equal(child_next_line(child, seconds_from_now(60), -1, &line), CHILD_LINE);
  assert_int_equal(line.size, 3000000);
  assert_int_equal(child_next_line(child, seconds_from_now(60), -1, &line), CHILD_LINE);
  assert_true(span_equal(line, span_of("end")));
  child_finish(child, 20000000000, NULL);
}

static void deadlines_and_interrupts_end_the_wait(void **state) {
  (void)state;
  int interrupt[2];
  Span line;
  assert_int_equal(pipe(interrupt), 0);
  Child *child = start_shell("sleep 100", NULL, 0);
  int64_t start = clock_now();
  assert_int_equal(child_next_line(child, seconds_from_now(0.2), interrupt[0], &line),
                   CHILD_TIMED_OUT);
  assert_true(clock_now() - start >= 200000000);
  assert_int_equal(write(interrupt[1], "x", 1), 1);
  assert_int_equal(child_next_line(child, seconds_from_now(20), interrupt[0], &line),
                   CHILD_INTERRUPTED);
  ChildEnd end = child_finish(child, 0, NULL);
  assert_int_equal(end.signal, SIGKILL);
  assert_int_equal(end.exit_code, -1);
  close(interrupt[0]);
  close(interrupt[1]);
}

static void exit_codes_and_last_words_are_kept(void **state) {
  (void)state;
  Child *child =
      start_shell("head -c 10000 /dev/zero | tr '\\0' x >&2; echo last >&2; exit 7", NULL, 0);
  Span line;
  Text errors = {0};
  assert_int_equal(child_next_line(child, seconds_from_now(20), -1, &line), CHILD_ENDED);
  assert_int_equal(child_finish(child, 20000000000, &errors).exit_code, 7);
  assert_int_equal(errors.size, 4096);
  assert_string_equal(errors.data + errors.size - 5, "last\n");
  text_free(&errors);
}

static void descriptors_are_handed_down_in_order(void **state) {
  (void)state;
  FILE *first = tmpfile(), *second = tmpfile();
  fputs("first\n", first);
  fputs("second\n", second);
  rewind(first);
  rewind(second);
  const int descriptors[] = {fileno(second), fileno(first)};
  Child *child = start_shell("cat <&3; cat <&4; ls /proc/self/fd | wc -l", descriptors, 2);
  Span line;
  assert_int_equal(child_next_line(child, seconds_from_now(20), -1, &line), CHILD_LINE);
  assert_true(span_equal(line, span_of("second")));
  assert_int_equal(child_next_line(child, seconds_from_now(20), -1, &line), CHILD_LINE);
  assert_true(span_equal(line, span_of("first")));
  assert_int_equal(child_next_line(child, seconds_from_now(20), -1, &line), CHILD_LINE);
  assert_true(atoi(line.data) <= 6); // 0 to 4, and the folder that ls reads
  child_finish(child, 20000000000, NULL);
  fclose(first);
  fclose(second);
}

static void a_missing_program_is_an_error(void **state) {
  (void)state;
  char *const arguments[] = {"none", NULL};
  const ChildOptions options = {"/no/such/program", arguments, -1, NULL, 0};
  Error error;
  assert_null(child_start(&options, &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
}

static void progress_in_a_file_is_plain_lines(void **state) {
  (void)state;
  FILE *file = tmpfile();
  Progress progress = progress_open(file);
  assert_false(progress.terminal);
  progress_draw(&progress, 0.5, "half");
  progress_line(&progress, "done %d", 1);
  progress_close(&progress);
  char text[64] = "";
  rewind(file);
  assert_int_equal(fread(text, 1, sizeof text, file), 7);
  assert_string_equal(text, "done 1\n");
  fclose(file);
  Progress silent = progress_open(NULL);
  progress_draw(&silent, 0.5, "half");
  progress_line(&silent, "line");
  progress_close(&silent);
}

static void durations_read_well(void **state) {
  (void)state;
  char buffer[32];
  assert_string_equal(progress_duration(12.4, buffer, sizeof buffer), "12 s");
  assert_string_equal(progress_duration(185, buffer, sizeof buffer), "3 min 05 s");
  assert_string_equal(progress_duration(7800, buffer, sizeof buffer), "2 h 10 min");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_come_one_by_one),
      cmocka_unit_test(a_long_line_arrives_whole),
      cmocka_unit_test(deadlines_and_interrupts_end_the_wait),
      cmocka_unit_test(exit_codes_and_last_words_are_kept),
      cmocka_unit_test(descriptors_are_handed_down_in_order),
      cmocka_unit_test(a_missing_program_is_an_error),
      cmocka_unit_test(progress_in_a_file_is_plain_lines),
      cmocka_unit_test(durations_read_well),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
