// SPDX-License-Identifier: Apache-2.0
// A list of token texts in one block of bytes: what decoders work on.
#pragma once
#include "base/array.h"
#include "base/text.h"

typedef struct {
  Text bytes;
  ARRAY_OF(size_t) ends; // of each text, in bytes
} TokenTexts;

void token_texts_clear(TokenTexts *texts);
void token_texts_close(TokenTexts *texts);
Span token_texts_at(const TokenTexts *texts, size_t index);
// What was appended to texts->bytes since the last end becomes the next text.
void token_texts_end(TokenTexts *texts);
void token_texts_append(TokenTexts *texts, Span text);
