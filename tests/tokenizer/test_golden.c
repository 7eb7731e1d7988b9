// SPDX-License-Identifier: Apache-2.0
// Every golden tokenizer against what the reference library made of its strings.
#include "base/document.h"
#include "tokenizer/decode_stream.h"
#include "tokenizer/tokenizer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {
    "gpt2",      "smollm2",         "llama3",          "qwen2",          "nemo",     "o200k",
    "deepseek",  "roberta",         "nfkc-bytes",      "llama2",         "mistral3", "gemma",
    "metaspace", "metaspace-first", "metaspace-never", "suffix",         "prefix",   "replace",
    "digits",    "punctuation",     "inverted",        "byte-normalizer"};

typedef struct {
  const char *name;
  Tokenizer *tokenizer;
  TokenizerState *state;
} Subject;

static void fail_with(const Subject *subject, const char *text, const char *what) {
  print_error("%s: %s of %s\n", subject->name, what, text);
  fail();
}

static void check_ids(const Subject *subject, const json_t *text, const json_t *expected,
                      bool special) {
  TokenizerOptions options = {.add_special_tokens = special};
  TokenIds ids = {0};
  Error error;
  if (!tokenizer_encode(subject->tokenizer, subject->state, json_string_value(text),
                        json_string_length(text), &options, &ids, &error))
    fail_with(subject, error.message, "encoding");
  bool same = ids.count == json_array_size(expected);
  for (size_t i = 0; same && i < ids.count; i++)
    same = ids.items[i] == json_integer_value(json_array_get(expected, i));
  ARRAY_FREE(&ids);
  if (!same) fail_with(subject, json_string_value(text), special ? "ids" : "plain ids");
}

static void read_ids(const json_t *list, TokenIds *ids) {
  for (size_t i = 0; i < json_array_size(list); i++)
    ARRAY_APPEND(ids, (int32_t)json_integer_value(json_array_get(list, i)));
}

static void check_text(const Subject *subject, const json_t *list, const json_t *expected,
                       bool skip) {
  TokenIds ids = {0};
  Text text = {0};
  Error error;
  read_ids(list, &ids);
  assert_true(tokenizer_decode(subject->tokenizer, subject->state, ids.items, ids.count, skip,
                               &text, &error));
  Span wanted = {json_string_value(expected), json_string_length(expected)};
  if (!span_equal(text_span(&text), wanted)) {
    print_error("ours   [%s]\n", text_span(&text).data);
    fail_with(subject, wanted.data, skip ? "text without specials" : "text");
  }
  text_free(&text);
  ARRAY_FREE(&ids);
}

// Token by token the same text comes out as in one go.
static void check_stream(const Subject *subject, const json_t *list, const json_t *expected) {
  TokenIds ids = {0};
  Text text = {0};
  Error error;
  DecodeStream stream = {0};
  read_ids(list, &ids);
  for (size_t i = 0; i < ids.count; i++)
    assert_true(decode_stream_step(&stream, subject->tokenizer, subject->state, ids.items[i], &text,
                                   &error));
  assert_true(decode_stream_finish(&stream, subject->tokenizer, subject->state, &text, &error));
  Span wanted = {json_string_value(expected), json_string_length(expected)};
  if (!span_equal(text_span(&text), wanted)) {
    print_error("ours   [%s]\n", text_span(&text).data);
    fail_with(subject, wanted.data, "streamed text");
  }
  decode_stream_close(&stream);
  text_free(&text);
  ARRAY_FREE(&ids);
}

// Where each token decodes to the same text whatever surrounds it.
static bool streams(const char *name) {
  static const char *const kinds[] = {"gpt2",  "smollm2",  "llama3",  "qwen2",     "nemo",
                                      "o200k", "deepseek", "roberta", "nfkc-bytes"};
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    if (!strcmp(kinds[i], name)) return true;
  return false;
}

static void check_golden(void **state) {
  Subject subject = {.name = *state};
  char path[512];
  Error error;
  snprintf(path, sizeof path, "%s/%s.json", getenv("GOLDEN_TOKENIZERS"), subject.name);
  subject.tokenizer = tokenizer_open_file(path, &error);
  if (!subject.tokenizer) fail_with(&subject, error.message, "opening");
  subject.state = tokenizer_state_open();
  snprintf(path, sizeof path, "%s/%s.cases.json", getenv("GOLDEN_TOKENIZERS"), subject.name);
  json_t *cases = document_read(path, 1 << 20, &error);
  assert_non_null(cases);
  assert_true(json_array_size(cases) > 60);
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *one = json_array_get(cases, i), *text = json_object_get(one, "text");
    const json_t *ids = json_object_get(one, "ids");
    check_ids(&subject, text, ids, true);
    check_ids(&subject, text, json_object_get(one, "plain"), false);
    check_text(&subject, ids, json_object_get(one, "decoded"), false);
    check_text(&subject, ids, json_object_get(one, "skipped"), true);
    if (streams(subject.name)) check_stream(&subject, ids, json_object_get(one, "decoded"));
  }
  json_decref(cases);
  tokenizer_state_close(subject.state);
  tokenizer_close(subject.tokenizer);
}

int main(void) {
  struct CMUnitTest tests[COUNT_OF(names)];
  for (size_t i = 0; i < COUNT_OF(names); i++)
    tests[i] = (struct CMUnitTest){names[i], check_golden, NULL, NULL, (void *)names[i]};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
