// SPDX-License-Identifier: Apache-2.0
// The pre-tokenizer: steps that cut normalized text into the pieces that the model encodes one by
// one.
#pragma once
#include "tokenizer/component.h"
#include "tokenizer/pieces.h"

typedef struct PreTokenizer PreTokenizer; // immutable

// Reads the "pre_tokenizer" field; absent or null: no steps. NULL on failure.
CHECKED PreTokenizer *pre_tokenizer_open(const Field *field, Error *error);
void pre_tokenizer_close(PreTokenizer *pre_tokenizer);

// Steps put together by hand, for files that name a rule instead of spelling it out.
PreTokenizer *pre_tokenizer_new(void);
CHECKED bool pre_tokenizer_append_split(PreTokenizer *pre_tokenizer, const char *expression,
                                        Error *error);         // Isolated
void pre_tokenizer_append_digits(PreTokenizer *pre_tokenizer); // each on its own
void pre_tokenizer_append_byte_level(PreTokenizer *pre_tokenizer, bool add_prefix_space);

// Leaves the bytes of the last step to the model (pieces->unmapped) when that step is ByteLevel.
void pre_tokenizer_leave_bytes(PreTokenizer *pre_tokenizer);
// Whether the last step is a ByteLevel.
bool pre_tokenizer_ends_in_bytes(const PreTokenizer *pre_tokenizer);
// Cuts the pieces further, step by step.
CHECKED bool pre_tokenizer_apply(const PreTokenizer *pre_tokenizer, PatternWork *work,
                                 Pieces *pieces, Error *error);
