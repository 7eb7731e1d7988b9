// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
  const char *text;
  int exit_code;
} codes[] = {
#define X(CODE, TEXT, EXIT) {TEXT, EXIT},
    ERROR_CODES(X)
#undef X
};

// Drops a UTF-8 sequence that the end of the buffer cut in two.
static void trim_partial_character(char *text, size_t size) {
  size_t length = strlen(text);
  if (length + 1 < size) return;
  size_t start = length;
  while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) start--;
  if (start > 0 && (unsigned char)text[start - 1] >= 0xC0) text[start - 1] = '\0';
}

bool error_set(Error *error, ErrorCode code, const char *where, const char *format, ...) {
  error->code = code;
  snprintf(error->where, sizeof error->where, "%s", where ? where : "");
  trim_partial_character(error->where, sizeof error->where);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  trim_partial_character(error->message, sizeof error->message);
  return false;
}

static ErrorCode code_of_errno(int number) {
  switch (number) {
  case ENOENT: return ERROR_NOT_FOUND;
  case ENOMEM: return ERROR_MEMORY;
  default: return ERROR_IO;
  }
}

bool error_set_errno(Error *error, const char *where, const char *action) {
  int number = errno;
  return error_set(error, code_of_errno(number), where, "%s: %s", action, strerror(number));
}

bool error_within(Error *error, const char *outer) {
  char inner[sizeof error->where];
  memcpy(inner, error->where, sizeof inner);
  snprintf(error->where, sizeof error->where, inner[0] ? "%s: %s" : "%s%s", outer, inner);
  trim_partial_character(error->where, sizeof error->where);
  return false;
}

const char *error_code_text(ErrorCode code) {
  return codes[code].text;
}

int error_exit_code(ErrorCode code) {
  return codes[code].exit_code;
}

char *error_text(const Error *error, char *buffer, size_t size) {
  snprintf(buffer, size, error->where[0] ? "%s: %s" : "%s%s", error->where, error->message);
  trim_partial_character(buffer, size);
  return buffer;
}
