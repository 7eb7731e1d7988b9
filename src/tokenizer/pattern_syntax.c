// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/pattern_syntax.h"
#include "base/array.h"
#include "tokenizer/unicode.h"
#include <string.h>

#define SPACES                                                                                     \
  "\\t-\\r\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}"   \
  "\\x{3000}"
#define NOT_SPACES                                                                                 \
  "\\x{0}-\\x{8}\\x{E}-\\x{1F}\\x{21}-\\x{84}\\x{86}-\\x{9F}\\x{A1}-\\x{167F}\\x{1681}-\\x{1FFF}"  \
  "\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}\\x{2030}-\\x{205E}\\x{2060}-\\x{2FFF}"                   \
  "\\x{3001}-\\x{D7FF}\\x{E000}-\\x{10FFFF}"
#define WORDS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}"
#define HEX_DIGITS "0-9A-Fa-f"

typedef struct {
  Span source;
  size_t at;
  Text *out;
  const char *where;
  Error *error;
  size_t atom;             // where in `out` the last repeatable thing starts
  ARRAY_OF(size_t) groups; // starts of the open groups
} Translation;

static bool refuse(Translation *t, const char *what) {
  return error_set(t->error, ERROR_UNSUPPORTED, t->where,
                   "%s at byte %zu of the regular expression is not supported", what, t->at);
}

static void copy(Translation *t, size_t size) {
  if (size > t->source.size - t->at) size = t->source.size - t->at;
  text_append(t->out, t->source.data + t->at, size);
  t->at += size;
}

static int peek(const Translation *t, size_t ahead) {
  return ahead < t->source.size - t->at ? (unsigned char)t->source.data[t->at + ahead] : -1;
}

// Escapes whose meaning differs: NULL for all others. Inside a class the brackets are left out.
static const char *class_of_escape(int letter) {
  switch (letter) {
  case 's': return SPACES;
  case 'S': return NOT_SPACES;
  case 'w': return WORDS;
  case 'h': return HEX_DIGITS;
  default: return NULL;
  }
}

static size_t property_size(const Translation *t) {
  const char *rest = t->source.data + t->at;
  const char *end = memchr(rest, '}', t->source.size - t->at);
  return end ? (size_t)(end - rest) + 1 : t->source.size - t->at;
}

static const char *const category_names[] = {
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps",
    "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co"};

// Whether a property (its text with the braces) holds for the characters of a recent range.
static bool property_covers(Span property, const UnicodeRange *range) {
  const char *category = category_names[unicode_category(range->first)];
  Span name = {property.data + 3, property.size - 4};
  if (name.size == 1 || name.size == 2) return memcmp(category, name.data, name.size) == 0;
  // The ideographs of extensions H and I.
  return name.size == 3 && !memcmp(name.data, "Han", 3) && range->first >= 0x20000 &&
         range->first < 0x40000;
}

// \p{L} and its like, with the characters that PCRE2's tables may be too old to know. What is
// excluded from a class that is itself negated cannot be written, so \P inside a class stays.
static void translate_property(Translation *t, bool in_class) {
  size_t size = property_size(t);
  Span property = {t->source.data + t->at, size};
  bool positive = property.data[1] == 'p' && size > 4 && property.data[3] != '^';
  if (size <= 4 || (!positive && (in_class || property.data[3] == '^'))) {
    copy(t, size);
    return;
  }
  if (!in_class) text_append_text(t->out, positive ? "[" : "[^");
  text_append_format(t->out, "\\p%.*s", (int)size - 2, property.data + 2);
  for (size_t i = 0; i < unicode_recent_count; i++)
    if (property_covers(property, &unicode_recent[i]))
      text_append_format(t->out, "\\x{%X}-\\x{%X}", (unsigned)unicode_recent[i].first,
                         (unsigned)unicode_recent[i].last);
  if (!in_class) text_append_text(t->out, "]");
  t->at += size;
}

static bool translate_escape(Translation *t, bool in_class) {
  int letter = peek(t, 1);
  if (letter < 0) return refuse(t, "a trailing backslash");
  const char *members = class_of_escape(letter);
  if (members || (!in_class && (letter == 'W' || letter == 'H'))) {
    if (!members) members = letter == 'W' ? WORDS : HEX_DIGITS;
    if (!in_class) text_append_text(t->out, letter == 'W' || letter == 'H' ? "[^" : "[");
    text_append_text(t->out, members);
    if (!in_class) text_append_text(t->out, "]");
    t->at += 2;
    return true;
  }
  if (letter == 'W' || letter == 'H') return refuse(t, "\\W or \\H inside a class");
  if ((letter == 'p' || letter == 'P') && peek(t, 2) == '{') {
    translate_property(t, in_class);
    return true;
  }
  if (letter == 'x' && peek(t, 2) == '{') {
    copy(t, property_size(t));
    return true;
  }
  if (!in_class && ((letter >= '1' && letter <= '9') || strchr("gkKCGNQE", letter)))
    return refuse(t, "a backreference or a special escape");
  if (letter == 'u') {
    text_append_text(t->out, "\\x{");
    t->at += 2;
    copy(t, 4);
    text_append_text(t->out, "}");
    return true;
  }
  copy(t, 2);
  return true;
}

static bool translate_class(Translation *t) {
  copy(t, 1);
  if (peek(t, 0) == '^') copy(t, 1);
  if (peek(t, 0) == ']') copy(t, 1);
  while (peek(t, 0) != ']') {
    int c = peek(t, 0);
    if (c < 0) return refuse(t, "a class without an end");
    if (c == '[' && peek(t, 1) == ':') {
      const char *end = memmem(t->source.data + t->at, t->source.size - t->at, ":]", 2);
      if (!end) return refuse(t, "a class without an end");
      copy(t, (size_t)(end - t->source.data) + 2 - t->at);
    } else if (c == '[')
      return refuse(t, "a class inside a class");
    else if (c == '&' && peek(t, 1) == '&')
      return refuse(t, "an intersection of classes");
    else if (c == '\\') {
      if (!translate_escape(t, true)) return false;
    } else
      copy(t, 1);
  }
  copy(t, 1);
  return true;
}

// {n}, {n,}, {,n}, {n,m}: its size, or 0 when the brace stands for itself.
static size_t interval_size(const Translation *t) {
  size_t i = 1, digits = 0, commas = 0;
  for (int c; (c = peek(t, i)) >= 0; i++) {
    if (c >= '0' && c <= '9')
      digits++;
    else if (c == ',')
      commas++;
    else
      return c == '}' && digits && commas < 2 ? i + 1 : 0;
  }
  return 0;
}

static void insert(Text *out, size_t at, const char *bytes) {
  size_t size = strlen(bytes);
  text_append(out, bytes, size);
  memmove(out->data + at + size, out->data + at, out->size - size - at);
  memcpy(out->data + at, bytes, size);
}

static void translate_interval(Translation *t, size_t size) {
  if (peek(t, 1) == ',') {
    text_append_text(t->out, "{0");
    t->at++;
    size--;
  }
  copy(t, size);
  if (peek(t, 0) != '+') return;
  insert(t->out, t->atom, "(?:");
  text_append_text(t->out, ")+");
  t->at++;
}

static bool translate_group(Translation *t) {
  if (peek(t, 1) == '*') return refuse(t, "a verb");
  ARRAY_APPEND(&t->groups, t->out->size);
  if (peek(t, 1) != '?') {
    copy(t, 1);
    return true;
  }
  int kind = peek(t, 2);
  if (kind < 0 || !strchr(":=!<>i-mx#", kind)) return refuse(t, "this kind of group");
  // Ruby's m lets the dot match a line feed, which PCRE2 calls s.
  for (int c; (c = peek(t, 0)) >= 0 && c != ':' && c != ')' && c != '=' && c != '!' && c != '>';) {
    if (c == '#') return refuse(t, "a comment");
    if (c != 'm') {
      copy(t, 1);
      continue;
    }
    text_append_text(t->out, "s");
    t->at++;
  }
  if (peek(t, 0) != ')') copy(t, 1);
  return true;
}

static bool translate_one(Translation *t) {
  int c = peek(t, 0);
  size_t interval = c == '{' ? interval_size(t) : 0;
  if (interval) {
    translate_interval(t, interval);
    return true;
  }
  if (c == '?' || c == '*' || c == '+') {
    copy(t, 1);
    return true;
  }
  if (c == ')') {
    if (t->groups.count) t->atom = t->groups.items[--t->groups.count];
    copy(t, 1);
    return true;
  }
  t->atom = t->out->size;
  if (c == '\\') return translate_escape(t, false);
  if (c == '[') return translate_class(t);
  if (c == '(') return translate_group(t);
  if (c == '{') text_append_text(t->out, "\\");
  copy(t, 1);
  while ((peek(t, 0) & 0xC0) == 0x80 && peek(t, 0) >= 0) copy(t, 1);
  return true;
}

bool pattern_syntax_translate(Span source, const char *where, Text *out, Error *error) {
  Translation t = {.source = source, .out = out, .where = where, .error = error};
  bool done = true;
  while (done && t.at < source.size) done = translate_one(&t);
  ARRAY_FREE(&t.groups);
  return done;
}
