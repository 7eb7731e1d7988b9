// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

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
