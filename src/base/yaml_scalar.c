// SPDX-License-Identifier: Apache-2.0
#include "base/yaml_scalar.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NUMBER = 400 };

static bool is_one_of(Span text, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (span_equal(text, span_of(words[i]))) return true;
  return false;
}

static size_t skip(Span text, size_t at, const char *characters) {
  while (at < text.size && memchr(characters, text.data[at], strlen(characters))) at++;
  return at;
}

static size_t skip_sign(Span text, size_t at) {
  return at < text.size && (text.data[at] == '-' || text.data[at] == '+') ? at + 1 : at;
}

static const char digits[] = "0123456789";

// The base of an integer; 0: it is none.
static int integer_base(Span text) {
  if (span_starts_with(text, span_of("0x")))
    return text.size > 2 && skip(text, 2, "0123456789abcdefABCDEF") == text.size ? 16 : 0;
  if (span_starts_with(text, span_of("0o")))
    return text.size > 2 && skip(text, 2, "01234567") == text.size ? 8 : 0;
  size_t start = skip_sign(text, 0);
  return start < text.size && skip(text, start, digits) == text.size ? 10 : 0;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
static bool is_real(Span text) {
  size_t start = skip_sign(text, 0), whole = skip(text, start, digits), at = whole;
  bool mantissa = whole > start;
  if (at < text.size && text.data[at] == '.') {
    at = skip(text, at + 1, digits);
    mantissa = mantissa || at > whole + 1;
  }
  if (!mantissa) return false;
  if (at == text.size) return true;
  if (text.data[at] != 'e' && text.data[at] != 'E') return false;
  size_t exponent = skip_sign(text, at + 1);
  return exponent < text.size && skip(text, exponent, digits) == text.size;
}

static json_t *refuse(char *what, size_t size, const char *reason) {
  snprintf(what, size, "%s", reason);
  return NULL;
}

static json_t *integer_value(const char *number, int base, char *what, size_t size) {
  errno = 0;
  long long value = strtoll(base == 10 ? number : number + 2, NULL, base);
  if (errno == ERANGE) return refuse(what, size, "an integer that 64 bits do not hold");
  return json_integer(value);
}

static json_t *real_value(const char *number, char *what, size_t size) {
  double value = strtod(number, NULL);
  return isfinite(value) ? json_real(value)
                         : refuse(what, size, "a number that a double does not hold");
}

static json_t *number_value(Span text, int base, char *what, size_t size) {
  char number[LONGEST_NUMBER + 1];
  if (text.size > LONGEST_NUMBER) return refuse(what, size, "a number of too many digits");
  memcpy(number, text.data, text.size);
  number[text.size] = '\0';
  return base ? integer_value(number, base, what, size) : real_value(number, what, size);
}

static json_t *string_value(Span text, char *what, size_t size) {
  json_t *value = json_stringn(text.data, text.size);
  return value ? value : refuse(what, size, "a string that is not UTF-8");
}

static json_t *plain_value(Span text, char *what, size_t size) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
  static const char *const yes[] = {"true", "True", "TRUE"}, *const no[] = {"false", "False",
                                                                            "FALSE"};
  static const char *const special[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF",
                                        "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"};
  if (is_one_of(text, nulls, COUNT_OF(nulls))) return json_null();
  if (is_one_of(text, yes, COUNT_OF(yes))) return json_true();
  if (is_one_of(text, no, COUNT_OF(no))) return json_false();
  if (is_one_of(text, special, COUNT_OF(special)))
    return refuse(what, size, "infinities and .nan are not read");
  int base = integer_base(text);
  return base || is_real(text) ? number_value(text, base, what, size)
                               : string_value(text, what, size);
}

// Whether the value is what its tag says.
static bool is_tagged(const json_t *value, Span tag) {
  static const struct {
    const char *tag;
    json_type first, second;
  } rows[] = {{YAML_TAG "int", JSON_INTEGER, JSON_INTEGER},
              {YAML_TAG "float", JSON_REAL, JSON_INTEGER},
              {YAML_TAG "bool", JSON_TRUE, JSON_FALSE},
              {YAML_TAG "null", JSON_NULL, JSON_NULL}};
  for (size_t i = 0; i < COUNT_OF(rows); i++)
    if (span_equal(tag, span_of(rows[i].tag)))
      return json_typeof(value) == rows[i].first || json_typeof(value) == rows[i].second;
  return false;
}

json_t *yaml_scalar_value(Span text, bool plain, Span tag, char *what, size_t size) {
  bool string = span_equal(tag, span_of(YAML_TAG "str")) || span_equal(tag, span_of("!"));
  if (string || (!plain && !tag.data)) return string_value(text, what, size);
  json_t *value = plain_value(text, what, size);
  if (!value || !tag.data) return value;
  if (is_tagged(value, tag)) {
    bool widen = json_is_integer(value) && span_equal(tag, span_of(YAML_TAG "float"));
    if (!widen) return value;
    json_t *real = json_real((double)json_integer_value(value));
    json_decref(value);
    return real;
  }
  json_decref(value);
  snprintf(what, size, "a tag that is not known or does not fit its value");
  return NULL;
}
