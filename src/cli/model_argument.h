// SPDX-License-Identifier: Apache-2.0
// What --model-id means: a folder, a file.gguf, preset:NAME, or org/name in the local Hugging Face
// cache. Looked for in this order; what was tried is told when nothing is found.
#pragma once
#include "tokenizer/tokenizer.h"

typedef enum { MODEL_FOLDER, MODEL_GGUF, MODEL_TOKENIZER_FILE, MODEL_PRESET } ModelKind;

typedef struct {
  ModelKind kind;
  const char *given; // as typed
  char *path;        // folder, file, or "preset:NAME"; owned
} ModelArgument;

// `given` must outlive the result.
CHECKED bool model_argument_resolve(const char *given, ModelArgument *argument, Error *error);
void model_argument_free(ModelArgument *argument); // a zero one is fine

// Whether the model comes with a tokenizer: a folder with tokenizer.json, or a GGUF file.
bool model_argument_has_tokenizer(const ModelArgument *argument);
// Opens it; without one ERROR_NOT_FOUND says what was looked for.
CHECKED Tokenizer *model_argument_tokenizer(const ModelArgument *argument, Error *error);
