// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/tokenizer_json.h"
#include "base/document.h"
#include "base/file.h"
#include "base/file_map.h"
#include "tokenizer/component.h"
#include "tokenizer/model_tables.h"
#include "tokenizer/tokenizer_parts.h"
#include <string.h>

#define MODELS "BPE"

static bool read_affix(const Field *model, const char *name, char **out, Error *error) {
  Field field = field_get(model, name);
  const char *text = NULL;
  if (!field_text_or(&field, &text, error)) return false;
  if (text && *text) *out = memory_copy_text(text);
  return true;
}

static bool read_model(Bpe *bpe, const Field *model, Error *error) {
  const char *type = "BPE";
  if (!field_object(model, error)) return false;
  Field type_field = field_get(model, "type");
  Field fuse = field_get(model, "fuse_unk"), fallback = field_get(model, "byte_fallback");
  Field ignore = field_get(model, "ignore_merges");
  if (!field_text_or(&type_field, &type, error)) return false;
  if (strcmp(type, "BPE") != 0) return component_refuse(model, type, MODELS, error);
  return read_affix(model, "continuing_subword_prefix", &bpe->prefix, error) &&
         read_affix(model, "end_of_word_suffix", &bpe->suffix, error) &&
         read_affix(model, "unk_token", &bpe->unknown, error) &&
         field_boolean_or(&fuse, &bpe->fuse_unknown, error) &&
         field_boolean_or(&fallback, &bpe->byte_fallback, error) &&
         field_boolean_or(&ignore, &bpe->ignore_merges, error);
}

static bool read_flags(AddedToken *token, const Field *entry, Error *error) {
  const struct {
    const char *name;
    bool *flag;
  } flags[] = {{"single_word", &token->single_word},
               {"lstrip", &token->left_strip},
               {"rstrip", &token->right_strip},
               {"normalized", &token->normalized},
               {"special", &token->special}};
  for (size_t i = 0; i < COUNT_OF(flags); i++) {
    Field field = field_get(entry, flags[i].name);
    if (!field_boolean(&field, flags[i].flag, error)) return false;
  }
  return true;
}

static bool read_added_token(Tokenizer *tokenizer, const Field *entry, Error *error) {
  AddedToken token = {0};
  Field content = field_get(entry, "content"), id_field = field_get(entry, "id");
  Span text;
  int64_t id; // only checked: the content decides, as in the reference
  if (!component_span(&content, &text, error) || !read_flags(&token, entry, error) ||
      !field_integer(&id_field, 0, VOCABULARY_ID_LIMIT - 1, &id, error))
    return false;
  if (text.size > ADDED_TOKEN_LIMIT)
    return error_set(error, ERROR_UNSUPPORTED, content.path, "has %zu bytes, at most %u", text.size,
                     ADDED_TOKEN_LIMIT);
  text_append(&token.content, text.data, text.size);
  return tokenizer_add(tokenizer, &token, content.path, error);
}

static bool read_added_tokens(Tokenizer *tokenizer, const Field *root, Error *error) {
  Field list = field_get(root, "added_tokens");
  if (!field_present(&list)) return true;
  if (!field_array(&list, error)) return false;
  for (size_t i = 0; i < field_count(&list); i++) {
    Field entry = field_at(&list, i);
    if (!read_added_token(tokenizer, &entry, error)) return false;
  }
  return true;
}

static bool read_parts(Tokenizer *tokenizer, const Field *root, const ModelTables *tables,
                       Error *error) {
  Field model = field_get(root, "model"), normalizer = field_get(root, "normalizer");
  Field pre_tokenizer = field_get(root, "pre_tokenizer"), decoder = field_get(root, "decoder");
  Field post_processor = field_get(root, "post_processor");
  if (!field_object(root, error)) return false;
  return (tokenizer->normalizer = normalizer_open(&normalizer, error)) &&
         (tokenizer->pre_tokenizer = pre_tokenizer_open(&pre_tokenizer, error)) &&
         (tokenizer->decoder = decoder_open(&decoder, error)) &&
         post_processor_read(&tokenizer->post_processor, &post_processor, error) &&
         read_model(&tokenizer->bpe, &model, error) &&
         model_tables_read(tables, &tokenizer->bpe, error) &&
         read_added_tokens(tokenizer, root, error) && tokenizer_prepare(tokenizer, error);
}

static Tokenizer *open_document(const json_t *document, const ModelTables *tables, const char *name,
                                Error *error) {
  Tokenizer *tokenizer = tokenizer_new();
  Field root = field_root(document, name);
  if (read_parts(tokenizer, &root, tables, error)) return tokenizer;
  if (!error->where[0]) error_within(error, name);
  tokenizer_close(tokenizer);
  return NULL;
}

Tokenizer *tokenizer_open_json(const void *bytes, size_t size, const char *name, Error *error) {
  ModelTables tables = {.name = name};
  Tokenizer *tokenizer = NULL;
  if (model_tables_find(&tables, (Span){bytes, size}, error)) {
    json_t *document = document_parse(tables.rest.data, tables.rest.size, name, error);
    if (document) tokenizer = open_document(document, &tables, name, error);
    json_decref(document);
  }
  text_free(&tables.rest);
  return tokenizer;
}

Tokenizer *tokenizer_open_file(const char *path, Error *error) {
  char *inside = folder_exists(path) ? path_join(path, "tokenizer.json") : memory_copy_text(path);
  FileMap map;
  Tokenizer *tokenizer = NULL;
  if (file_map_open(&map, inside, error)) {
    if (map.size > TOKENIZER_FILE_LIMIT)
      error_set(error, ERROR_FORMAT, inside, "is %zu bytes, at most %u", map.size,
                TOKENIZER_FILE_LIMIT);
    else
      tokenizer = tokenizer_open_json(map.data, map.size, inside, error);
    file_map_close(&map);
  }
  memory_free(inside);
  return tokenizer;
}
