// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

// What a progress writes to a stream of this kind.
typedef struct {
  Progress progress;
  char *written;
  size_t size;
} Screen;

static void screen_open(Screen *screen, bool terminal, int columns) {
  *screen = (Screen){0};
  FILE *stream = open_memstream(&screen->written, &screen->size);
  assert_non_null(stream);
  screen->progress = progress_open(stream);
  assert_false(screen->progress.terminal);
  screen->progress.terminal = terminal;
  screen->progress.columns = columns;
}

static void assert_written(Screen *screen, const char *expected) {
  fclose(screen->progress.stream);
  assert_string_equal(screen->written, expected);
  free(screen->written);
}

static void a_label_is_cut_between_its_parts(void **state) {
  (void)state;
  static const struct {
    int columns; // 19 of them are the bar's
    const char *shown;
  } cases[] = {{60, "3 of 4: eager, batch 1, bfloat16"},
               {51, "3 of 4: eager, batch 1, bfloat16"},
               {50, "3 of 4: eager, batch 1"},
               {41, "3 of 4: eager, batch 1"},
               {40, "3 of 4: eager"},
               {30, "3 of 4"},
               {24, "3 of"},
               {22, "3"},
               {19, ""},
               {5, ""}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Screen screen;
    char expected[100];
    screen_open(&screen, true, cases[i].columns);
    progress_draw(&screen.progress, 0, "%s", "3 of 4: eager, batch 1, bfloat16");
    snprintf(expected, sizeof expected, "[..........]   0%% %s", cases[i].shown);
    assert_written(&screen, expected);
  }
}

static void a_line_is_wrapped_on_a_terminal_only(void **state) {
  (void)state;
  Screen screen;
  screen_open(&screen, true, 20);
  assert_int_equal(progress_width(&screen.progress), 20);
  progress_line(&screen.progress, "[1/2] %s", "eager: failed, out of memory");
  assert_written(&screen, "[1/2] eager: failed,\n  out of memory\n");
  screen_open(&screen, false, 20);
  assert_int_equal(progress_width(&screen.progress), INT_MAX);
  progress_draw(&screen.progress, 0.5, "nothing");
  progress_line(&screen.progress, "[1/2] %s", "eager: failed, out of memory");
  assert_written(&screen, "[1/2] eager: failed, out of memory\n");
}

static void nothing_is_said_without_a_stream(void **state) {
  (void)state;
  Progress progress = progress_open(NULL);
  progress_draw(&progress, 0.5, "x");
  progress_line(&progress, "y");
  progress_close(&progress);
  assert_false(progress.drawn);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_label_is_cut_between_its_parts),
      cmocka_unit_test(a_line_is_wrapped_on_a_terminal_only),
      cmocka_unit_test(nothing_is_said_without_a_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
