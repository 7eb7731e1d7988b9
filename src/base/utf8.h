// SPDX-License-Identifier: Apache-2.0
// UTF-8: characters (Unicode scalar values) in text, and text made valid.
#pragma once
#include "base/text.h"
#include <stdint.h>

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
