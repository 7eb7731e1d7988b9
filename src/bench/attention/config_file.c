// SPDX-License-Identifier: Apache-2.0
// A sweep's configuration from a file, and from words of a command line.
#include "base/clock.h"
#include "base/file.h"
#include "bench/attention/config_value.h"
#include "bench/known_keys.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_json(const char *name) {
  size_t length = strlen(name);
  return length >= 5 && strcmp(name + length - 5, ".json") == 0;
}

static bool refuse_key(const Field *root, const char *unknown, Error *error) {
  const char *names[64];
  for (size_t i = 0; i < sweep_key_count; i++) names[i] = sweep_keys[i].key;
  bool refused = !known_keys_check(root, names, sweep_key_count, error);
  memcpy(error->where, field_get(root, unknown).path, sizeof root->path);
  return !refused;
}

bool sweep_keys_read(AttentionSweep *sweep, const Field *root, const char *folder,
                     const YamlPlaces *places, Error *error) {
  const char *name;
  json_t *value;
  if (!field_present(root)) return true; // an empty file
  if (!field_object(root, error)) return false;
  json_object_foreach((json_t *)root->value, name, value) {
    const SweepKey *key = sweep_key_by_name(name);
    Field field = field_get(root, name);
    if (!key) return refuse_key(root, name, error);
    if (!sweep_value_read(sweep, key, &field, folder, places, error)) return false;
  }
  return true;
}

// JSON is parsed as such, for its strictness; as YAML too, for the places of its values.
static json_t *parse_document(Span text, const char *name, YamlPlaces **places, Error *error) {
  Error ignored;
  json_t *yaml = yaml_parse(text.data, text.size, name, places, is_json(name) ? &ignored : error);
  if (!is_json(name)) return yaml;
  json_decref(yaml);
  if (document_values_bound(text.data, text.size) <= YAML_MOST_VALUES)
    return document_parse(text.data, text.size, name, error);
  error_set(error, ERROR_FORMAT, name, "has more than %d values", YAML_MOST_VALUES);
  return NULL;
}

bool attention_sweep_parse(AttentionSweep *sweep, const void *bytes, size_t size, const char *name,
                           const char *folder, Error *error) {
  YamlPlaces *places;
  json_t *document = parse_document((Span){bytes, size}, name, &places, error);
  Field root = field_root(document, name);
  bool done = document && sweep_keys_read(sweep, &root, folder, places, error);
  if (document && !done && places) yaml_places_tell(places, error);
  yaml_places_close(places);
  json_decref(document);
  return done;
}

static char *folder_of(const char *path) {
  const char *slash = strrchr(path, '/');
  Text folder = {0};
  text_append(&folder, path, slash ? (size_t)(slash - path) + (slash == path) : 0);
  return folder.data;
}

// Errors name the file by its last part: the place of a value must fit beside it.
static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

bool attention_sweep_read(AttentionSweep *sweep, const char *path, Error *error) {
  Text text = {0};
  char *folder = folder_of(path);
  bool done =
      file_read(path, YAML_MOST_BYTES, &text, error) &&
      attention_sweep_parse(sweep, text_span(&text).data, text.size, name_of(path), folder, error);
  memory_free(folder);
  text_free(&text);
  char stamp[32];
  clock_file_stamp(stamp, sizeof stamp);
  if (done && !sweep->save_path)
    sweep->save_path = arena_format(sweep->arena, "benchmark_results_%s.csv", stamp);
  return done;
}

static json_t *refuse_word(const char *flag, const char *word, const char *expected, Error *error) {
  error_set(error, ERROR_ARGUMENT, flag, "\"%.60s\" is not %s", word, expected);
  return NULL;
}

static json_t *integer_word(const char *word, const char *flag, Error *error) {
  char *end;
  errno = 0;
  long long value = strtoll(word, &end, 10);
  bool fine = end != word && *end == '\0' && errno == 0 && word[0] != ' ';
  return fine ? json_integer(value) : refuse_word(flag, word, "a whole number", error);
}

static json_t *number_word(const char *word, const char *flag, Error *error) {
  char *end;
  double value = strtod(word, &end);
  json_t *number = end != word && *end == '\0' ? json_real(value) : NULL;
  return number ? number : refuse_word(flag, word, "a number", error);
}

static json_t *switch_word(const char *word, const char *flag, Error *error) {
  if (strcmp(word, "true") == 0) return json_true();
  if (strcmp(word, "false") == 0) return json_false();
  return refuse_word(flag, word, "true or false", error);
}

static json_t *text_word(const char *word, const char *flag, Error *error) {
  json_t *text = json_string(word);
  return text ? text : refuse_word(flag, word, "UTF-8", error);
}

static json_t *word_value(SweepKind kind, const char *word, const char *flag, Error *error) {
  switch (kind) {
  case SWEEP_SWITCH: return switch_word(word, flag, error);
  case SWEEP_COUNT:
  case SWEEP_COUNTS:
  case SWEEP_COUNTS_OR_NULL: return integer_word(word, flag, error);
  case SWEEP_SECONDS: return number_word(word, flag, error);
  default: return text_word(word, flag, error);
  }
}

static json_t *list_value(SweepKind kind, const char *const *words, size_t count, const char *flag,
                          Error *error) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    json_t *value = word_value(kind, words[i], flag, error);
    if (!value) {
      json_decref(list);
      return NULL;
    }
    json_array_append_new(list, value);
  }
  return list;
}

static json_t *words_value(SweepKind kind, const char *const *words, size_t count, const char *flag,
                           Error *error) {
  if (kind == SWEEP_SWITCH && count == 0) return json_true();
  if (kind >= SWEEP_COUNTS) return list_value(kind, words, count, flag, error);
  if (count == 1) return word_value(kind, words[0], flag, error);
  error_set(error, ERROR_ARGUMENT, flag, "has %zu values, expected one", count);
  return NULL;
}

bool attention_sweep_set(AttentionSweep *sweep, const char *key, const char *const *words,
                         size_t count, const char *flag, Error *error) {
  const SweepKey *row = sweep_key_by_name(key);
  if (!row) return error_set(error, ERROR_ARGUMENT, flag, "there is no key \"%.40s\"", key);
  json_t *value = words_value(row->kind, words, count, flag, error);
  if (!value) return false;
  Field field = field_root(value, flag);
  bool done = sweep_value_read(sweep, row, &field, "", NULL, error);
  if (!done) error->code = ERROR_ARGUMENT;
  json_decref(value);
  return done;
}
