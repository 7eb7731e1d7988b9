// SPDX-License-Identifier: Apache-2.0
// A tokenizer from a tokenizer.json (a file of the tokenizers library). The model must be a BPE;
// parts that are not known are refused by name with the known ones.
#pragma once
#include "tokenizer/tokenizer.h"

#define TOKENIZER_FILE_LIMIT (256u << 20) // bytes of a tokenizer.json

// NULL on failure. `name` (a file name) goes into errors. The bytes are not needed afterwards.
CHECKED Tokenizer *tokenizer_open_json(const void *bytes, size_t size, const char *name,
                                       Error *error);
// A tokenizer.json, or a folder that holds one.
CHECKED Tokenizer *tokenizer_open_file(const char *path, Error *error);
