// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/token_texts.h"

void token_texts_clear(TokenTexts *texts) {
  text_clear(&texts->bytes);
  texts->ends.count = 0;
}

void token_texts_close(TokenTexts *texts) {
  text_free(&texts->bytes);
  ARRAY_FREE(&texts->ends);
}

Span token_texts_at(const TokenTexts *texts, size_t index) {
  size_t begin = index ? texts->ends.items[index - 1] : 0;
  const char *bytes = texts->bytes.data ? texts->bytes.data : "";
  return (Span){bytes + begin, texts->ends.items[index] - begin};
}

void token_texts_end(TokenTexts *texts) {
  ARRAY_APPEND(&texts->ends, texts->bytes.size);
}

void token_texts_append(TokenTexts *texts, Span text) {
  text_append(&texts->bytes, text.data, text.size);
  token_texts_end(texts);
}
