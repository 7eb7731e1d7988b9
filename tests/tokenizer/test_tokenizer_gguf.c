// SPDX-License-Identifier: Apache-2.0
// Tokenizers out of small GGUF files that the test writes.
#include "tokenizer/tokenizer_gguf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PUT(TEXT, TYPE, VALUE) text_append((TEXT), &(TYPE){(VALUE)}, sizeof(TYPE))

static void put_text(Text *out, const char *text) {
  PUT(out, uint64_t, strlen(text));
  text_append_text(out, text);
}

static void put_key(Text *out, const char *key, uint32_t type) {
  put_text(out, key);
  PUT(out, uint32_t, type);
}

static void put_text_value(Text *out, const char *key, const char *value) {
  put_key(out, key, GGUF_TEXT);
  put_text(out, value);
}

static void put_texts(Text *out, const char *key, const char *const *values, size_t count) {
  put_key(out, key, GGUF_ARRAY);
  PUT(out, uint32_t, GGUF_TEXT);
  PUT(out, uint64_t, count);
  for (size_t i = 0; i < count; i++) put_text(out, values[i]);
}

static void put_head(Text *out, uint64_t keys) {
  text_append_text(out, "GGUF");
  PUT(out, uint32_t, 3);
  PUT(out, uint64_t, 0);
  PUT(out, uint64_t, keys);
}

static Tokenizer *open_bytes(Text *file, Error *error) {
  Gguf gguf = {0};
  Tokenizer *tokenizer = NULL;
  if (gguf_parse(&gguf, file->data, file->size, "x.gguf", error))
    tokenizer = tokenizer_open_gguf(&gguf, error);
  gguf_close(&gguf);
  text_free(file);
  return tokenizer;
}

static void expect_ids(const Tokenizer *tokenizer, const char *text, const int32_t *ids,
                       size_t count) {
  TokenizerState *state = tokenizer_state_open();
  TokenIds found = {0};
  Error error;
  assert_true(tokenizer_encode(tokenizer, state, text, strlen(text), NULL, &found, &error));
  assert_int_equal(found.count, count);
  assert_memory_equal(found.items, ids, count * sizeof *ids);
  ARRAY_FREE(&found);
  tokenizer_state_close(state);
}

static const char *const byte_tokens[] = {"a", "b", "Ġ", "ab", "Ġab", "<s>", "<u>", "1"};
static const int32_t byte_types[] = {1, 1, 1, 1, 1, 3, 4, 1};

static void put_byte_level(Text *out, const char *rule) {
  static const char *const merges[] = {"a b", "\xC4\xA0 ab", "x y"};
  put_head(out, 6);
  put_text_value(out, "tokenizer.ggml.model", "gpt2");
  put_text_value(out, "tokenizer.ggml.pre", rule);
  put_texts(out, "tokenizer.ggml.tokens", byte_tokens, COUNT_OF(byte_tokens));
  put_texts(out, "tokenizer.ggml.merges", merges, COUNT_OF(merges));
  put_key(out, "tokenizer.ggml.token_type", GGUF_ARRAY);
  PUT(out, uint32_t, GGUF_I32);
  PUT(out, uint64_t, COUNT_OF(byte_types));
  for (size_t i = 0; i < COUNT_OF(byte_types); i++) PUT(out, int32_t, byte_types[i]);
  put_key(out, "tokenizer.ggml.bos_token_id", GGUF_U32);
  PUT(out, uint32_t, 5);
}

static void reads_byte_level(void **context) {
  (void)context;
  Text file = {0};
  Error error;
  put_byte_level(&file, "smollm");
  Tokenizer *tokenizer = open_bytes(&file, &error);
  if (!tokenizer) fail_msg("%s: %s", error.where, error.message);
  expect_ids(tokenizer, "ab ab<s>11<u>", (int32_t[]){3, 4, 5, 7, 7, 6}, 6);
  assert_true(tokenizer_is_special(tokenizer, 5));
  assert_false(tokenizer_is_special(tokenizer, 6));
  assert_int_equal(tokenizer_specials(tokenizer).begin, 5);
  tokenizer_close(tokenizer);
  put_byte_level(&file, "llama-bpe"); // this rule adds bos
  tokenizer = open_bytes(&file, &error);
  assert_non_null(tokenizer);
  expect_ids(tokenizer, "ab", (int32_t[]){5, 3}, 2);
  tokenizer_close(tokenizer);
}

static void reads_sentence_piece(void **context) {
  (void)context;
  static const char *const tokens[] = {"<unk>", "<s>", "\xE2\x96\x81", "a",      "b",
                                       "ab",    "ba",  "▁a",           "<0xC3>", "<0xA9>"};
  static const float scores[] = {0, 0, -9, -8, -7, -1, -2, -3, 0, 0};
  Text file = {0};
  Error error;
  put_head(&file, 5);
  put_text_value(&file, "tokenizer.ggml.model", "llama");
  put_texts(&file, "tokenizer.ggml.tokens", tokens, COUNT_OF(tokens));
  put_key(&file, "tokenizer.ggml.scores", GGUF_ARRAY);
  PUT(&file, uint32_t, GGUF_F32);
  PUT(&file, uint64_t, COUNT_OF(scores));
  for (size_t i = 0; i < COUNT_OF(scores); i++) PUT(&file, float, scores[i]);
  put_key(&file, "tokenizer.ggml.bos_token_id", GGUF_U32);
  PUT(&file, uint32_t, 1);
  put_key(&file, "tokenizer.ggml.unknown_token_id", GGUF_U32);
  PUT(&file, uint32_t, 0);
  Tokenizer *tokenizer = open_bytes(&file, &error);
  if (!tokenizer) fail_msg("%s: %s", error.where, error.message);
  // "▁abab": both "ab" are joined before "ba" and "▁a".
  expect_ids(tokenizer, "abab", (int32_t[]){1, 2, 5, 5}, 4);
  expect_ids(tokenizer, "a\xC3\xA9", (int32_t[]){1, 7, 8, 9}, 4);
  expect_ids(tokenizer, "z", (int32_t[]){1, 2, 0}, 3);
  tokenizer_close(tokenizer);
}

static void prefers_the_whole_file(void **context) {
  (void)context;
  Text file = {0};
  Error error;
  put_head(&file, 1);
  put_text_value(&file, "tokenizer.huggingface.json",
                 "{\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[[\"a\",\"b\"]]}}");
  Tokenizer *tokenizer = open_bytes(&file, &error);
  if (!tokenizer) fail_msg("%s: %s", error.where, error.message);
  expect_ids(tokenizer, "abb", (int32_t[]){2, 1}, 2);
  tokenizer_close(tokenizer);
}

static void refuses(void **context) {
  (void)context;
  Text file = {0};
  Error error = {0};
  put_head(&file, 1);
  put_text_value(&file, "tokenizer.ggml.model", "bert");
  assert_null(open_bytes(&file, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
  assert_non_null(strstr(error.message, "bert"));
  put_byte_level(&file, "no-such-rule");
  assert_null(open_bytes(&file, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
  assert_non_null(strstr(error.message, "no-such-rule"));
  put_head(&file, 0);
  assert_null(open_bytes(&file, &error));
  assert_non_null(strstr(error.where, "tokenizer.ggml.model"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_byte_level), cmocka_unit_test(reads_sentence_piece),
      cmocka_unit_test(prefers_the_whole_file), cmocka_unit_test(refuses)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
