// SPDX-License-Identifier: Apache-2.0
#include "base/python_json.h"
#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 4 };

// The shortest "%.*e" that reads back as the same number.
static int shortest_digits(double value, char *buffer, size_t size) {
  int digits = 1;
  for (; digits <= 17; digits++) {
    snprintf(buffer, size, "%.*e", digits - 1, value);
    if (strtod(buffer, NULL) == value) break;
  }
  return digits;
}

// Python writes 1e-05 and 1e+16 in scientific form, everything between in plain form with a
// decimal point.
static void append_plain(Text *text, double value, int digits, int exponent) {
  int decimals = digits - 1 - exponent;
  text_append_format(text, "%.*f", decimals > 1 ? decimals : 1, value);
}

static void append_scientific(Text *text, const char *shortest) {
  const char *mark = strchr(shortest, 'e');
  text_append(text, shortest, (size_t)(mark - shortest));
  int exponent = atoi(mark + 1);
  text_append_format(text, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

static const char *special_text(double value) {
  if (isnan(value)) return "NaN";
  if (isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return signbit(value) ? "-0.0" : "0.0";
}

void python_json_append_real(Text *text, double value) {
  if (isnan(value) || isinf(value) || value == 0) {
    text_append_text(text, special_text(value));
    return;
  }
  char shortest[40];
  int digits = shortest_digits(value, shortest, sizeof shortest);
  int exponent = atoi(strchr(shortest, 'e') + 1);
  if (exponent < -4 || exponent >= 16)
    append_scientific(text, shortest);
  else
    append_plain(text, value, digits, exponent);
}

// One code point of valid UTF-8 (jansson checked it); advances *bytes.
static uint32_t next_code_point(const unsigned char **bytes) {
  const unsigned char *at = *bytes;
  int more = at[0] < 0x80 ? 0 : at[0] < 0xE0 ? 1 : at[0] < 0xF0 ? 2 : 3;
  uint32_t code = more == 0 ? at[0] : at[0] & (0x3Fu >> more);
  for (int i = 1; i <= more; i++) code = code << 6 | (at[i] & 0x3Fu);
  *bytes = at + more + 1;
  return code;
}

static void append_escaped(Text *text, uint32_t code) {
  if (code >= 0x10000) {
    code -= 0x10000;
    text_append_format(text, "\\u%04x\\u%04x", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF));
  } else if (code < 0x20 || code > 0x7E) {
    text_append_format(text, "\\u%04x", code);
  } else {
    text_append_character(text, (char)code);
  }
}

static void append_string(Text *text, const char *string, size_t size) {
  static const char special[] = "\"\\\n\r\t\f\b", names[] = "\"\\nrtfb";
  const unsigned char *at = (const unsigned char *)string, *end = at + size;
  text_append_character(text, '"');
  while (at < end) {
    uint32_t code = next_code_point(&at);
    const char *found = code && code < 0x80 ? strchr(special, (int)code) : NULL;
    if (found)
      text_append_format(text, "\\%c", names[found - special]);
    else
      append_escaped(text, code);
  }
  text_append_character(text, '"');
}

static bool only_numbers(const json_t *array) {
  size_t index;
  json_t *item;
  json_array_foreach(array, index, item) if (!json_is_number(item)) return false;
  return true;
}

static void append_break(Text *text, PythonJsonLayout layout, int depth) {
  if (layout == PYTHON_JSON_INDENT) text_append_format(text, "\n%*s", depth * INDENT, "");
}

static void append_comma(Text *text, PythonJsonLayout layout) {
  text_append_text(text, layout == PYTHON_JSON_INDENT ? "," : ", ");
}

static void append_value(Text *text, const json_t *value, PythonJsonLayout layout, int depth);

static void append_array(Text *text, const json_t *array, PythonJsonLayout layout, int depth) {
  if (only_numbers(array)) layout = PYTHON_JSON_LINE;
  text_append_character(text, '[');
  size_t index;
  json_t *item;
  json_array_foreach(array, index, item) {
    if (index) append_comma(text, layout);
    append_break(text, layout, depth + 1);
    append_value(text, item, layout, depth + 1);
  }
  if (json_array_size(array)) append_break(text, layout, depth);
  text_append_character(text, ']');
}

static void append_object(Text *text, const json_t *object, PythonJsonLayout layout, int depth) {
  text_append_character(text, '{');
  bool first = true;
  for (void *at = json_object_iter((json_t *)object); at;
       at = json_object_iter_next((json_t *)object, at)) {
    if (!first) append_comma(text, layout);
    first = false;
    append_break(text, layout, depth + 1);
    const char *key = json_object_iter_key(at);
    append_string(text, key, strlen(key));
    text_append_text(text, ": ");
    append_value(text, json_object_iter_value(at), layout, depth + 1);
  }
  if (!first) append_break(text, layout, depth);
  text_append_character(text, '}');
}

static void append_value(Text *text, const json_t *value, PythonJsonLayout layout, int depth) {
  switch (json_typeof(value)) {
  case JSON_OBJECT: append_object(text, value, layout, depth); break;
  case JSON_ARRAY: append_array(text, value, layout, depth); break;
  case JSON_STRING: append_string(text, json_string_value(value), json_string_length(value)); break;
  case JSON_INTEGER:
    text_append_format(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    break;
  case JSON_REAL: python_json_append_real(text, json_real_value(value)); break;
  case JSON_TRUE: text_append_text(text, "true"); break;
  case JSON_FALSE: text_append_text(text, "false"); break;
  case JSON_NULL: text_append_text(text, "null"); break;
  }
}

void python_json_append(Text *text, const json_t *value, PythonJsonLayout layout) {
  append_value(text, value, layout, 0);
}
