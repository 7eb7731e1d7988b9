// SPDX-License-Identifier: Apache-2.0
// The 256 visible characters that byte-level tokenizers write for the 256 bytes (GPT-2): printable
// Latin-1 bytes stand for themselves, the other 68 are U+0100, U+0101, … in order.
#pragma once
#include "base/text.h"
#include <stdint.h>

uint32_t byte_map_character(unsigned char byte);
// The byte that a character stands for, or -1.
int byte_map_byte(uint32_t character);
// Appends the characters of the bytes of `text`.
void byte_map_encode(Span text, Text *out);
// Appends the bytes that a token's characters stand for; a token with any character outside the
// map contributes its own bytes.
void byte_map_decode(Span token, Text *out);
