// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/unicode.h"

uint32_t utf8_decode_before(const char *text, size_t end, size_t *length) {
  size_t begin = end - 1;
  while (begin > 0 && ((unsigned char)text[begin] & 0xC0) == 0x80) begin--;
  return utf8_decode(text + begin, length);
}

size_t utf8_encode(uint32_t c, char bytes[4]) {
  if (c < 0x80) {
    bytes[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    bytes[0] = (char)(0xC0 | c >> 6);
    bytes[1] = (char)(0x80 | (c & 63));
    return 2;
  }
  if (c < 0x10000) {
    bytes[0] = (char)(0xE0 | c >> 12);
    bytes[1] = (char)(0x80 | (c >> 6 & 63));
    bytes[2] = (char)(0x80 | (c & 63));
    return 3;
  }
  bytes[0] = (char)(0xF0 | c >> 18);
  bytes[1] = (char)(0x80 | (c >> 12 & 63));
  bytes[2] = (char)(0x80 | (c >> 6 & 63));
  bytes[3] = (char)(0x80 | (c & 63));
  return 4;
}

void utf8_append(Text *text, uint32_t character) {
  char bytes[4];
  text_append(text, bytes, utf8_encode(character, bytes));
}

// The second byte of a character has a narrower range after some first bytes: no overlong form, no
// surrogate, nothing above U+10FFFF.
static bool second_byte_fits(unsigned char first, unsigned char second) {
  switch (first) {
  case 0xE0: return second >= 0xA0 && second <= 0xBF;
  case 0xED: return second >= 0x80 && second <= 0x9F;
  case 0xF0: return second >= 0x90 && second <= 0xBF;
  case 0xF4: return second >= 0x80 && second <= 0x8F;
  default: return (second & 0xC0) == 0x80;
  }
}

// Length of the character at p, or minus the length of the maximal invalid sequence.
static int measure(const unsigned char *p, size_t size) {
  if (p[0] < 0x80) return 1;
  if (p[0] < 0xC2 || p[0] > 0xF4) return -1;
  int wanted = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
  if (size < 2 || !second_byte_fits(p[0], p[1])) return -1;
  for (int i = 2; i < wanted; i++)
    if ((size_t)i >= size || (p[i] & 0xC0) != 0x80) return -i;
  return wanted;
}

size_t utf8_valid_prefix(Span text) {
  const unsigned char *p = (const unsigned char *)text.data;
  size_t at = 0;
  while (at < text.size) {
    if (p[at] < 0x80) {
      at++;
      continue;
    }
    int length = measure(p + at, text.size - at);
    if (length < 0) break;
    at += (size_t)length;
  }
  return at;
}

void utf8_repair(Span text, Text *out) {
  for (;;) {
    size_t valid = utf8_valid_prefix(text);
    text_append(out, text.data, valid);
    if (valid == text.size) return;
    int bad = -measure((const unsigned char *)text.data + valid, text.size - valid);
    text_append_text(out, "\xEF\xBF\xBD");
    text.data += valid + (size_t)bad;
    text.size -= valid + (size_t)bad;
  }
}

// Index of the last range that starts at or before the character, or count.
static size_t range_before(const UnicodeRange *ranges, size_t count, uint32_t character) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (ranges[middle].first <= character)
      low = middle + 1;
    else
      high = middle;
  }
  return low ? low - 1 : count;
}

static bool in_ranges(const UnicodeRange *ranges, size_t count, uint32_t character) {
  size_t index = range_before(ranges, count, character);
  return index < count && character <= ranges[index].last;
}

UnicodeCategory unicode_category(uint32_t character) {
  size_t low = 0, high = unicode_category_starts_count;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (unicode_category_starts[middle] >> 8 <= character)
      low = middle;
    else
      high = middle;
  }
  return (UnicodeCategory)(unicode_category_starts[low] & 0xFF);
}

bool unicode_is_space(uint32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return in_ranges(unicode_spaces, unicode_spaces_count, c);
}

bool unicode_is_word(uint32_t c) {
  return in_ranges(unicode_words, unicode_words_count, c);
}

bool unicode_is_punctuation(uint32_t c) {
  return in_ranges(unicode_punctuation, unicode_punctuation_count, c);
}

bool unicode_is_mark(uint32_t c) {
  return c >= 0x300 && in_ranges(unicode_marks, unicode_marks_count, c);
}

bool unicode_is_numeric(uint32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  UnicodeCategory category = unicode_category(c);
  return category >= CATEGORY_ND && category <= CATEGORY_NO;
}

bool unicode_is_unnormalized(uint32_t c) {
  return c >= 0x300 && in_ranges(unicode_unnormalized, unicode_unnormalized_count, c);
}

size_t unicode_lower(uint32_t character, uint32_t lower[2]) {
  lower[0] = character;
  if (character < 0x80) {
    if (character >= 'A' && character <= 'Z') lower[0] += 'a' - 'A';
    return 1;
  }
  if (character == 0x130) {
    lower[0] = 'i';
    lower[1] = 0x307;
    return 2;
  }
  size_t index = range_before(unicode_lowercase, unicode_lowercase_count, character);
  if (index < unicode_lowercase_count && unicode_lowercase[index].first == character)
    lower[0] = unicode_lowercase[index].last;
  return 1;
}
