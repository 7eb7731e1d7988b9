// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

// The errno of the first write that failed: a later flush of an empty buffer succeeds.
static int write_error;

static void note_error(bool failed) {
  if (failed && write_error == 0) write_error = errno ? errno : EIO;
}

void output_write(const void *bytes, size_t size) {
  note_error(fwrite(bytes, 1, size, stdout) != size);
}

void output_format(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  note_error(vprintf(format, arguments) < 0);
  va_end(arguments);
}

bool output_flush(Error *error) {
  note_error(fflush(stdout) != 0);
  if (write_error == 0) return true;
  errno = write_error;
  error_set_errno(error, "standard output", "cannot write");
  error->code = ERROR_IO;
  return false;
}

void output_error(const Error *error) {
  char line[sizeof *error];
  fprintf(stderr, "attometer: %s\n", error_text(error, line, sizeof line));
}

void output_warning(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("attometer: warning: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}
