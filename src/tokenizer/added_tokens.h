// SPDX-License-Identifier: Apache-2.0
// Added tokens: texts that are found in the input before anything else and become one id each.
#pragma once
#include "base/array.h"
#include "tokenizer/vocabulary.h"

#define ADDED_TOKEN_LIMIT 256u // bytes of one: keeps the search linear

typedef struct {
  Text content;
  int32_t id;
  bool single_word, left_strip, right_strip, normalized, special;
} AddedToken;

typedef struct AddedTokenSearch AddedTokenSearch; // leftmost-longest, many texts at once

// A piece of text, or an added token found in it (token != NULL).
typedef struct {
  size_t begin, end;
  const AddedToken *token;
} AddedTokenPart;

typedef ARRAY_OF(AddedTokenPart) AddedTokenParts;

AddedTokenSearch *added_token_search_open(void);
void added_token_search_close(AddedTokenSearch *search);
// `text` is what to look for (the content, or its normalized form); empty texts are passed over.
// The token must outlive the search.
void added_token_search_add(AddedTokenSearch *search, Span text, const AddedToken *token);
bool added_token_search_empty(const AddedTokenSearch *search);
// Cuts `text` into parts, appended to *parts. skip_special: special tokens are left in the text.
void added_token_search_split(const AddedTokenSearch *search, Span text, bool skip_special,
                              AddedTokenParts *parts);
