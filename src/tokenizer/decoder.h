// SPDX-License-Identifier: Apache-2.0
// The decoder: steps from the texts of tokens to the text they stand for.
#pragma once
#include "tokenizer/component.h"
#include "tokenizer/pattern.h"
#include "tokenizer/token_texts.h"

typedef struct Decoder Decoder; // immutable

// Reads the "decoder" field; absent or null joins the tokens with spaces. NULL on failure.
CHECKED Decoder *decoder_open(const Field *field, Error *error);
void decoder_close(Decoder *decoder);
// Decoders put together by hand, for files that name a rule.
Decoder *decoder_new_byte_level(void);
// U+2581 to space, byte tokens to bytes, all joined; one leading space removed if strip_space.
Decoder *decoder_new_sentence_piece(bool strip_space);
// Whether the only step is ByteLevel: then a token's text is its bytes, whatever surrounds it.
bool decoder_is_byte_level(const Decoder *decoder);

// Appends the text of the tokens, valid UTF-8, to *out. *texts and *scratch are overwritten.
CHECKED bool decoder_apply(const Decoder *decoder, PatternWork *patterns, TokenTexts *texts,
                           TokenTexts *scratch, Text *out, Error *error);
