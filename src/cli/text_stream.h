// SPDX-License-Identifier: Apache-2.0
// Decoded text as its ids come: what each new id adds, held back while a character is incomplete.
//
//   context … | emitted … | new     text(context + emitted + new) minus text(context + emitted)
//
// Decoders look at neighbours (the first space of a text is dropped by some), so that the
// difference of two decodings is right where the decoding of one id is not. Ids that are emitted
// leave the window but for the last few.
#pragma once
#include "tokenizer/tokenizer.h"

typedef struct {
  const Tokenizer *tokenizer;
  TokenizerState *state;
  bool skip_special;
  TokenIds window;
  size_t emitted; // ids of the window whose text is out
} TextStream;

// `context`: ids before the first new one, usually the prompt. The tokenizer must outlive it.
TextStream text_stream_open(const Tokenizer *tokenizer, bool skip_special, const int32_t *context,
                            size_t count);
void text_stream_close(TextStream *stream);
// Appends to *text what `id` completes.
CHECKED bool text_stream_push(TextStream *stream, int32_t id, Text *text, Error *error);
// Appends what was held back: an incomplete character comes as U+FFFD.
CHECKED bool text_stream_finish(TextStream *stream, Text *text, Error *error);
