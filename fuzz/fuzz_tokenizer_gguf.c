// SPDX-License-Identifier: Apache-2.0
// A GGUF file of any bytes has no tokenizer, or one that encodes and decodes.
#include "tokenizer/tokenizer_gguf.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void use(const Tokenizer *tokenizer) {
  static const char text[] = "a ab\xC3\xA9<s> \xF0\x9F\x91\x8D 12\n";
  TokenizerState *state = tokenizer_state_open();
  TokenIds ids = {0};
  Text out = {0};
  Error error;
  if (tokenizer_encode(tokenizer, state, text, sizeof text - 1, NULL, &ids, &error)) {
    for (size_t i = 0; i < ids.count; i++)
      if (ids.items[i] < 0 || (size_t)ids.items[i] >= tokenizer_vocabulary_size(tokenizer)) abort();
    (void)!tokenizer_decode(tokenizer, state, ids.items, ids.count, false, &out, &error);
  }
  text_free(&out);
  ARRAY_FREE(&ids);
  tokenizer_state_close(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  Gguf gguf = {0};
  Error error = {0};
  if (gguf_parse(&gguf, bytes, size, "fuzz", &error)) {
    Tokenizer *tokenizer = tokenizer_open_gguf(&gguf, &error);
    if (tokenizer)
      use(tokenizer);
    else if (error.code == ERROR_NONE)
      abort();
    tokenizer_close(tokenizer);
  }
  gguf_close(&gguf);
  return 0;
}
