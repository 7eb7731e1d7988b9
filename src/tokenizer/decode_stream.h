// SPDX-License-Identifier: Apache-2.0
// Text of a growing sequence of ids, piece by piece: each new id gives the text that is certain by
// then, so that no character is cut in two and spaces come out as in decoding the whole.
#pragma once
#include "tokenizer/tokenizer.h"

typedef struct {
  bool skip_special_tokens;
  TokenIds window; // the last ids, whose text is compared with and without the newest
  size_t read;     // ids of the window whose text was given out
  size_t given;    // bytes of the window's text that were given out
  Text text;
} DecodeStream; // {.skip_special_tokens = …} is a fresh one

void decode_stream_close(DecodeStream *stream);
// Appends to *text what `id` makes certain: nothing while a character is incomplete.
CHECKED bool decode_stream_step(DecodeStream *stream, const Tokenizer *tokenizer,
                                TokenizerState *state, int32_t id, Text *text, Error *error);
// Appends what was held back (an incomplete character becomes U+FFFD) and starts anew.
CHECKED bool decode_stream_finish(DecodeStream *stream, const Tokenizer *tokenizer,
                                  TokenizerState *state, Text *text, Error *error);
