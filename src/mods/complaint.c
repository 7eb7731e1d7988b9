// SPDX-License-Identifier: Apache-2.0
#include "mods/complaint.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BEFORE = 48, AFTER = 28 }; // characters of the line shown around the place

static size_t line_start(const char *text, size_t position) {
  while (position > 0 && text[position - 1] != '\n') position--;
  return position;
}

static bool inside_character(char byte) {
  return ((unsigned char)byte & 0xC0) == 0x80;
}

// At most `most` characters back from `position`, not before `first`.
static size_t characters_back(const char *text, size_t first, size_t position, int most) {
  for (int i = 0; i < most && position > first; i++) do
      position--;
    while (position > first && inside_character(text[position]));
  return position;
}

static size_t characters_on(const char *text, size_t position, int most) {
  for (int i = 0; i < most && text[position] && text[position] != '\n'; i++) do
      position++;
    while (inside_character(text[position]));
  return position;
}

// What is not valid or not to be printed is shown as a question mark.
static int append_shown(Text *shown, const char *text, size_t from, size_t to) {
  int columns = 0;
  while (from < to) {
    size_t length = utf8_length(text[from]);
    bool valid = from + length <= to && utf8_valid_prefix((Span){text + from, length}) == length;
    bool printable = (unsigned char)text[from] >= ' ' && text[from] != 127;
    if (!valid) length = 1;
    text_append(shown, valid && printable ? text + from : "?", valid && printable ? length : 1);
    from += length;
    columns++;
  }
  return columns;
}

static void append_place(Text *shown, const char *text, size_t position) {
  size_t line = line_start(text, position);
  size_t first = characters_back(text, line, position, BEFORE);
  size_t last = characters_on(text, position, AFTER);
  text_append_text(shown, first > line ? "\n  … " : "\n  ");
  int column = append_shown(shown, text, first, position) + (first > line ? 4 : 2);
  append_shown(shown, text, position, last);
  if (text[last] && text[last] != '\n') text_append_text(shown, " …");
  text_append_format(shown, "\n%*s^", column, "");
}

bool mod_complain(Error *error, const char *text, int position, const char *format, ...) {
  Text message = {0};
  va_list arguments;
  va_start(arguments, format);
  text_append_arguments(&message, format, arguments);
  va_end(arguments);
  if (text && position >= 0) append_place(&message, text, (size_t)position);
  error_set(error, ERROR_ARGUMENT, NULL, "%s", message.data);
  text_free(&message);
  return false;
}
