// SPDX-License-Identifier: Apache-2.0
#include "cli/model_argument.h"
#include "base/file.h"
#include "base/memory.h"
#include "hub/cache.h"
#include "model/presets.h"
#include "tokenizer/tokenizer_gguf.h"
#include <string.h>

static bool ends_with(const char *text, const char *end) {
  size_t size = strlen(text), tail = strlen(end);
  return size >= tail && strcmp(text + size - tail, end) == 0;
}

static bool take(ModelArgument *argument, ModelKind kind, const char *path) {
  argument->kind = kind;
  argument->path = memory_copy_text(path);
  return true;
}

static void append_presets(Text *out) {
  char name[64];
  for (int i = 0; i < preset_count(); i++) {
    text_append_format(out, "%s%s", i ? ", " : "", preset_name(i, name, sizeof name));
  }
}

static bool resolve_preset(ModelArgument *argument, const char *name, Error *error) {
  char known[64];
  for (int i = 0; i < preset_count(); i++) {
    if (strcmp(preset_name(i, known, sizeof known), name) == 0) {
      return take(argument, MODEL_PRESET, argument->given);
    }
  }
  Text names = {0};
  append_presets(&names);
  error_set(error, ERROR_NOT_FOUND, "--model-id", "no preset \"%s\", expected one of %s", name,
            names.data);
  text_free(&names);
  return false;
}

static bool resolve_file(ModelArgument *argument, Error *error) {
  if (ends_with(argument->given, ".gguf")) return take(argument, MODEL_GGUF, argument->given);
  if (ends_with(argument->given, ".json")) {
    return take(argument, MODEL_TOKENIZER_FILE, argument->given);
  }
  return error_set(error, ERROR_ARGUMENT, "--model-id",
                   "\"%s\" is a file, expected a .gguf file, or the folder that holds config.json",
                   argument->given);
}

static bool resolve_hub(ModelArgument *argument, Error *error) {
  argument->kind = MODEL_FOLDER;
  argument->path = hub_cache_find(argument->given, error);
  if (argument->path) return true;
  return error_within(error, "--model-id");
}

bool model_argument_resolve(const char *given, ModelArgument *argument, Error *error) {
  *argument = (ModelArgument){.given = given};
  const char *preset = preset_of_path(given);
  if (preset) return resolve_preset(argument, preset, error);
  if (folder_exists(given)) return take(argument, MODEL_FOLDER, given);
  if (file_exists(given)) return resolve_file(argument, error);
  if (hub_cache_is_name(given)) return resolve_hub(argument, error);
  return error_set(error, ERROR_NOT_FOUND, "--model-id",
                   "no file or folder \"%s\" (org/name of the local Hugging Face cache and "
                   "preset:NAME are the other forms)",
                   given);
}

void model_argument_free(ModelArgument *argument) {
  memory_free(argument->path);
  *argument = (ModelArgument){0};
}

bool model_argument_has_tokenizer(const ModelArgument *argument) {
  if (argument->kind == MODEL_PRESET) return false;
  if (argument->kind != MODEL_FOLDER) return true;
  char *path = path_join(argument->path, "tokenizer.json");
  bool there = file_exists(path);
  memory_free(path);
  return there;
}

static Tokenizer *tokenizer_of_gguf(const char *path, Error *error) {
  Gguf gguf;
  if (!gguf_open(&gguf, path, error)) return NULL;
  Tokenizer *tokenizer = tokenizer_open_gguf(&gguf, error);
  gguf_close(&gguf);
  return tokenizer;
}

Tokenizer *model_argument_tokenizer(const ModelArgument *argument, Error *error) {
  if (argument->kind == MODEL_GGUF) return tokenizer_of_gguf(argument->path, error);
  if (model_argument_has_tokenizer(argument)) return tokenizer_open_file(argument->path, error);
  const char *why = argument->kind == MODEL_PRESET ? "a preset has no tokenizer"
                                                   : "the folder holds no tokenizer.json";
  error_set(error, ERROR_NOT_FOUND, argument->given, "%s", why);
  return NULL;
}
