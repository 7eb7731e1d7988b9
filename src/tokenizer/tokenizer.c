// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/tokenizer.h"
#include "tokenizer/byte_map.h"
#include "tokenizer/tokenizer_parts.h"
#include "tokenizer/unicode.h"
#include <string.h>

struct TokenizerState {
  const Tokenizer *owner; // whose words the cache holds
  PatternWork *patterns;
  NormalizerWork normalizer;
  Pieces pieces;
  BpeWork bpe;
  AddedTokenParts raw_parts, parts;
  Text repaired;
  TokenTexts texts, scratch;
};

Tokenizer *tokenizer_new(void) {
  Tokenizer *tokenizer = memory_allocate(sizeof *tokenizer);
  tokenizer->raw = added_token_search_open();
  tokenizer->normalized = added_token_search_open();
  tokenizer->begin = tokenizer->end = -1;
  return tokenizer;
}

void tokenizer_close(Tokenizer *tokenizer) {
  if (!tokenizer) return;
  normalizer_close(tokenizer->normalizer);
  pre_tokenizer_close(tokenizer->pre_tokenizer);
  bpe_close(&tokenizer->bpe);
  post_processor_close(&tokenizer->post_processor);
  decoder_close(tokenizer->decoder);
  for (size_t i = 0; i < tokenizer->added.count; i++) text_free(&tokenizer->added.items[i].content);
  for (size_t i = 0; i < tokenizer->added_decoded.count; i++)
    text_free(&tokenizer->added_decoded.items[i]);
  ARRAY_FREE(&tokenizer->added);
  ARRAY_FREE(&tokenizer->added_decoded);
  added_token_search_close(tokenizer->raw);
  added_token_search_close(tokenizer->normalized);
  vocabulary_close(&tokenizer->added_ids);
  ARRAY_FREE(&tokenizer->added_by_id);
  ARRAY_FREE(&tokenizer->special);
  memory_free(tokenizer);
}

TokenizerState *tokenizer_state_open(void) {
  TokenizerState *state = memory_allocate(sizeof *state);
  state->patterns = pattern_work_open();
  state->normalizer.patterns = state->patterns;
  bpe_work_open(&state->bpe);
  return state;
}

void tokenizer_state_close(TokenizerState *state) {
  if (!state) return;
  pattern_work_close(state->patterns);
  normalizer_work_close(&state->normalizer);
  pieces_close(&state->pieces);
  bpe_work_close(&state->bpe);
  ARRAY_FREE(&state->raw_parts);
  ARRAY_FREE(&state->parts);
  text_free(&state->repaired);
  token_texts_close(&state->texts);
  token_texts_close(&state->scratch);
  memory_free(state);
}

static void adopt(TokenizerState *state, const Tokenizer *tokenizer) {
  if (state->owner == tokenizer) return;
  word_cache_close(&state->bpe.cache);
  word_cache_open(&state->bpe.cache);
  state->owner = tokenizer;
}

// ---- Preparing ----

static void reserve_ids(Tokenizer *tokenizer, size_t count) {
  while (tokenizer->added_by_id.count < count) ARRAY_APPEND(&tokenizer->added_by_id, -1);
}

bool tokenizer_add(Tokenizer *tokenizer, AddedToken *token, const char *where, Error *error) {
  Span content = text_span(&token->content);
  if (content.size == 0) {
    text_free(&token->content);
    return true;
  }
  token->id = tokenizer_find(tokenizer, content);
  if (token->id < 0) {
    int32_t added = tokenizer->added_ids.limit, model = (int32_t)tokenizer->bpe.vocabulary.count;
    token->id = added > model ? added : model;
  }
  if (vocabulary_find(&tokenizer->added_ids, content) >= 0) {
    AddedToken *old = &tokenizer->added.items[tokenizer->added_by_id.items[token->id]];
    text_free(&old->content);
    *old = *token;
    return true;
  }
  if (!vocabulary_add(&tokenizer->added_ids, content, token->id, where, error)) {
    text_free(&token->content);
    return false;
  }
  reserve_ids(tokenizer, (size_t)token->id + 1);
  tokenizer->added_by_id.items[token->id] = (int32_t)tokenizer->added.count;
  ARRAY_APPEND(&tokenizer->added, *token);
  return true;
}

static void index_added(Tokenizer *tokenizer) {
  tokenizer->size = (size_t)tokenizer->bpe.vocabulary.limit;
  if (tokenizer->added_by_id.count > tokenizer->size)
    tokenizer->size = tokenizer->added_by_id.count;
  reserve_ids(tokenizer, tokenizer->size);
  for (size_t i = 0; i < tokenizer->added.count; i++)
    if (tokenizer->added.items[i].special)
      ARRAY_APPEND(&tokenizer->special, tokenizer->added.items[i].id);
}

// The normalized tokens are looked for in normalized text, so by their normalized content.
static bool fill_searches(Tokenizer *tokenizer, NormalizerWork *work, Error *error) {
  for (size_t i = 0; i < tokenizer->added.count; i++) {
    const AddedToken *token = &tokenizer->added.items[i];
    Span content = text_span(&token->content), text = content;
    bool kept = true;
    pattern_work_start(work->patterns, content.size);
    if (token->normalized &&
        !normalizer_apply(tokenizer->normalizer, work, content, &text, &kept, error))
      return false;
    added_token_search_add(token->normalized ? tokenizer->normalized : tokenizer->raw, text, token);
    Text decoded = {0};
    text_append(&decoded, text.data, text.size);
    ARRAY_APPEND(&tokenizer->added_decoded, decoded);
  }
  return true;
}

bool tokenizer_prepare(Tokenizer *tokenizer, Error *error) {
  bpe_prepare(&tokenizer->bpe);
  if (tokenizer->bpe.maps_bytes) pre_tokenizer_leave_bytes(tokenizer->pre_tokenizer);
  index_added(tokenizer);
  NormalizerWork work = {.patterns = pattern_work_open()};
  bool done = fill_searches(tokenizer, &work, error);
  pattern_work_close(work.patterns);
  normalizer_work_close(&work);
  return done;
}

// ---- Encoding ----

static bool encode_plain(const Tokenizer *tokenizer, TokenizerState *state, Span text,
                         bool starts_text, TokenIds *ids, Error *error) {
  Pieces *pieces = &state->pieces;
  pieces_start(pieces, text, starts_text);
  if (!pre_tokenizer_apply(tokenizer->pre_tokenizer, state->patterns, pieces, error)) return false;
  for (size_t i = 0; i < pieces->list.count; i++)
    if (!bpe_encode(&tokenizer->bpe, &state->bpe, pieces_span(pieces, i), pieces->unmapped, ids,
                    error))
      return false;
  return true;
}

// A stretch of the original without raw added tokens: normalized, searched again, encoded.
static bool encode_stretch(const Tokenizer *tokenizer, TokenizerState *state, Span text,
                           bool starts_text, bool skip_special, TokenIds *ids, Error *error) {
  Span normal;
  if (!normalizer_apply(tokenizer->normalizer, &state->normalizer, text, &normal, &starts_text,
                        error))
    return false;
  state->parts.count = 0;
  added_token_search_split(tokenizer->normalized, normal, skip_special, &state->parts);
  for (size_t i = 0; i < state->parts.count; i++) {
    AddedTokenPart part = state->parts.items[i];
    Span span = {normal.data + part.begin, part.end - part.begin};
    if (part.token)
      ARRAY_APPEND(ids, part.token->id);
    else if (!encode_plain(tokenizer, state, span, starts_text && part.begin == 0, ids, error))
      return false;
  }
  return true;
}

static bool encode_text(const Tokenizer *tokenizer, TokenizerState *state, Span text,
                        bool skip_special, TokenIds *ids, Error *error) {
  state->raw_parts.count = 0;
  added_token_search_split(tokenizer->raw, text, skip_special, &state->raw_parts);
  for (size_t i = 0; i < state->raw_parts.count; i++) {
    AddedTokenPart part = state->raw_parts.items[i];
    Span span = {text.data + part.begin, part.end - part.begin};
    if (part.token)
      ARRAY_APPEND(ids, part.token->id);
    else if (!encode_stretch(tokenizer, state, span, part.begin == 0, skip_special, ids, error))
      return false;
  }
  return true;
}

static Span repaired(TokenizerState *state, Span text) {
  if (utf8_valid_prefix(text) == text.size) return text;
  text_clear(&state->repaired);
  utf8_repair(text, &state->repaired);
  return text_span(&state->repaired);
}

static void append_ids(TokenIds *ids, const TokenIds *more) {
  for (size_t i = 0; i < more->count; i++) ARRAY_APPEND(ids, more->items[i]);
}

bool tokenizer_encode(const Tokenizer *tokenizer, TokenizerState *state, const char *text,
                      size_t size, const TokenizerOptions *options, TokenIds *ids, Error *error) {
  TokenizerOptions chosen = options ? *options : TOKENIZER_OPTIONS;
  if (size > TOKENIZER_TEXT_LIMIT)
    return error_set(error, ERROR_ARGUMENT, NULL, "a text of %zu bytes, at most %u at once", size,
                     TOKENIZER_TEXT_LIMIT);
  adopt(state, tokenizer);
  pattern_work_start(state->patterns, size);
  const PostProcessor *frame = &tokenizer->post_processor;
  if (chosen.add_special_tokens) append_ids(ids, &frame->before);
  size_t from = ids->count;
  if (!encode_text(tokenizer, state, repaired(state, (Span){text, size}),
                   chosen.encode_special_tokens, ids, error))
    return false;
  size_t added = chosen.add_special_tokens ? post_processor_added(frame) : 0;
  if (chosen.max_length) truncation_apply(ids, from, added, chosen.max_length, chosen.truncate);
  if (chosen.add_special_tokens) append_ids(ids, &frame->after);
  return true;
}

// ---- Decoding ----

static const AddedToken *added_token(const Tokenizer *tokenizer, int32_t id) {
  if (id < 0 || (size_t)id >= tokenizer->size || tokenizer->added_by_id.items[id] < 0) return NULL;
  return &tokenizer->added.items[tokenizer->added_by_id.items[id]];
}

Span tokenizer_token(const Tokenizer *tokenizer, int32_t id) {
  const AddedToken *token = added_token(tokenizer, id);
  return token ? text_span(&token->content) : vocabulary_text(&tokenizer->bpe.vocabulary, id);
}

static Span decoding_start(const Tokenizer *tokenizer, int32_t id) {
  const AddedToken *token = added_token(tokenizer, id);
  return token ? text_span(&tokenizer->added_decoded.items[token - tokenizer->added.items])
               : vocabulary_text(&tokenizer->bpe.vocabulary, id);
}

bool tokenizer_decode(const Tokenizer *tokenizer, TokenizerState *state, const int32_t *ids,
                      size_t count, bool skip_special_tokens, Text *text, Error *error) {
  token_texts_clear(&state->texts);
  for (size_t i = 0; i < count; i++) {
    Span token = decoding_start(tokenizer, ids[i]);
    if (!token.data || (skip_special_tokens && tokenizer_is_special(tokenizer, ids[i]))) continue;
    token_texts_append(&state->texts, token);
  }
  pattern_work_start(state->patterns, state->texts.bytes.size);
  return decoder_apply(tokenizer->decoder, state->patterns, &state->texts, &state->scratch, text,
                       error);
}

// ---- Looking inside ----

size_t tokenizer_vocabulary_size(const Tokenizer *tokenizer) {
  return tokenizer->size;
}

// A byte token's byte, for the vocabularies that have all of them.
static bool append_byte_token(const Bpe *bpe, int32_t id, Span token, Text *bytes) {
  if (!bpe->has_byte_tokens || token.size != 6 || memcmp(token.data, "<0x", 3) != 0) return false;
  for (int byte = 0; byte < 256; byte++) {
    if (bpe->byte_tokens[byte] != id) continue;
    text_append_character(bytes, (char)byte);
    return true;
  }
  return false;
}

void tokenizer_piece(const Tokenizer *tokenizer, int32_t id, Text *bytes) {
  Span token = tokenizer_token(tokenizer, id);
  if (!token.data) return;
  if (added_token(tokenizer, id)) {
    text_append(bytes, token.data, token.size);
  } else if (decoder_is_byte_level(tokenizer->decoder)) {
    byte_map_decode(token, bytes);
  } else if (!append_byte_token(&tokenizer->bpe, id, token, bytes)) {
    static const Span mark = {"\xE2\x96\x81", 3};
    for (; token.size; token.data++, token.size--) {
      bool space = span_starts_with(token, mark);
      text_append_character(bytes, space ? ' ' : token.data[0]);
      if (!space) continue;
      token.data += mark.size - 1;
      token.size -= mark.size - 1;
    }
  }
}

int32_t tokenizer_find(const Tokenizer *tokenizer, Span token) {
  int32_t id = vocabulary_find(&tokenizer->added_ids, token);
  return id >= 0 ? id : vocabulary_find(&tokenizer->bpe.vocabulary, token);
}

bool tokenizer_is_special(const Tokenizer *tokenizer, int32_t id) {
  const AddedToken *token = added_token(tokenizer, id);
  return token && token->special;
}

TokenizerSpecials tokenizer_specials(const Tokenizer *tokenizer) {
  const PostProcessor *frame = &tokenizer->post_processor;
  return (TokenizerSpecials){.before = frame->before.items,
                             .after = frame->after.items,
                             .before_count = frame->before.count,
                             .after_count = frame->after.count,
                             .special = tokenizer->special.items,
                             .special_count = tokenizer->special.count,
                             .begin = tokenizer->begin,
                             .end = tokenizer->end};
}
