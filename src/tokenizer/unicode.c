// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/unicode.h"

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
  return c >= 0x300 && (in_ranges(unicode_unnormalized, unicode_unnormalized_count, c) ||
                        in_ranges(unicode_recent, unicode_recent_count, c));
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
