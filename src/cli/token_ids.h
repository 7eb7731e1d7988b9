// SPDX-License-Identifier: Apache-2.0
// Token ids as people and scripts write them.
#pragma once
#include "base/document.h"
#include "tokenizer/tokenizer.h"

// Appends the ids of "1 2 3" (spaces, line ends or commas between them). `where` goes into errors
// (a flag). Ids are 0 to 2^31 - 1.
CHECKED bool token_ids_parse(const char *text, const char *where, TokenIds *ids, Error *error);
// Appends the ids of a JSON array.
CHECKED bool token_ids_of_document(const json_t *array, const char *where, TokenIds *ids,
                                   Error *error);
