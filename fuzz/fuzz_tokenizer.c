// SPDX-License-Identifier: Apache-2.0
// Input: a tokenizer.json, a byte 0xFF (which no JSON has), and a text to encode. Ids that come out
// are decoded in both ways and in a stream. No input may crash, hang or read out of bounds.
#include "tokenizer/decode_stream.h"
#include "tokenizer/tokenizer.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void decode(const Tokenizer *tokenizer, TokenizerState *state, const TokenIds *ids) {
  Error error;
  Text text = {0};
  for (int skip = 0; skip < 2; skip++)
    if (!tokenizer_decode(tokenizer, state, ids->items, ids->count, skip, &text, &error) &&
        error.code == ERROR_NONE)
      abort();
  DecodeStream stream = {0};
  bool going = true;
  for (size_t i = 0; going && i < ids->count && i < 64; i++)
    going = decode_stream_step(&stream, tokenizer, state, ids->items[i], &text, &error);
  if (going) (void)!decode_stream_finish(&stream, tokenizer, state, &text, &error);
  for (size_t i = 0; i < ids->count && i < 64; i++)
    tokenizer_piece(tokenizer, ids->items[i], &text);
  decode_stream_close(&stream);
  text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const uint8_t *end = memchr(bytes, 0xFF, size);
  size_t json = end ? (size_t)(end - bytes) : size;
  Error error = {0};
  Tokenizer *tokenizer = tokenizer_open_json(bytes, json, "fuzz", &error);
  if (!tokenizer) {
    if (error.code == ERROR_NONE) abort();
    return 0;
  }
  TokenizerState *state = tokenizer_state_open();
  TokenIds ids = {0};
  const char *text = end ? (const char *)end + 1 : "a b";
  size_t text_size = end ? size - json - 1 : 3;
  TokenizerOptions options = {.add_special_tokens = size & 1,
                              .encode_special_tokens = size & 2,
                              .max_length = size & 4 ? 7 : 0,
                              .truncate = size & 8 ? TRUNCATE_LEFT : TRUNCATE_RIGHT};
  if (tokenizer_encode(tokenizer, state, text, text_size, &options, &ids, &error)) {
    for (size_t i = 0; i < ids.count; i++)
      if (ids.items[i] < 0) abort();
    decode(tokenizer, state, &ids);
  } else if (error.code == ERROR_NONE)
    abort();
  ARRAY_FREE(&ids);
  tokenizer_state_close(state);
  tokenizer_close(tokenizer);
  return 0;
}
