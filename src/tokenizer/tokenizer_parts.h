// SPDX-License-Identifier: Apache-2.0
// What a Tokenizer is made of: for the files of this room that fill one.
#pragma once
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/decoder.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"

struct Tokenizer {
  Normalizer *normalizer;
  PreTokenizer *pre_tokenizer;
  Bpe bpe;
  PostProcessor post_processor;
  Decoder *decoder;
  ARRAY_OF(AddedToken) added;
  ARRAY_OF(Text) added_decoded;       // of each added token: what decoding starts from
  AddedTokenSearch *raw, *normalized; // added tokens looked for before and after normalizing
  Vocabulary added_ids;               // contents of `added`
  ARRAY_OF(int32_t) added_by_id;      // index into `added`, or -1; `size` items in the end
  size_t size;                        // largest id + 1
  TokenIds special;
  int32_t begin, end;
};

// An empty one: no steps, no tokens.
Tokenizer *tokenizer_new(void);
// Adds a token under the id that its content has already, else under the next free one. Content
// that was added before takes the new flags; empty content is passed over. Takes token->content.
CHECKED bool tokenizer_add(Tokenizer *tokenizer, AddedToken *token, const char *where,
                           Error *error);
// Call once when all parts but the searches are there: prepares the model, the tables by id and the
// searches of the added tokens.
CHECKED bool tokenizer_prepare(Tokenizer *tokenizer, Error *error);
