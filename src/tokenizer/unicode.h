// SPDX-License-Identifier: Apache-2.0
// What kind of character a Unicode scalar value is. All text inside a tokenizer is valid UTF-8:
// utf8_repair makes it so at the door.
#pragma once
#include "base/utf8.h"
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
