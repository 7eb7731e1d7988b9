// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"
#include "base/clock.h"
#include "base/wrap.h"
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
  BAR_WIDTH = 10,
  DRAW_INTERVAL = 50000000,
  DEFAULT_COLUMNS = 80,
  MAX_COLUMNS = 240,
  INDENT = 2
};

Progress progress_open(FILE *stream) {
  Progress progress = {.stream = stream, .columns = DEFAULT_COLUMNS, .start = clock_now()};
  progress.terminal = stream && isatty(fileno(stream));
  struct winsize size;
  if (progress.terminal && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    progress.columns = size.ws_col < MAX_COLUMNS ? size.ws_col : MAX_COLUMNS;
  return progress;
}

char *progress_duration(double seconds, char *buffer, size_t size) {
  long whole = (long)(seconds + 0.5);
  if (whole < 60)
    snprintf(buffer, size, "%ld s", whole);
  else if (whole < 3600)
    snprintf(buffer, size, "%ld min %02ld s", whole / 60, whole % 60);
  else
    snprintf(buffer, size, "%ld h %02ld min", whole / 3600, whole % 3600 / 60);
  return buffer;
}

static void erase(Progress *progress) {
  if (progress->drawn) fputs("\r\033[K", progress->stream);
  progress->drawn = false;
}

static void format_bar(double done, char bar[BAR_WIDTH + 1]) {
  int filled = (int)(done * BAR_WIDTH + 0.5);
  for (int i = 0; i < BAR_WIDTH; i++) bar[i] = i < filled ? '#' : '.';
  bar[BAR_WIDTH] = '\0';
}

// Time left from the share done so far; unknown until 2 % are done.
static void format_left(const Progress *progress, double done, char *buffer, size_t size) {
  buffer[0] = '\0';
  double spent = clock_seconds(clock_now() - progress->start);
  if (done < 0.02 || done >= 1) return;
  char left[32];
  snprintf(buffer, size, ", %s left",
           progress_duration(spent * (1 - done) / done, left, sizeof left));
}

// How many bytes of `what` to show in `room` columns, without cutting a part or a word.
static int fitting(const char *what, int room) {
  if (room < 0) room = 0;
  if (strlen(what) <= (size_t)room) return (int)strlen(what);
  int word = 0;
  for (int i = room; i > 0; i--) {
    if (what[i] == ' ' && word == 0) word = i;
    if (what[i + 1] == ' ' && (what[i] == ',' || what[i] == ':')) return i;
  }
  return word;
}

void progress_draw(Progress *progress, double done, const char *format, ...) {
  if (!progress->stream || !progress->terminal) return;
  int64_t now = clock_now();
  if (progress->drawn && now - progress->last_draw < DRAW_INTERVAL) return;
  char what[MAX_COLUMNS], bar[BAR_WIDTH + 1], left[48];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  done = done < 0 ? 0 : done > 1 ? 1 : done;
  format_bar(done, bar);
  format_left(progress, done, left, sizeof left);
  int room = progress->columns - 1 - (BAR_WIDTH + 8) - (int)strlen(left);
  erase(progress);
  fprintf(progress->stream, "[%s] %3.0f%% %.*s%s", bar, done * 100, fitting(what, room), what,
          left);
  fflush(progress->stream);
  progress->drawn = true;
  progress->last_draw = now;
}

void progress_line(Progress *progress, const char *format, ...) {
  if (!progress->stream) return;
  erase(progress);
  va_list arguments;
  Text words = {0}, lines = {0};
  va_start(arguments, format);
  text_append_arguments(&words, format, arguments);
  va_end(arguments);
  wrap_append(&lines, words.data, progress_width(progress), INDENT);
  fwrite(lines.data, 1, lines.size, progress->stream);
  fflush(progress->stream);
  text_free(&words);
  text_free(&lines);
}

int progress_width(const Progress *progress) {
  return progress->terminal ? progress->columns : INT_MAX;
}

void progress_close(Progress *progress) {
  if (!progress->stream) return;
  erase(progress);
  fflush(progress->stream);
}
