// SPDX-License-Identifier: Apache-2.0
// Prompts of exactly the asked number of tokens.
#pragma once
#include "tokenizer/bpe.h"
#include <stdint.h>

// Appends the ids of `text` to *ids.
typedef bool PromptEncoder(void *context, const char *text, size_t size, TokenIds *ids,
                           Error *error);

// The benchmark's text (prompt_text.h), repeated with a space between, encoded as one text, cut to
// `length` ids. The ids are what the encoder gives: with a beginning-of-text id where it adds one.
// *ids is cleared first; the caller frees it.
CHECKED bool prompt_encode(PromptEncoder *encoder, void *context, int64_t length, TokenIds *ids,
                           Error *error);
// For models without a tokenizer: ids drawn uniformly from the vocabulary by a fixed seed. A
// shorter prompt is a prefix of a longer one.
void prompt_draw(int64_t vocabulary, int64_t length, TokenIds *ids);
