// SPDX-License-Identifier: Apache-2.0
// Characters (Unicode scalar values) in UTF-8 text, and what kind they are. All text inside a
// tokenizer is valid UTF-8: utf8_repair makes it so at the door.
#pragma once
#include "base/text.h"
#include "tokenizer/unicode_tables.h"

// In the order of the table generator.
typedef enum {
  CATEGORY_CN,
  CATEGORY_LU,
  CATEGORY_LL,
  CATEGORY_LT,
  CATEGORY_LM,
  CATEGORY_LO,
  CATEGORY_MN,
  CATEGORY_MC,
  CATEGORY_ME,
  CATEGORY_ND,
  CATEGORY_NL,
  CATEGORY_NO,
  CATEGORY_PC,
  CATEGORY_PD,
  CATEGORY_PS,
  CATEGORY_PE,
  CATEGORY_PI,
  CATEGORY_PF,
  CATEGORY_PO,
  CATEGORY_SM,
  CATEGORY_SC,
  CATEGORY_SK,
  CATEGORY_SO,
  CATEGORY_ZS,
  CATEGORY_ZL,
  CATEGORY_ZP,
  CATEGORY_CC,
  CATEGORY_CF,
  CATEGORY_CO
} UnicodeCategory;

// The character at `text`, which must be valid, and its length in bytes.
static inline uint32_t utf8_decode(const char *text, size_t *length) {
  const unsigned char *p = (const unsigned char *)text;
  if (p[0] < 0x80) {
    *length = 1;
    return p[0];
  }
  if (p[0] < 0xE0) {
    *length = 2;
    return (uint32_t)(p[0] & 31) << 6 | (p[1] & 63);
  }
  if (p[0] < 0xF0) {
    *length = 3;
    return (uint32_t)(p[0] & 15) << 12 | (uint32_t)(p[1] & 63) << 6 | (p[2] & 63);
  }
  *length = 4;
  return (uint32_t)(p[0] & 7) << 18 | (uint32_t)(p[1] & 63) << 12 | (uint32_t)(p[2] & 63) << 6 |
         (p[3] & 63);
}

// Length in bytes of the valid character that starts with this byte.
static inline size_t utf8_length(char first) {
  unsigned char c = (unsigned char)first;
  return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

// The character that ends just before text[end], end > 0, and its length.
uint32_t utf8_decode_before(const char *text, size_t end, size_t *length);
// Writes one character; returns its length.
size_t utf8_encode(uint32_t character, char bytes[4]);
void utf8_append(Text *text, uint32_t character);
// Bytes of the longest valid prefix.
size_t utf8_valid_prefix(Span text);
// Appends `text` with U+FFFD in place of each maximal invalid sequence: the longest start of a
// valid character that is cut short, else a single byte (Unicode 15, section 3.9).
void utf8_repair(Span text, Text *out);

UnicodeCategory unicode_category(uint32_t character);
bool unicode_is_space(uint32_t character);       // White_Space
bool unicode_is_word(uint32_t character);        // \w: Alphabetic, M, Nd, Pc, joiners
bool unicode_is_punctuation(uint32_t character); // ASCII punctuation or P*, Unicode 8.0
bool unicode_is_mark(uint32_t character);        // M*, Unicode 9.0
bool unicode_is_numeric(uint32_t character);     // Nd, Nl, No
// Left as it is by the normalization tables of Unicode 9.0, though newer tables change it.
bool unicode_is_unnormalized(uint32_t character);
// Writes the one or two characters of the full lower case; returns how many.
size_t unicode_lower(uint32_t character, uint32_t lower[2]);
