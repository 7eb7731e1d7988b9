// SPDX-License-Identifier: Apache-2.0
#include "base/json_lines.h"
#include <stdio.h>
#include <string.h>

static bool blank(const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (!memchr(" \t\r", bytes[i], 3)) return false;
  return true;
}

static bool parse_line(const char *bytes, size_t size, const char *where, JsonLine *line,
                       void *context, Error *error) {
  json_t *root = document_parse(bytes, size, where, error);
  bool done = root && line(context, root, where, error);
  json_decref(root);
  return done;
}

bool json_lines_each(const char *bytes, size_t size, const char *name, JsonLine *line,
                     void *context, Error *error) {
  const char *end = bytes + size;
  for (int64_t number = 1; bytes < end; number++) {
    const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
    if (!stop) stop = end;
    char where[160];
    snprintf(where, sizeof where, "%.100s line %lld", name, (long long)number);
    size_t length = (size_t)(stop - bytes);
    if (!blank(bytes, length) && !parse_line(bytes, length, where, line, context, error))
      return false;
    bytes = stop + 1;
  }
  return true;
}
