// SPDX-License-Identifier: Apache-2.0
// The documents of document_mask: which document each token belongs to.
#pragma once
#include <stdint.h>

// ids [tokens] from 0 to count - 1, ascending: every document has one token, and each further one
// goes to a document drawn uniformly with a fixed seed. 1 ≤ count ≤ tokens.
void documents_draw(int64_t tokens, int64_t count, int32_t *ids);
