// SPDX-License-Identifier: Apache-2.0
// How far a long piece of work is: on a terminal one line that is redrawn, with a bar and the time
// left; elsewhere one plain line each time a step ends.
#pragma once
#include "base/attributes.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
  FILE *stream;      // NULL: says nothing
  bool terminal;     // redraw one line
  int columns;       // width of the terminal
  int64_t start;     // clock_now at progress_open
  int64_t last_draw; // to draw at most 20 times a second
  bool drawn;        // a line is on the terminal now
} Progress;

// `stream` may be NULL. Whether it is a terminal, and how wide, is looked up here.
Progress progress_open(FILE *stream);
// `done` of 0 … 1 of all the work is done; `format` says what is being done now, the most important
// first: what does not fit is left out from a comma, a colon or else a blank on. Terminal only.
void progress_draw(Progress *progress, double done, const char *format, ...) PRINTF_LIKE(3, 4);
// A line that stays: on a terminal the bar moves below it, and it is wrapped at blanks.
void progress_line(Progress *progress, const char *format, ...) PRINTF_LIKE(2, 3);
// How wide a line may be that is not to be wrapped; INT_MAX elsewhere than on a terminal.
int progress_width(const Progress *progress);
void progress_close(Progress *progress); // removes the bar
// "12 s", "3 min 05 s", "2 h 10 min".
char *progress_duration(double seconds, char *buffer, size_t size);
