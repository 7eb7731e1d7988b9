// SPDX-License-Identifier: Apache-2.0
// The tokenizer as a whole: options, look-ups, threads, long pieces, hostile files.
#include "base/utf8.h"
#include "tokenizer/decode_stream.h"
#include "tokenizer/tokenizer.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static Tokenizer *open_golden(const char *name) {
  char path[512];
  Error error;
  snprintf(path, sizeof path, "%s/%s.json", getenv("GOLDEN_TOKENIZERS"), name);
  Tokenizer *tokenizer = tokenizer_open_file(path, &error);
  if (!tokenizer) fail_msg("%s: %s", error.where, error.message);
  return tokenizer;
}

static TokenIds encode(const Tokenizer *tokenizer, const char *text, size_t size,
                       TokenizerOptions options) {
  TokenizerState *state = tokenizer_state_open();
  TokenIds ids = {0};
  Error error;
  if (!tokenizer_encode(tokenizer, state, text, size, &options, &ids, &error))
    fail_msg("%s: %s", error.where, error.message);
  tokenizer_state_close(state);
  return ids;
}

static void same_ids(const TokenIds *a, const TokenIds *b) {
  assert_int_equal(a->count, b->count);
  if (a->count) assert_memory_equal(a->items, b->items, a->count * sizeof *a->items);
}

static void truncates(void **context) {
  (void)context;
  static const char text[] = "The tokenizer cuts a text into tokens, and a token is a number.";
  Tokenizer *tokenizer = open_golden("llama2");
  TokenIds whole = encode(tokenizer, text, strlen(text), TOKENIZER_OPTIONS);
  assert_int_equal(whole.items[0], 1);
  assert_true(whole.count > 10);
  TokenIds right = encode(tokenizer, text, strlen(text),
                          (TokenizerOptions){.add_special_tokens = true, .max_length = 5});
  assert_int_equal(right.count, 5);
  assert_memory_equal(right.items, whole.items, 5 * sizeof(int32_t));
  TokenIds left = encode(
      tokenizer, text, strlen(text),
      (TokenizerOptions){.add_special_tokens = true, .max_length = 5, .truncate = TRUNCATE_LEFT});
  assert_int_equal(left.count, 5);
  assert_int_equal(left.items[0], 1);
  assert_memory_equal(left.items + 1, whole.items + whole.count - 4, 4 * sizeof(int32_t));
  TokenIds one = encode(tokenizer, text, strlen(text),
                        (TokenizerOptions){.add_special_tokens = true, .max_length = 1});
  assert_int_equal(one.count, 1);
  ARRAY_FREE(&whole);
  ARRAY_FREE(&right);
  ARRAY_FREE(&left);
  ARRAY_FREE(&one);
  tokenizer_close(tokenizer);
}

static void looks_up(void **context) {
  (void)context;
  Tokenizer *tokenizer = open_golden("llama3");
  TokenizerSpecials specials = tokenizer_specials(tokenizer);
  assert_int_equal(specials.before_count, 1);
  assert_int_equal(specials.before[0], tokenizer_find(tokenizer, span_of("<s>")));
  assert_int_equal(specials.after_count, 0);
  assert_int_equal(specials.special_count, 4); // <unk> <s> </s> <mask>
  assert_true(tokenizer_is_special(tokenizer, specials.before[0]));
  int32_t the = tokenizer_find(tokenizer, span_of("\xC4\xA0token")); // Ġtoken
  assert_true(the >= 0);
  assert_false(tokenizer_is_special(tokenizer, the));
  assert_true(span_equal(tokenizer_token(tokenizer, the), span_of("\xC4\xA0token")));
  Text piece = {0};
  tokenizer_piece(tokenizer, the, &piece);
  assert_string_equal(piece.data, " token");
  text_free(&piece);
  assert_int_equal(tokenizer_find(tokenizer, span_of("no such token")), -1);
  assert_null(tokenizer_token(tokenizer, -1).data);
  assert_null(tokenizer_token(tokenizer, (int32_t)tokenizer_vocabulary_size(tokenizer)).data);
  assert_int_equal(tokenizer_vocabulary_size(tokenizer), 604);
  tokenizer_close(tokenizer);
}

static void leaves_special_text(void **context) {
  (void)context;
  Tokenizer *tokenizer = open_golden("gpt2");
  int32_t mark = tokenizer_find(tokenizer, span_of("<s>"));
  TokenIds found = encode(tokenizer, "a<s>", 4, TOKENIZER_OPTIONS);
  TokenIds plain = encode(tokenizer, "a<s>", 4, (TokenizerOptions){.encode_special_tokens = true});
  assert_int_equal(found.items[found.count - 1], mark);
  for (size_t i = 0; i < plain.count; i++) assert_int_not_equal(plain.items[i], mark);
  assert_true(plain.count > found.count);
  ARRAY_FREE(&found);
  ARRAY_FREE(&plain);
  tokenizer_close(tokenizer);
}

// Invalid bytes and what they count as.
static void repairs_text(void **context) {
  (void)context;
  static const char *const cases[][2] = {
      {"a\xFFz", "a\xEF\xBF\xBDz"},
      {"\xE2\x82", "\xEF\xBF\xBD"}, // cut short: one
      {"\xE2\x82x", "\xEF\xBF\xBDx"},
      {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                 // overlong: one each
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, // surrogate
      {"\xF0\x9F\x91", "\xEF\xBF\xBD"},
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
  };
  Tokenizer *tokenizer = open_golden("llama2");
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    TokenIds bad = encode(tokenizer, cases[i][0], strlen(cases[i][0]), TOKENIZER_OPTIONS);
    TokenIds good = encode(tokenizer, cases[i][1], strlen(cases[i][1]), TOKENIZER_OPTIONS);
    same_ids(&bad, &good);
    ARRAY_FREE(&bad);
    ARRAY_FREE(&good);
  }
  tokenizer_close(tokenizer);
}

static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// No pre-tokenizer, and no space at which the model could cut: 1 MB is one piece.
static void takes_a_long_piece(void **context) {
  (void)context;
  Tokenizer *tokenizer = open_golden("llama2");
  size_t size = 1 << 20;
  char *text = malloc(size);
  for (size_t i = 0; i < size; i++) text[i] = "thetokenizercutsatextintotokens"[i * 7 % 31];
  double begin = processor_seconds();
  TokenIds ids = encode(tokenizer, text, size, TOKENIZER_OPTIONS);
  double seconds = processor_seconds() - begin;
  assert_true(ids.count > size / 16);
  print_message("# 1 MiB in one piece: %.3f s\n", seconds);
  assert_true(seconds < 5); // far from the hours of a quadratic merge, even under a sanitizer
  ARRAY_FREE(&ids);
  free(text);
  tokenizer_close(tokenizer);
}

typedef struct {
  const Tokenizer *tokenizer;
  const char *text;
  TokenIds ids;
  bool done;
} Job;

static void *encode_often(void *context) {
  Job *job = context;
  TokenizerState *state = tokenizer_state_open();
  Error error;
  for (int i = 0; i < 50; i++) {
    job->ids.count = 0;
    job->done = tokenizer_encode(job->tokenizer, state, job->text, strlen(job->text), NULL,
                                 &job->ids, &error);
  }
  tokenizer_state_close(state);
  return NULL;
}

static void serves_threads(void **context) {
  (void)context;
  static const char text[] = "The world's fair in 1984, \xE4\xBD\xA0\xE5\xA5\xBD <mask> e\xCC\x81";
  Tokenizer *tokenizer = open_golden("qwen2");
  TokenIds alone = encode(tokenizer, text, strlen(text), TOKENIZER_OPTIONS);
  Job jobs[4];
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    jobs[i] = (Job){.tokenizer = tokenizer, .text = text};
    assert_int_equal(pthread_create(&threads[i], NULL, encode_often, &jobs[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_true(jobs[i].done);
    same_ids(&alone, &jobs[i].ids);
    ARRAY_FREE(&jobs[i].ids);
  }
  ARRAY_FREE(&alone);
  tokenizer_close(tokenizer);
}

// A state may go from one tokenizer to another: the cache of words does not go with it.
static void shares_a_state(void **context) {
  (void)context;
  Tokenizer *one = open_golden("gpt2"), *other = open_golden("gemma");
  TokenizerState *state = tokenizer_state_open();
  TokenIds fresh = encode(other, "token token", 11, TOKENIZER_OPTIONS), ids = {0};
  Error error;
  assert_true(tokenizer_encode(one, state, "token token", 11, NULL, &ids, &error));
  ids.count = 0;
  assert_true(tokenizer_encode(other, state, "token token", 11, NULL, &ids, &error));
  same_ids(&fresh, &ids);
  ARRAY_FREE(&fresh);
  ARRAY_FREE(&ids);
  tokenizer_state_close(state);
  tokenizer_close(one);
  tokenizer_close(other);
}

// ---- Files that must be refused, with the reason ----

#define MODEL                                                                                      \
  "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"

static void refuses(void **context) {
  (void)context;
  static const struct {
    const char *json, *reason;
    ErrorCode code;
  } cases[] = {
      {"", "an object", ERROR_FORMAT},
      {"[]", "an object", ERROR_FORMAT},
      {"{" MODEL ",}", "string", ERROR_FORMAT},
      {"{" MODEL "} x", "nothing after", ERROR_FORMAT},
      {"{}", "missing", ERROR_FORMAT},
      {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "\"Unigram\" is not supported",
       ERROR_UNSUPPORTED},
      {"{\"model\":{\"vocab\":{\"a\":0}}}", "no \"merges\"", ERROR_FORMAT},
      {"{\"model\":{\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "occurs twice", ERROR_FORMAT},
      {"{\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "occurs twice", ERROR_FORMAT},
      {"{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "outside", ERROR_FORMAT},
      {"{\"model\":{\"vocab\":{\"a\":99999999},\"merges\":[]}}", "outside", ERROR_FORMAT},
      {"{\"model\":{\"vocab\":{\"a\":1.5},\"merges\":[]}}", "an integer", ERROR_FORMAT},
      {"{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a c\"]}}", "not in the vocabulary",
       ERROR_FORMAT},
      {"{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"aa\"]}}", "one space", ERROR_FORMAT},
      {"{\"model\":{\"vocab\":{\"\\ud800\":0},\"merges\":[]}}", "surrogate", ERROR_FORMAT},
      {"{" MODEL ",\"normalizer\":{\"type\":\"Precompiled\"}}", "Precompiled", ERROR_UNSUPPORTED},
      {"{" MODEL ",\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}}", "BertPreTokenizer",
       ERROR_UNSUPPORTED},
      {"{" MODEL ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},"
       "\"behavior\":\"Isolated\"}}",
       "regular expression", ERROR_FORMAT},
      {"{" MODEL ",\"decoder\":{\"type\":\"CTC\"}}", "CTC", ERROR_UNSUPPORTED},
      {"{" MODEL
       ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[],\"special_tokens\":{}}}",
       "0 times", ERROR_UNSUPPORTED},
      {"{" MODEL ",\"added_tokens\":[{\"id\":3,\"content\":\"x\"}]}", "missing", ERROR_FORMAT},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Error error = {0};
    Tokenizer *tokenizer =
        tokenizer_open_json(cases[i].json, strlen(cases[i].json), "t.json", &error);
    if (tokenizer || !strstr(error.message, cases[i].reason))
      print_error("%s: %s: %s\n", cases[i].json, error.where, error.message);
    assert_null(tokenizer);
    assert_int_equal(error.code, cases[i].code);
    assert_non_null(strstr(error.message, cases[i].reason));
    assert_non_null(strstr(error.where, "t.json"));
  }
}

static Tokenizer *open_with(const char *part) {
  Text json = {0};
  Error error;
  text_append_format(&json, "{%s,%s}", MODEL, part);
  Tokenizer *tokenizer = tokenizer_open_json(json.data, json.size, "t.json", &error);
  if (!tokenizer) fail_msg("%s: %s", error.where, error.message);
  text_free(&json);
  return tokenizer;
}

static void stops(const char *part, size_t size, const char *reason) {
  Tokenizer *tokenizer = open_with(part);
  TokenizerState *state = tokenizer_state_open();
  TokenIds ids = {0};
  Error error = {0};
  char *text = malloc(size);
  memset(text, 'a', size);
  assert_false(tokenizer_encode(tokenizer, state, text, size, NULL, &ids, &error));
  if (!strstr(error.message, reason)) fail_msg("%s", error.message);
  free(text);
  ARRAY_FREE(&ids);
  tokenizer_state_close(state);
  tokenizer_close(tokenizer);
}

static void stops_hostile_work(void **context) {
  (void)context;
  stops("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+[bc]\"},"
        "\"behavior\":\"Isolated\"}",
        64, "regular expression fails");
  stops("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaaaaaaaa\"},"
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaaaaaaaa\"},"
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaaaaaaaa\"}]}",
        10000, "grows");
  stops("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a(?=a*[bc])\"},"
        "\"behavior\":\"Isolated\"}",
        400000, "takes too long");
}

static void bounds_nesting(void **context) {
  (void)context;
  Text json = {0};
  text_append_text(&json, "{" MODEL ",\"normalizer\":");
  for (int i = 0; i < 40; i++) text_append_text(&json, "{\"type\":\"Sequence\",\"normalizers\":[");
  text_append_text(&json, "{\"type\":\"NFC\"}");
  for (int i = 0; i < 40; i++) text_append_text(&json, "]}");
  text_append_text(&json, "}");
  Error error = {0};
  assert_null(tokenizer_open_json(json.data, json.size, "t.json", &error));
  assert_non_null(strstr(error.message, "nested deeper"));
  text_free(&json);
}

// A character made of several tokens comes out whole, and only when it is complete.
static void streams_characters(void **context) {
  (void)context;
  static const char emoji[] = "a\xF0\x9F\xA6\x84z";
  Tokenizer *tokenizer = open_golden("gpt2");
  TokenizerState *state = tokenizer_state_open();
  TokenIds ids = encode(tokenizer, emoji, strlen(emoji), TOKENIZER_OPTIONS);
  DecodeStream stream = {0};
  Text text = {0};
  Error error;
  for (size_t i = 0; i < ids.count; i++) {
    assert_true(decode_stream_step(&stream, tokenizer, state, ids.items[i], &text, &error));
    assert_int_equal(utf8_valid_prefix(text_span(&text)), text.size);
    assert_null(text.data ? strstr(text.data, "\xEF\xBF\xBD") : NULL);
  }
  assert_string_equal(text.data, emoji);
  decode_stream_close(&stream);
  text_free(&text);
  ARRAY_FREE(&ids);
  tokenizer_state_close(state);
  tokenizer_close(tokenizer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(truncates),           cmocka_unit_test(looks_up),
      cmocka_unit_test(leaves_special_text), cmocka_unit_test(repairs_text),
      cmocka_unit_test(takes_a_long_piece),  cmocka_unit_test(serves_threads),
      cmocka_unit_test(shares_a_state),      cmocka_unit_test(refuses),
      cmocka_unit_test(stops_hostile_work),  cmocka_unit_test(bounds_nesting),
      cmocka_unit_test(streams_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
