// SPDX-License-Identifier: Apache-2.0
#include "base/document_reader.h"
#include "base/utf8.h"
#include <string.h>

DocumentReader document_reader(Span text, const char *name) {
  return (DocumentReader){.text = text, .name = name, .first = true};
}

static bool fail(const DocumentReader *reader, const char *expected, Error *error) {
  return error_set(error, ERROR_FORMAT, reader->name, "not valid JSON at byte %zu: expected %s",
                   reader->at, expected);
}

char document_reader_peek(DocumentReader *reader) {
  while (reader->at < reader->text.size) {
    char c = reader->text.data[reader->at];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
    reader->at++;
  }
  return 0;
}

bool document_reader_enter(DocumentReader *reader, char open, Error *error) {
  if (document_reader_peek(reader) != open)
    return fail(reader, open == '{' ? "an object" : "an array", error);
  reader->at++;
  reader->first = true;
  return true;
}

bool document_reader_more(DocumentReader *reader, char close, bool *more, Error *error) {
  char c = document_reader_peek(reader);
  *more = c != close;
  if (c == close) {
    reader->at++;
    reader->first = false;
    return true;
  }
  if (!reader->first) {
    if (c != ',') return fail(reader, "',' or the end of the list", error);
    reader->at++;
  }
  reader->first = false;
  return true;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The four digits after \u.
static bool read_unit(DocumentReader *reader, uint32_t *unit, Error *error) {
  *unit = 0;
  for (int i = 0; i < 4; i++, reader->at++) {
    int digit = reader->at < reader->text.size ? hex_value(reader->text.data[reader->at]) : -1;
    if (digit < 0) return fail(reader, "four hexadecimal digits", error);
    *unit = *unit << 4 | (uint32_t)digit;
  }
  return true;
}

static bool read_unicode_escape(DocumentReader *reader, Text *out, Error *error) {
  uint32_t unit, low;
  if (!read_unit(reader, &unit, error)) return false;
  if (unit >= 0xD800 && unit < 0xDC00) {
    if (reader->text.size - reader->at < 2 || reader->text.data[reader->at] != '\\' ||
        reader->text.data[reader->at + 1] != 'u')
      return fail(reader, "a low surrogate", error);
    reader->at += 2;
    if (!read_unit(reader, &low, error)) return false;
    if (low < 0xDC00 || low > 0xDFFF) return fail(reader, "a low surrogate", error);
    unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  } else if (unit >= 0xDC00 && unit < 0xE000)
    return fail(reader, "a high surrogate first", error);
  utf8_append(out, unit);
  return true;
}

// reader->at is behind the backslash.
static bool read_escape(DocumentReader *reader, Text *out, Error *error) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  char c = reader->at < reader->text.size ? reader->text.data[reader->at] : 0;
  if (c == 'u') {
    reader->at++;
    return read_unicode_escape(reader, out, error);
  }
  const char *found = c ? strchr(names, c) : NULL;
  if (!found) return fail(reader, "an escape sequence", error);
  text_append_character(out, values[found - names]);
  reader->at++;
  return true;
}

// From reader->at to the next quote, backslash, control character or the end; *high tells of bytes
// above 0x7F.
static size_t plain_run(const DocumentReader *reader, bool *high) {
  const unsigned char *data = (const unsigned char *)reader->text.data;
  size_t at = reader->at;
  unsigned char seen = 0;
  while (at < reader->text.size && data[at] != '"' && data[at] != '\\' && data[at] >= 0x20)
    seen |= data[at++];
  *high = seen >= 0x80;
  return at;
}

bool document_reader_text(DocumentReader *reader, Text *scratch, Span *out, Error *error) {
  if (document_reader_peek(reader) != '"') return fail(reader, "a string", error);
  reader->at++;
  text_clear(scratch);
  for (bool escaped = false;; escaped = true) {
    bool high;
    size_t end = plain_run(reader, &high);
    Span run = {reader->text.data + reader->at, end - reader->at};
    if (high && utf8_valid_prefix(run) != run.size) return fail(reader, "valid UTF-8", error);
    reader->at = end;
    char stop = end < reader->text.size ? reader->text.data[end] : 0;
    if (stop != '"' && stop != '\\') return fail(reader, "the end of a string", error);
    reader->at++;
    if (stop == '"' && !escaped) {
      *out = run;
      return true;
    }
    text_append(scratch, run.data, run.size);
    if (stop == '"') break;
    if (!read_escape(reader, scratch, error)) return false;
  }
  *out = text_span(scratch);
  return true;
}

bool document_reader_key(DocumentReader *reader, Text *scratch, Span *out, Error *error) {
  if (!document_reader_text(reader, scratch, out, error)) return false;
  if (document_reader_peek(reader) != ':') return fail(reader, "':'", error);
  reader->at++;
  return true;
}

bool document_reader_integer(DocumentReader *reader, int64_t *out, Error *error) {
  bool negative = document_reader_peek(reader) == '-';
  if (negative) reader->at++;
  size_t begin = reader->at;
  int64_t value = 0;
  for (; reader->at < reader->text.size; reader->at++) {
    char c = reader->text.data[reader->at];
    if (c < '0' || c > '9') break;
    if (reader->at - begin >= 18) return fail(reader, "a smaller integer", error);
    value = value * 10 + (c - '0');
  }
  size_t digits = reader->at - begin;
  char next = reader->at < reader->text.size ? reader->text.data[reader->at] : 0;
  if (digits == 0 || (digits > 1 && reader->text.data[begin] == '0') || next == '.' ||
      next == 'e' || next == 'E')
    return fail(reader, "an integer", error);
  *out = negative ? -value : value;
  return true;
}

// reader->at is behind the opening quote.
static bool skip_text(DocumentReader *reader, Error *error) {
  while (reader->at < reader->text.size) {
    const char *rest = reader->text.data + reader->at;
    size_t left = reader->text.size - reader->at, i = 0;
    while (i < left && rest[i] != '"' && rest[i] != '\\') i++;
    reader->at += i + 1;
    if (i == left) break;
    if (rest[i] == '"') return true;
    reader->at++;
  }
  reader->at = reader->text.size;
  return fail(reader, "the end of a string", error);
}

bool document_reader_skip(DocumentReader *reader, Span *raw, Error *error) {
  static const char stops[] = ",:]} \n\r\t";
  document_reader_peek(reader);
  size_t begin = reader->at, depth = 0;
  do {
    char c = document_reader_peek(reader);
    if (!c) return fail(reader, "a value", error);
    if (depth == 0 && (c == ',' || c == ':')) return fail(reader, "a value", error);
    reader->at++;
    if (c == '"') {
      if (!skip_text(reader, error)) return false;
    } else if (c == '{' || c == '[') {
      depth++;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return fail(reader, "a value", error);
      depth--;
    } else if (c != ',' && c != ':')
      while (reader->at < reader->text.size && reader->text.data[reader->at] &&
             !strchr(stops, reader->text.data[reader->at]))
        reader->at++;
  } while (depth);
  *raw = (Span){reader->text.data + begin, reader->at - begin};
  return true;
}

bool document_reader_end(DocumentReader *reader, Error *error) {
  if (document_reader_peek(reader) || reader->at < reader->text.size)
    return fail(reader, "nothing after the document", error);
  return true;
}
