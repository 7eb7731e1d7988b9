// SPDX-License-Identifier: Apache-2.0
// The prompts of a benchmark of one model, by its tokenizer if it has one.
#pragma once
#include "base/text.h"
#include "cli/model_argument.h"

typedef struct {
  Tokenizer *tokenizer; // NULL: the model has none
  TokenizerState *state;
} ModelPrompts;

CHECKED bool model_prompts_open(const ModelArgument *model, ModelPrompts *prompts, Error *error);
void model_prompts_close(ModelPrompts *prompts); // a zero one is fine
// `context` is the ModelPrompts, which has a tokenizer: appends the ids of a text.
bool model_prompts_encode(void *context, const char *text, size_t size, TokenIds *ids,
                          Error *error);
// `context` is the ModelPrompts: exactly `length` ids, for StockOptions.prompt.
bool model_prompts_make(void *context, int64_t vocabulary, int64_t length, TokenIds *ids,
                        Error *error);
// `context` is the ModelPrompts: appends the text of ids, for EntryFacts.decoder. False: there is
// no tokenizer.
bool model_prompts_decode(void *context, const int32_t *ids, int64_t count, Text *text);
// Tries the tokenizer on the beginning of a prompt of `length`. A model that cannot be read is left
// to the process that makes its weights, which tells what is wrong.
CHECKED bool model_prompts_try(ModelPrompts *prompts, const char *path, int64_t length,
                               Error *error);
