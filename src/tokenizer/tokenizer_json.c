// SPDX-License-Identifier: Apache-2.0
// Reading tokenizer.json.
#include "base/document.h"
#include "base/file.h"
#include "base/file_map.h"
#include "tokenizer/component.h"
#include "tokenizer/tokenizer_parts.h"
#include <string.h>

#define MODELS "BPE"

static bool read_vocabulary(Bpe *bpe, const Field *model, Error *error) {
  Field vocab = field_get(model, "vocab");
  if (!field_object(&vocab, error)) return false;
  vocabulary_reserve(&bpe->vocabulary, field_count(&vocab), 0);
  const char *key;
  size_t size;
  json_t *value;
  json_object_keylen_foreach((json_t *)vocab.value, key, size, value) {
    if (!json_is_integer(value))
      return error_set(error, ERROR_FORMAT, vocab.path, "id of \"%.60s\" is not an integer", key);
    if (!vocabulary_add(&bpe->vocabulary, (Span){key, size}, json_integer_value(value), vocab.path,
                        error))
      return false;
  }
  return true;
}

static bool add_merge(Bpe *bpe, Span left, Span right, size_t rank, Text *scratch,
                      const char *where, Error *error) {
  size_t dropped = bpe->prefix ? strlen(bpe->prefix) : 0;
  if (dropped > right.size) dropped = right.size;
  text_clear(scratch);
  text_append(scratch, left.data, left.size);
  text_append(scratch, right.data + dropped, right.size - dropped);
  int32_t a = vocabulary_find(&bpe->vocabulary, left);
  int32_t b = vocabulary_find(&bpe->vocabulary, right);
  int32_t result = vocabulary_find(&bpe->vocabulary, text_span(scratch));
  if (a < 0 || b < 0 || result < 0) {
    Span missing = a < 0 ? left : b < 0 ? right : text_span(scratch);
    return error_set(error, ERROR_FORMAT, where, "merge %zu: \"%.*s\" is not in the vocabulary",
                     rank, (int)(missing.size < 60 ? missing.size : 60), missing.data);
  }
  merge_table_put(&bpe->merges, a, b, (uint32_t)rank, result);
  return true;
}

// "a b", split at its one space; or [a, b].
static bool merge_sides(const json_t *item, Span *left, Span *right) {
  if (json_is_string(item)) {
    Span line = {json_string_value(item), json_string_length(item)};
    const char *space = memchr(line.data, ' ', line.size);
    if (!space) return false;
    size_t before = (size_t)(space - line.data);
    *left = (Span){line.data, before};
    *right = (Span){space + 1, line.size - before - 1};
    return !memchr(right->data, ' ', right->size);
  }
  const json_t *a = json_array_get(item, 0), *b = json_array_get(item, 1);
  if (json_array_size(item) != 2 || !json_is_string(a) || !json_is_string(b)) return false;
  *left = (Span){json_string_value(a), json_string_length(a)};
  *right = (Span){json_string_value(b), json_string_length(b)};
  return true;
}

static bool read_merges(Bpe *bpe, const Field *model, Error *error) {
  Field merges = field_get(model, "merges");
  if (!field_array(&merges, error)) return false;
  merge_table_reserve(&bpe->merges, field_count(&merges));
  Text scratch = {0};
  size_t rank = 0;
  bool done = true;
  for (size_t i = 0; done && i < field_count(&merges); i++) {
    const json_t *item = json_array_get(merges.value, i);
    if (json_is_string(item) && !strncmp(json_string_value(item), "#version", 8)) continue;
    Span left, right;
    done = merge_sides(item, &left, &right)
               ? add_merge(bpe, left, right, rank++, &scratch, merges.path, error)
               : error_set(error, ERROR_FORMAT, merges.path,
                           "merge %zu is neither \"a b\" nor [\"a\", \"b\"]", i);
  }
  text_free(&scratch);
  return done;
}

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
         field_boolean_or(&ignore, &bpe->ignore_merges, error) &&
         read_vocabulary(bpe, model, error) && read_merges(bpe, model, error);
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

static bool read_parts(Tokenizer *tokenizer, const Field *root, Error *error) {
  Field model = field_get(root, "model"), normalizer = field_get(root, "normalizer");
  Field pre_tokenizer = field_get(root, "pre_tokenizer"), decoder = field_get(root, "decoder");
  Field post_processor = field_get(root, "post_processor");
  if (!field_object(root, error)) return false;
  return (tokenizer->normalizer = normalizer_open(&normalizer, error)) &&
         (tokenizer->pre_tokenizer = pre_tokenizer_open(&pre_tokenizer, error)) &&
         (tokenizer->decoder = decoder_open(&decoder, error)) &&
         post_processor_read(&tokenizer->post_processor, &post_processor, error) &&
         read_model(&tokenizer->bpe, &model, error) && read_added_tokens(tokenizer, root, error) &&
         tokenizer_prepare(tokenizer, error);
}

Tokenizer *tokenizer_open_json(const void *bytes, size_t size, const char *name, Error *error) {
  json_t *document = document_parse(bytes, size, name, error);
  if (!document) return NULL;
  Tokenizer *tokenizer = tokenizer_new();
  Field root = field_root(document, name);
  if (!read_parts(tokenizer, &root, error)) {
    if (!error->where[0]) error_within(error, name);
    tokenizer_close(tokenizer);
    tokenizer = NULL;
  }
  json_decref(document);
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
