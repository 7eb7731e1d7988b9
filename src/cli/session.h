// SPDX-License-Identifier: Apache-2.0
// What a command needs that runs a model: the engine's flags, the model they name, its tokenizer,
// the prompt, and a generator with room for it. Parts are opened when asked for, the cheap ones
// first, so that a mistake is told before gigabytes are read.
#pragma once
#include "cli/engine_options.h"
#include "cli/model_argument.h"
#include "generate/generation.h"

extern const OptionTable prompt_options; // --prompt, --ids

typedef struct {
  EngineOptions engine;
  ModelArgument argument;
  Tokenizer *tokenizer; // NULL: not opened, or the model has none
  Error no_text;        // why it could not be opened where ids alone will do
  TokenIds prompt;
  const char *prompt_flag; // that it came by
  Team *team;
  Model *model;
  Generator *generator;
  GraphDump dump; // of what the generator compiles
} Session;

// Reads the flags (model_options, engine_options, prompt_options), resolves the model and makes the
// ids of the prompt. `want_text`: the tokenizer is opened even where --ids needs none, if the model
// has one. The session is closed on failure.
CHECKED bool session_open(Session *session, const Arguments *arguments, bool want_text,
                          Error *error);
// Loads the model and opens a generator for the prompt and `new_tokens` more. Warnings of the model
// go to standard error.
CHECKED bool session_load(Session *session, int64_t new_tokens, Error *error);
void session_close(Session *session); // a zero one is fine
