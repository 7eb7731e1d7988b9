// SPDX-License-Identifier: Apache-2.0
// A tokenizer as its file describes it (tokenizer.json, or the tokenizer keys of a GGUF file): text
// to ids and back, id for id as the tokenizers library does it.
//
//   text ─ repair ─ added tokens ─ normalize ─ added tokens ─ split ─ model ─ truncate ─ frame ─
//   ids
//
// Text may be any bytes: before anything else each maximal invalid UTF-8 sequence becomes U+FFFD
// (as Unicode recommends and Python's errors="replace" does). Decoded text is always valid UTF-8.
//
// A Tokenizer is immutable after opening and may be shared by threads; each thread has its own
// TokenizerState, which holds scratch memory and the cache of words.
#pragma once
#include "base/error.h"
#include "base/text.h"
#include "tokenizer/bpe.h"
#include "tokenizer/truncation.h"

#define TOKENIZER_TEXT_LIMIT (256u << 20) // bytes of one text to encode

typedef struct Tokenizer Tokenizer;
typedef struct TokenizerState TokenizerState;

void tokenizer_close(Tokenizer *tokenizer); // NULL is fine

TokenizerState *tokenizer_state_open(void);
void tokenizer_state_close(TokenizerState *state); // NULL is fine

typedef struct {
  bool add_special_tokens;    // put the post-processor's ids around the text
  bool encode_special_tokens; // special tokens in the text are plain text
  size_t max_length;          // ids, the added ones included; 0: no truncation
  TruncationSide truncate;    // the side that loses ids
} TokenizerOptions;
#define TOKENIZER_OPTIONS ((TokenizerOptions){.add_special_tokens = true})

// Appends the ids of `text` to *ids (caller frees with ARRAY_FREE). options NULL:
// TOKENIZER_OPTIONS. A state belongs to the tokenizer it was first used with until it is used with
// another one.
CHECKED bool tokenizer_encode(const Tokenizer *tokenizer, TokenizerState *state, const char *text,
                              size_t size, const TokenizerOptions *options, TokenIds *ids,
                              Error *error);
// Appends the text of the ids to *text. Ids that name no token are passed over.
CHECKED bool tokenizer_decode(const Tokenizer *tokenizer, TokenizerState *state, const int32_t *ids,
                              size_t count, bool skip_special_tokens, Text *text, Error *error);

// Largest id + 1, added tokens included; there may be holes.
size_t tokenizer_vocabulary_size(const Tokenizer *tokenizer);
// The token as the file writes it ("Ġthe"); data NULL when the id names none. Lives as long as the
// tokenizer.
Span tokenizer_token(const Tokenizer *tokenizer, int32_t id);
// Appends the bytes that the token stands for on its own (" the"; a byte token gives its byte, so
// this need not be valid UTF-8), for display.
void tokenizer_piece(const Tokenizer *tokenizer, int32_t id, Text *bytes);
// The id of a token by its text as the file writes it; -1: none.
int32_t tokenizer_find(const Tokenizer *tokenizer, Span token);
bool tokenizer_is_special(const Tokenizer *tokenizer, int32_t id);

// What special ids there are.
typedef struct {
  const int32_t *before, *after; // what add_special_tokens puts around a text
  size_t before_count, after_count;
  const int32_t *special; // all special tokens, in the order of the file
  size_t special_count;
  int32_t begin, end; // bos and eos where the file names them (GGUF), else -1
} TokenizerSpecials;
TokenizerSpecials tokenizer_specials(const Tokenizer *tokenizer);

// How a tokenizer is opened: from tokenizer.json here, from GGUF in tokenizer_gguf.h.
#include "tokenizer/tokenizer_json.h"
