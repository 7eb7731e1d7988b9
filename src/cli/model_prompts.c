// SPDX-License-Identifier: Apache-2.0
#include "cli/model_prompts.h"
#include "bench/prompt.h"
#include "model/weight_source.h"

enum { TRIED_TOKENS = 1 << 14 }; // more than the text of prompts has before it is repeated

bool model_prompts_open(const ModelArgument *model, ModelPrompts *prompts, Error *error) {
  *prompts = (ModelPrompts){0};
  if (!model_argument_has_tokenizer(model)) return true;
  prompts->tokenizer = model_argument_tokenizer(model, error);
  prompts->state = tokenizer_state_open();
  return prompts->tokenizer != NULL;
}

void model_prompts_close(ModelPrompts *prompts) {
  tokenizer_state_close(prompts->state);
  tokenizer_close(prompts->tokenizer);
  *prompts = (ModelPrompts){0};
}

bool model_prompts_encode(void *context, const char *text, size_t size, TokenIds *ids,
                          Error *error) {
  ModelPrompts *prompts = context;
  return tokenizer_encode(prompts->tokenizer, prompts->state, text, size, NULL, ids, error);
}

// A tokenizer of another model may know more tokens than this one.
static bool check_ids(const TokenIds *ids, int64_t vocabulary, Error *error) {
  for (size_t i = 0; i < ids->count; i++) {
    if (ids->items[i] < vocabulary) continue;
    return error_set(error, ERROR_ARGUMENT, "--model-id",
                     "the tokenizer gives id %d, expected less than %lld, the size of the model's "
                     "vocabulary: they do not belong together",
                     ids->items[i], (long long)vocabulary);
  }
  return true;
}

bool model_prompts_make(void *context, int64_t vocabulary, int64_t length, TokenIds *ids,
                        Error *error) {
  ModelPrompts *prompts = context;
  if (prompts->tokenizer)
    return prompt_encode(model_prompts_encode, prompts, length, ids, error) &&
           check_ids(ids, vocabulary, error);
  prompt_draw(vocabulary, length, ids);
  return true;
}

bool model_prompts_decode(void *context, const int32_t *ids, int64_t count, Text *text) {
  ModelPrompts *prompts = context;
  Error ignored;
  return prompts->tokenizer && tokenizer_decode(prompts->tokenizer, prompts->state, ids,
                                                (size_t)count, true, text, &ignored);
}

bool model_prompts_try(ModelPrompts *prompts, const char *path, int64_t length, Error *error) {
  if (!prompts->tokenizer) return true;
  Arena *arena = arena_open(0);
  WeightSource source = {0};
  ModelConfig config;
  Error ignored;
  TokenIds ids = {0};
  if (length > TRIED_TOKENS) length = TRIED_TOKENS;
  bool fine = !weight_source_open(&source, path, 0, arena, &config, &ignored) ||
              model_prompts_make(prompts, config.vocabulary, length, &ids, error);
  weight_source_close(&source);
  arena_close(arena);
  ARRAY_FREE(&ids);
  return fine;
}
