// SPDX-License-Identifier: Apache-2.0
// Cutting the ids of a text to a length that leaves room for the special ids around it.
#pragma once
#include "tokenizer/bpe.h"

typedef enum { TRUNCATE_RIGHT, TRUNCATE_LEFT } TruncationSide; // where ids are dropped

// Cuts ids[from, count) so that with `added` ids around them at most `most` remain. When the added
// ids alone are more than `most`, nothing is cut (as in the reference).
void truncation_apply(TokenIds *ids, size_t from, size_t added, size_t most, TruncationSide side);
