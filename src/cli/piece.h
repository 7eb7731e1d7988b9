// SPDX-License-Identifier: Apache-2.0
// A token's bytes as people can read them on one line.
#pragma once
#include "base/text.h"
#include "tokenizer/tokenizer.h"

// Appends the bytes between quotes; quotes, backslashes, control characters and bytes that are not
// UTF-8 are escaped: "\n", "\x1b", "\xe2\x80".
void piece_append_quoted(Span bytes, Text *out);
// What a token stands for, quoted; "-" where the id names none, or there is no tokenizer (NULL).
void piece_append(const Tokenizer *tokenizer, int32_t id, Text *out);
