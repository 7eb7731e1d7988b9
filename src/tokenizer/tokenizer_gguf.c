// SPDX-License-Identifier: Apache-2.0
// How `llama` maps to a BPE: llama.cpp joins the adjacent pair whose concatenation is the token
// with the highest score, leftmost on ties. That is a BPE whose merges are all ways to cut each
// token in two tokens, ranked by the score of the result, equal scores sharing a rank. (A character
// that is no token joins nothing here; SentencePiece trains no token from such characters.)
#include "tokenizer/tokenizer_gguf.h"
#include "base/utf8.h"
#include "tokenizer/split_rule.h"
#include "tokenizer/tokenizer_parts.h"
#include <stdlib.h>
#include <string.h>

#define MARK "\xE2\x96\x81"
#define CUT_LIMIT 256 // bytes of a token that is cut in two: longer ones come of no merge

enum { TYPE_UNKNOWN = 2, TYPE_CONTROL, TYPE_USER_DEFINED };

typedef struct {
  const GgufMetadata *metadata;
  Tokenizer *tokenizer;
  Span *texts;
  size_t count;
  int64_t *types; // NULL: all normal
} Reading;

static bool read_types(Reading *reading, Error *error) {
  size_t count;
  if (!gguf_metadata_find(reading->metadata, "tokenizer.ggml.token_type")) return true;
  if (!gguf_metadata_integers(reading->metadata, "tokenizer.ggml.token_type", &reading->types,
                              &count, error))
    return false;
  return count == reading->count ||
         error_set(error, ERROR_FORMAT, "tokenizer.ggml.token_type",
                   "has %zu elements, expected one for each of the %zu tokens", count,
                   reading->count);
}

// A text that occurs again keeps its id but is found under the first.
static bool read_tokens(Reading *reading, Error *error) {
  static const char key[] = "tokenizer.ggml.tokens";
  Vocabulary *vocabulary = &reading->tokenizer->bpe.vocabulary;
  if (!gguf_metadata_texts(reading->metadata, key, &reading->texts, &reading->count, error) ||
      !read_types(reading, error))
    return false;
  for (size_t i = 0; i < reading->count; i++) {
    Span text = reading->texts[i];
    if (utf8_valid_prefix(text) != text.size)
      return error_set(error, ERROR_FORMAT, key, "token %zu is not valid UTF-8", i);
    bool again = vocabulary_find(vocabulary, text) >= 0;
    if (again ? !vocabulary_add_hidden(vocabulary, text, (int64_t)i, key, error)
              : !vocabulary_add(vocabulary, text, (int64_t)i, key, error))
      return false;
  }
  return true;
}

static bool add_special_tokens(Reading *reading, Error *error) {
  for (size_t i = 0; reading->types && i < reading->count; i++) {
    int64_t type = reading->types[i];
    Span text = reading->texts[i];
    if (type < TYPE_UNKNOWN || type > TYPE_USER_DEFINED || text.size > ADDED_TOKEN_LIMIT) continue;
    AddedToken token = {.special = type != TYPE_USER_DEFINED};
    text_append(&token.content, text.data, text.size);
    if (!tokenizer_add(reading->tokenizer, &token, "tokenizer.ggml.tokens", error)) return false;
  }
  return true;
}

// ---- gpt2 ----

static void add_merge(Bpe *bpe, Span line, uint32_t rank, Text *joined) {
  const char *space = line.size > 1 ? memchr(line.data + 1, ' ', line.size - 1) : NULL;
  if (!space) return;
  size_t before = (size_t)(space - line.data);
  Span left = {line.data, before}, right = {space + 1, line.size - before - 1};
  text_clear(joined);
  text_append(joined, left.data, left.size);
  text_append(joined, right.data, right.size);
  int32_t a = vocabulary_find(&bpe->vocabulary, left);
  int32_t b = vocabulary_find(&bpe->vocabulary, right);
  int32_t result = vocabulary_find(&bpe->vocabulary, text_span(joined));
  if (a >= 0 && b >= 0 && result >= 0) merge_table_put(&bpe->merges, a, b, rank, result);
}

static bool read_merges(Reading *reading, Error *error) {
  Span *lines;
  size_t count;
  if (!gguf_metadata_texts(reading->metadata, "tokenizer.ggml.merges", &lines, &count, error))
    return false;
  Bpe *bpe = &reading->tokenizer->bpe;
  Text joined = {0};
  merge_table_reserve(&bpe->merges, count);
  for (size_t i = 0; i < count; i++) add_merge(bpe, lines[i], (uint32_t)i, &joined);
  text_free(&joined);
  memory_free(lines);
  return true;
}

static bool read_byte_level(Reading *reading, bool *add_begin, Error *error) {
  Tokenizer *tokenizer = reading->tokenizer;
  Span name = span_of("default");
  SplitRule rule;
  if (!gguf_metadata_text_or(reading->metadata, "tokenizer.ggml.pre", &name, error)) return false;
  tokenizer->normalizer = normalizer_new();
  tokenizer->pre_tokenizer = pre_tokenizer_new();
  tokenizer->decoder = decoder_new_byte_level();
  if (!split_rule_apply(name, tokenizer->normalizer, tokenizer->pre_tokenizer, &rule, error))
    return false;
  tokenizer->bpe.ignore_merges = rule.ignore_merges;
  *add_begin = rule.add_begin;
  return read_tokens(reading, error) && read_merges(reading, error);
}

// ---- llama ----

typedef struct {
  double score;
  int32_t left, right, result;
} ScoredMerge;

typedef ARRAY_OF(ScoredMerge) ScoredMerges;

static int by_score(const void *a, const void *b) {
  double left = ((const ScoredMerge *)a)->score, right = ((const ScoredMerge *)b)->score;
  return left > right ? -1 : left < right;
}

static void gather_cuts(const Vocabulary *vocabulary, int32_t id, double score,
                        ScoredMerges *merges) {
  Span text = vocabulary_text(vocabulary, id);
  if (text.size > CUT_LIMIT) return;
  for (size_t at = text.size ? utf8_length(text.data[0]) : 0; at < text.size;
       at += utf8_length(text.data[at])) {
    int32_t left = vocabulary_find(vocabulary, (Span){text.data, at});
    int32_t right = vocabulary_find(vocabulary, (Span){text.data + at, text.size - at});
    if (left >= 0 && right >= 0) ARRAY_APPEND(merges, ((ScoredMerge){score, left, right, id}));
  }
}

static void rank_merges(Bpe *bpe, ScoredMerges *merges) {
  if (merges->count) qsort(merges->items, merges->count, sizeof *merges->items, by_score);
  merge_table_reserve(&bpe->merges, merges->count);
  uint32_t rank = 0;
  for (size_t i = 0; i < merges->count; i++) {
    const ScoredMerge *merge = &merges->items[i];
    if (i && merge->score != merges->items[i - 1].score) rank++;
    merge_table_put(&bpe->merges, merge->left, merge->right, rank, merge->result);
  }
}

static bool read_scores(Reading *reading, Error *error) {
  double *scores;
  size_t count;
  if (!gguf_metadata_numbers(reading->metadata, "tokenizer.ggml.scores", &scores, &count, error))
    return false;
  Bpe *bpe = &reading->tokenizer->bpe;
  ScoredMerges merges = {0};
  bool done =
      count == reading->count ||
      error_set(error, ERROR_FORMAT, "tokenizer.ggml.scores",
                "has %zu elements, expected one for each of the %zu tokens", count, reading->count);
  for (size_t i = 0; done && i < count; i++) {
    if (scores[i] != scores[i])
      done = error_set(error, ERROR_FORMAT, "tokenizer.ggml.scores", "score %zu is no number", i);
    else if (vocabulary_find(&bpe->vocabulary, reading->texts[i]) == (int32_t)i)
      gather_cuts(&bpe->vocabulary, (int32_t)i, scores[i], &merges);
  }
  if (done) rank_merges(bpe, &merges);
  ARRAY_FREE(&merges);
  memory_free(scores);
  return done;
}

static bool read_sentence_piece(Reading *reading, bool *add_begin, Error *error) {
  Tokenizer *tokenizer = reading->tokenizer;
  bool prefix = true;
  int64_t unknown = -1;
  if (!gguf_metadata_boolean_or(reading->metadata, "tokenizer.ggml.add_space_prefix", &prefix,
                                error) ||
      !gguf_metadata_integer_or(reading->metadata, "tokenizer.ggml.unknown_token_id", 0,
                                VOCABULARY_ID_LIMIT - 1, &unknown, error) ||
      !read_tokens(reading, error) || !read_scores(reading, error))
    return false;
  tokenizer->normalizer = normalizer_new();
  tokenizer->pre_tokenizer = pre_tokenizer_new();
  tokenizer->decoder = decoder_new_sentence_piece(prefix);
  if (prefix) normalizer_append_prepend(tokenizer->normalizer, MARK);
  normalizer_append_replace(tokenizer->normalizer, " ", MARK);
  tokenizer->bpe.byte_fallback = tokenizer->bpe.fuse_unknown = true;
  Span name = vocabulary_text(&tokenizer->bpe.vocabulary, (int32_t)unknown);
  if (name.size) {
    Text copy = {0};
    text_append(&copy, name.data, name.size);
    tokenizer->bpe.unknown = copy.data;
  }
  *add_begin = true;
  return true;
}

// ---- Both ----

static bool read_id(const Reading *reading, const char *key, int32_t *id, Error *error) {
  int64_t value = -1;
  if (!gguf_metadata_integer_or(reading->metadata, key, 0, UINT32_MAX, &value, error)) return false;
  *id = value < (int64_t)reading->count ? (int32_t)value : -1;
  return true;
}

static bool read_frame(Reading *reading, bool add_begin, Error *error) {
  Tokenizer *tokenizer = reading->tokenizer;
  const GgufMetadata *metadata = reading->metadata;
  bool add_end = false;
  if (!read_id(reading, "tokenizer.ggml.bos_token_id", &tokenizer->begin, error) ||
      !read_id(reading, "tokenizer.ggml.eos_token_id", &tokenizer->end, error) ||
      !gguf_metadata_boolean_or(metadata, "tokenizer.ggml.add_bos_token", &add_begin, error) ||
      !gguf_metadata_boolean_or(metadata, "tokenizer.ggml.add_eos_token", &add_end, error))
    return false;
  if (add_begin && tokenizer->begin >= 0)
    ARRAY_APPEND(&tokenizer->post_processor.before, tokenizer->begin);
  if (add_end && tokenizer->end >= 0)
    ARRAY_APPEND(&tokenizer->post_processor.after, tokenizer->end);
  return true;
}

static bool read_tables(Reading *reading, Error *error) {
  Span model;
  bool add_begin = false;
  if (!gguf_metadata_text(reading->metadata, "tokenizer.ggml.model", &model, error)) return false;
  if (span_equal(model, span_of("gpt2"))) {
    if (!read_byte_level(reading, &add_begin, error)) return false;
  } else if (span_equal(model, span_of("llama"))) {
    if (!read_sentence_piece(reading, &add_begin, error)) return false;
  } else
    return error_set(error, ERROR_UNSUPPORTED, "tokenizer.ggml.model",
                     "\"%.*s\" is not supported; supported: gpt2, llama",
                     (int)(model.size < 40 ? model.size : 40), model.data);
  return add_special_tokens(reading, error) && read_frame(reading, add_begin, error) &&
         tokenizer_prepare(reading->tokenizer, error);
}

Tokenizer *tokenizer_open_gguf(const Gguf *gguf, Error *error) {
  const GgufMetadata *metadata = &gguf->metadata;
  const char *name = metadata->name ? metadata->name : "GGUF";
  if (gguf_metadata_find(metadata, "tokenizer.huggingface.json")) {
    Span json;
    if (!gguf_metadata_text(metadata, "tokenizer.huggingface.json", &json, error)) return NULL;
    return tokenizer_open_json(json.data, json.size, name, error);
  }
  Reading reading = {.metadata = metadata, .tokenizer = tokenizer_new()};
  bool done = read_tables(&reading, error);
  if (!done) {
    error_within(error, name);
    tokenizer_close(reading.tokenizer);
  }
  memory_free(reading.texts);
  memory_free(reading.types);
  return done ? reading.tokenizer : NULL;
}
