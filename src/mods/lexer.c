// SPDX-License-Identifier: Apache-2.0
#include "mods/lexer.h"
#include "base/utf8.h"
#include "mods/complaint.h"
#include <stdlib.h>
#include <string.h>

static const char *const spellings[] = {
#define X(KIND, TEXT) TEXT,
    MOD_TOKENS(X)
#undef X
};

// What other languages write, and Python's words that have no place in an expression.
static const struct {
  const char *written, *advice;
} strangers[] = {
    {"&&", "write 'and'"},
    {"||", "write 'or'"},
    {"<<", "write '* 2 **'"},
    {">>", "write '// 2 **'"},
    {"->", "a mod is one expression"},
    {":=", "a mod is one expression"},
    {"=", "write '==' to compare"},
    {"!", "write 'not'"},
    {"?", "write 'a if condition else b'"},
    {":", "a mod is one expression"},
    {";", "a mod is one expression"},
    {"{", "parentheses are '('"},
    {"@", "a mod is about one element"},
};
static const struct {
  const char *written, *advice;
} words[] = {
    {"return", "a mod is one expression, without 'return'"},
    {"lambda", "write the body of the function alone"},
    {"def", "write the body of the function alone"},
    {"is", "write '=='"},
    {"in", "compare with each value"},
    {"for", "a mod is about one element"},
    {"None", "leave the expression out instead"},
    {"elif", "write 'a if condition else b if other else c'"},
    {"true", "write 'True'"},
    {"false", "write 'False'"},
};

static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

static bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// The value of a digit in any base up to 16; 16: it is none.
static int digit_value(char c) {
  if (digit(c)) return c - '0';
  char lower = (char)(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

// Bytes of digits of the base with single underscores between them; 0: none, or a stray underscore.
static size_t digits_length(const char *text, int base) {
  size_t length = 0;
  while (digit_value(text[length]) < base) {
    length++;
    if (text[length] == '_' && digit_value(text[length + 1]) < base) length++;
  }
  return length;
}

static bool based_integer(const char *text, ModToken *token, Error *error) {
  const char *start = text + token->position;
  char kind = (char)(start[1] | 0x20);
  int base = kind == 'x' ? 16 : kind == 'o' ? 8 : 2;
  size_t skip = start[2] == '_' ? 3 : 2, length = digits_length(start + skip, base);
  if (length == 0)
    return mod_complain(error, text, token->position, "a number in base %d has no digits", base);
  token->text = (Span){start, skip + length};
  for (size_t i = skip; i < skip + length; i++)
    if (start[i] != '_' &&
        (__builtin_mul_overflow(token->integer, (int64_t)base, &token->integer) ||
         __builtin_add_overflow(token->integer, digit_value(start[i]), &token->integer)))
      return mod_complain(error, text, token->position, "the number does not fit 64 bits");
  return true;
}

static bool decimal_integer(const char *text, ModToken *token, Error *error) {
  bool zeros = true;
  for (size_t i = 0; i < token->text.size; i++) {
    char c = token->text.data[i];
    if (c == '_') continue;
    zeros &= c == '0';
    if (__builtin_mul_overflow(token->integer, (int64_t)10, &token->integer) ||
        __builtin_add_overflow(token->integer, c - '0', &token->integer))
      return mod_complain(error, text, token->position, "the number does not fit 64 bits");
  }
  if (token->text.data[0] == '0' && !zeros)
    return mod_complain(error, text, token->position,
                        "a whole number does not begin with 0; write 0o… for base 8");
  return true;
}

static void read_real(ModToken *token) {
  Text digits = {0};
  text_append_character(&digits, '0');
  for (size_t i = 0; i < token->text.size; i++)
    if (token->text.data[i] != '_') text_append_character(&digits, token->text.data[i]);
  token->kind = TOKEN_REAL;
  token->real = strtod(digits.data, NULL);
  text_free(&digits);
}

static size_t exponent_length(const char *text) {
  if (*text != 'e' && *text != 'E') return 0;
  size_t sign = text[1] == '+' || text[1] == '-';
  size_t length = digits_length(text + 1 + sign, 10);
  return length ? 1 + sign + length : 0;
}

static bool read_number(const char *text, ModToken *token, Error *error) {
  const char *start = text + token->position;
  bool based = start[0] == '0' && start[1] && strchr("xXoObB", start[1]);
  token->kind = TOKEN_INTEGER;
  if (based) {
    if (!based_integer(text, token, error)) return false;
  } else {
    size_t length = digits_length(start, 10), whole = length;
    if (start[length] == '.') length += 1 + digits_length(start + length + 1, 10);
    length += exponent_length(start + length);
    token->text = (Span){start, length};
    if (length > whole)
      read_real(token);
    else if (!decimal_integer(text, token, error))
      return false;
  }
  const char *end = start + token->text.size;
  if (!letter(*end) && !digit(*end) && *end != '.') return true;
  return mod_complain(error, text, (int)(end - text), "'%c' does not belong to a number", *end);
}

static size_t name_length(const char *text) {
  size_t length = 0;
  while (letter(text[length]) || digit(text[length]) ||
         (text[length] == '.' && letter(text[length + 1])))
    length++;
  return length;
}

static bool read_name(const char *text, ModToken *token, Error *error) {
  const char *start = text + token->position;
  token->kind = TOKEN_NAME;
  token->text = (Span){start, name_length(start)};
  for (int kind = TOKEN_TRUE; kind <= TOKEN_ELSE; kind++)
    if (span_equal(token->text, span_of(spellings[kind]))) token->kind = (ModTokenKind)kind;
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (span_equal(token->text, span_of(words[i].written)))
      return mod_complain(error, text, token->position, "'%s' is no word of this language; %s",
                          words[i].written, words[i].advice);
  return true;
}

static bool read_string(const char *text, ModToken *token, Error *error) {
  const char *start = text + token->position + 1, *end = strchr(start, start[-1]);
  if (!end) return mod_complain(error, text, token->position, "the text in quotes does not end");
  token->kind = TOKEN_STRING;
  token->text = (Span){start, (size_t)(end - start)};
  return true;
}

static bool complain_of_stranger(const char *text, int position, Error *error) {
  Span rest = span_of(text + position);
  for (size_t i = 0; i < COUNT_OF(strangers); i++)
    if (span_starts_with(rest, span_of(strangers[i].written)))
      return mod_complain(error, text, position, "'%s' is no operator of this language; %s",
                          strangers[i].written, strangers[i].advice);
  size_t length = utf8_length(*rest.data);
  bool valid = length <= rest.size && utf8_valid_prefix((Span){rest.data, length}) == length;
  if (!valid || (unsigned char)*rest.data < ' ' || *rest.data == 127)
    return mod_complain(error, text, position, "byte 0x%02x has no meaning here",
                        (unsigned char)*rest.data);
  return mod_complain(error, text, position, "'%.*s' has no meaning here", (int)length, rest.data);
}

static bool read_operator(const char *text, ModToken *token, Error *error) {
  Span rest = span_of(text + token->position);
  for (size_t i = 0; i < COUNT_OF(strangers); i++) {
    Span written = span_of(strangers[i].written);
    if (written.size == 2 && span_starts_with(rest, written))
      return complain_of_stranger(text, token->position, error);
  }
  for (int kind = TOKEN_POWER; kind <= TOKEN_COMMA; kind++) {
    Span spelling = span_of(spellings[kind]);
    if (!span_starts_with(rest, spelling)) continue;
    token->kind = (ModTokenKind)kind;
    token->text = (Span){rest.data, spelling.size};
    return true;
  }
  return complain_of_stranger(text, token->position, error);
}

// Blanks and comments.
static int passed_over(const char *text, int from) {
  while (blank(text[from]) || text[from] == '#')
    from += text[from] == '#' ? (int)strcspn(text + from, "\n") : 1;
  return from;
}

bool mod_token_at(const char *text, int from, ModToken *token, Error *error) {
  from = passed_over(text, from);
  const char *start = text + from;
  *token = (ModToken){.kind = TOKEN_END, .position = from, .text = {start, 0}};
  if (*start == '\0') return true;
  if (digit(*start) || (*start == '.' && digit(start[1]))) return read_number(text, token, error);
  if (letter(*start)) return read_name(text, token, error);
  if (*start == '"' || *start == '\'') return read_string(text, token, error);
  return read_operator(text, token, error);
}

int mod_token_end(const ModToken *token) {
  return token->position + (int)token->text.size + (token->kind == TOKEN_STRING ? 2 : 0);
}

bool mod_name_valid(const char *name) {
  size_t length = 0;
  if (!letter(*name)) return false;
  while (letter(name[length]) || digit(name[length])) length++;
  if (name[length]) return false;
  for (int kind = TOKEN_TRUE; kind <= TOKEN_ELSE; kind++)
    if (strcmp(name, spellings[kind]) == 0) return false;
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (strcmp(name, words[i].written) == 0) return false;
  return true;
}
