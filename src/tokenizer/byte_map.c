// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/byte_map.h"
#include "tokenizer/unicode.h"

static bool is_visible(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

uint32_t byte_map_character(unsigned char byte) {
  if (is_visible(byte)) return byte;
  if (byte <= 0x20) return 0x100u + byte;
  return byte == 0xAD ? 0x143 : 0x121u + (byte - 0x7Fu);
}

int byte_map_byte(uint32_t character) {
  if (character < 0x100) return is_visible(character) ? (int)character : -1;
  if (character <= 0x120) return (int)character - 0x100;
  if (character <= 0x142) return (int)character - 0x121 + 0x7F;
  return character == 0x143 ? 0xAD : -1;
}

void byte_map_encode(Span text, Text *out) {
  for (size_t i = 0; i < text.size; i++)
    utf8_append(out, byte_map_character((unsigned char)text.data[i]));
}

void byte_map_decode(Span token, Text *out) {
  size_t start = out->size, length;
  for (size_t at = 0; at < token.size; at += length) {
    int byte = byte_map_byte(utf8_decode(token.data + at, &length));
    if (byte < 0) {
      out->size = start;
      text_append(out, token.data, token.size);
      return;
    }
    text_append_character(out, (char)byte);
  }
}
