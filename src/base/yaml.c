// SPDX-License-Identifier: Apache-2.0
#include "base/yaml.h"
#include "base/array.h"
#include "base/file_map.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/yaml_scalar.h"
#include <libfyaml.h>
#include <string.h>

typedef struct {
  char *name;
  json_t *value; // borrowed: it hangs in the tree
  size_t size;   // values in it
} Anchor;

// A document being read. Events come one at a time; a tree grows on the C stack, YAML_MOST_DEPTH
// deep at most.
typedef struct {
  const char *name;
  struct fy_diag *diag;
  struct fy_parser *parser;
  struct fy_event *event; // the current one, NULL at the end
  YamlPlaces *places;     // of what was read
  ARRAY_OF(Anchor) anchors;
  size_t values; // aliased ones as often as they stand somewhere
  int depth;
  Error *error;
} Reader;

static bool refuse_at(Reader *reader, int line, int column, const char *what) {
  return error_set(reader->error, ERROR_FORMAT, reader->name,
                   "not valid YAML at line %d, column %d: %s", line, column, what);
}

// The parser's mark stands behind a quote and behind the star of an alias.
static bool is_behind_its_sign(const struct fy_event *event) {
  if (event->type == FYET_ALIAS) return true;
  if (event->type != FYET_SCALAR || !event->scalar.value) return false;
  enum fy_scalar_style style = fy_scalar_token_get_style(event->scalar.value);
  return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

// Where the current event begins, from 1.
static void find_place(const Reader *reader, int *line, int *column) {
  const struct fy_mark *mark = fy_event_start_mark(reader->event);
  *line = mark ? mark->line + 1 : 1;
  *column = mark ? mark->column + 1 - is_behind_its_sign(reader->event) : 1;
}

static bool refuse(Reader *reader, const char *what) {
  int line, column;
  find_place(reader, &line, &column);
  return refuse_at(reader, line, column, what);
}

static bool refuse_as_told(Reader *reader) {
  void *at = NULL;
  struct fy_diag_error *told = fy_diag_errors_iterate(reader->diag, &at);
  if (!told) return error_set(reader->error, ERROR_FORMAT, reader->name, "not valid YAML");
  return refuse_at(reader, told->line, told->column, told->msg);
}

static bool next(Reader *reader) {
  fy_parser_event_free(reader->parser, reader->event);
  reader->event = fy_parser_parse(reader->parser);
  return reader->event || refuse_as_told(reader);
}

static bool expect(Reader *reader, enum fy_event_type type, const char *what) {
  return reader->event->type == type || refuse(reader, what);
}

static Span text_of(struct fy_token *token) {
  size_t size = 0;
  const char *text = token ? fy_token_get_text(token, &size) : NULL;
  return text ? (Span){text, size} : (Span){"", 0};
}

static bool count_values(Reader *reader, size_t more) {
  reader->values += more;
  if (reader->values <= YAML_MOST_VALUES) return true;
  return error_set(reader->error, ERROR_FORMAT, reader->name,
                   "has more than %d values, aliases counted as often as they stand somewhere",
                   YAML_MOST_VALUES);
}

static void remember_place(Reader *reader, const Field *path) {
  int line, column;
  find_place(reader, &line, &column);
  yaml_places_add(reader->places, path->path, line, column);
}

static json_t *read_scalar(Reader *reader) {
  const struct fy_event *event = reader->event;
  bool plain = fy_scalar_token_get_style(event->scalar.value) == FYSS_PLAIN;
  Span text = text_of(event->scalar.value);
  char what[160];
  json_t *value = yaml_scalar_value(
      text, plain, event->scalar.tag ? text_of(event->scalar.tag) : (Span){NULL, 0}, what,
      sizeof what);
  if (!value) refuse(reader, what);
  return value;
}

static json_t *read_alias(Reader *reader) {
  Span name = text_of(reader->event->alias.anchor);
  for (size_t i = reader->anchors.count; i-- > 0;) {
    const Anchor *anchor = &reader->anchors.items[i];
    if (!span_equal(span_of(anchor->name), name)) continue;
    return count_values(reader, anchor->size) ? json_incref(anchor->value) : NULL;
  }
  refuse(reader, "an alias of an anchor that was not set before");
  return NULL;
}

static json_t *read_value(Reader *reader, const Field *path);

static bool read_elements(Reader *reader, json_t *array, const Field *path) {
  for (size_t i = 0;; i++) {
    if (!next(reader)) return false;
    if (reader->event->type == FYET_SEQUENCE_END) return true;
    Field element = field_at(path, i);
    json_t *value = read_value(reader, &element);
    if (!value) return false;
    json_array_append_new(array, value);
  }
}

// A key: any scalar that means a string.
static bool read_key(Reader *reader, const json_t *object, Text *key) {
  if (!expect(reader, FYET_SCALAR, "a key that is no string")) return false;
  json_t *value = read_scalar(reader);
  if (!value) return false;
  const char *text = json_string_value(value);
  bool whole = text && strlen(text) == json_string_length(value);
  text_clear(key);
  if (whole) text_append(key, text, json_string_length(value) + 1);
  json_decref(value);
  if (!whole) return refuse(reader, "a key that is no string: quote it");
  if (strcmp(key->data, "<<") == 0) return refuse(reader, "merge keys (<<) are not read");
  if (!json_object_get(object, key->data)) return true;
  char what[120];
  snprintf(what, sizeof what, "the key \"%.64s\" is there twice", key->data);
  return refuse(reader, what);
}

static bool read_members(Reader *reader, json_t *object, const Field *path) {
  Text key = {0};
  bool fine;
  while ((fine = next(reader)) && reader->event->type != FYET_MAPPING_END) {
    fine = read_key(reader, object, &key) && next(reader);
    if (!fine) break;
    Field member = field_get(path, key.data);
    json_t *value = read_value(reader, &member);
    fine = value && json_object_set_new(object, key.data, value) == 0;
    if (!fine) break;
  }
  text_free(&key);
  return fine;
}

static bool check_collection(Reader *reader, struct fy_token *tag, const char *expected) {
  if (tag && !span_equal(text_of(tag), span_of(expected)))
    return refuse(reader, "a tag that is not known");
  return reader->depth < YAML_MOST_DEPTH || refuse(reader, "nested too deeply");
}

static json_t *read_collection(Reader *reader, const Field *path, bool array) {
  struct fy_token *tag =
      array ? reader->event->sequence_start.tag : reader->event->mapping_start.tag;
  if (!check_collection(reader, tag, array ? YAML_TAG "seq" : YAML_TAG "map")) return NULL;
  json_t *value = array ? json_array() : json_object();
  reader->depth++;
  bool fine = array ? read_elements(reader, value, path) : read_members(reader, value, path);
  reader->depth--;
  if (fine) return value;
  json_decref(value);
  return NULL;
}

static json_t *read_event(Reader *reader, const Field *path) {
  switch (reader->event->type) {
  case FYET_SCALAR: return read_scalar(reader);
  case FYET_ALIAS: return read_alias(reader);
  case FYET_SEQUENCE_START: return read_collection(reader, path, true);
  case FYET_MAPPING_START: return read_collection(reader, path, false);
  default: refuse(reader, "a value is missing"); return NULL;
  }
}

static struct fy_token *anchor_of(const struct fy_event *event) {
  switch (event->type) {
  case FYET_SCALAR: return event->scalar.anchor;
  case FYET_SEQUENCE_START: return event->sequence_start.anchor;
  case FYET_MAPPING_START: return event->mapping_start.anchor;
  default: return NULL;
  }
}

static char *anchor_name(const Reader *reader) {
  struct fy_token *token = anchor_of(reader->event);
  if (!token) return NULL;
  Text name = {0};
  Span span = text_of(token);
  text_append(&name, span.data, span.size);
  return name.data;
}

// The value of the current event; leaves its last event current.
static json_t *read_value(Reader *reader, const Field *path) {
  size_t before = reader->values;
  if (!count_values(reader, 1)) return NULL;
  remember_place(reader, path);
  char *name = anchor_name(reader);
  json_t *value = read_event(reader, path);
  if (value && name) {
    Anchor anchor = {name, value, reader->values - before};
    ARRAY_APPEND(&reader->anchors, anchor);
  } else {
    memory_free(name);
  }
  return value;
}

static bool is_end(const Reader *reader) {
  return reader->event->type == FYET_STREAM_END;
}

static json_t *read_root(Reader *reader) {
  Field root = field_root(NULL, reader->name);
  if (!next(reader)) return NULL;
  if (is_end(reader)) return json_null();
  if (!next(reader)) return NULL;
  json_t *value = read_value(reader, &root);
  if (!value) return NULL;
  if (next(reader) && expect(reader, FYET_DOCUMENT_END, "more than one value") && next(reader) &&
      (is_end(reader) || refuse(reader, "more than one document")))
    return value;
  json_decref(value);
  return NULL;
}

static bool open_reader(Reader *reader, Span text) {
  struct fy_diag_cfg diag;
  fy_diag_cfg_default(&diag);
  diag.fp = NULL;
  reader->diag = fy_diag_create(&diag);
  fy_diag_set_collect_errors(reader->diag, true);
  struct fy_parse_cfg parse = {
      .diag = reader->diag,
      .flags = FYPCF_QUIET | FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2,
  };
  reader->parser = fy_parser_create(&parse);
  return reader->parser && fy_parser_set_string(reader->parser, text.data, text.size) == 0 &&
         next(reader);
}

static void close_reader(Reader *reader) {
  if (reader->parser) {
    fy_parser_event_free(reader->parser, reader->event);
    fy_parser_destroy(reader->parser);
  }
  fy_diag_destroy(reader->diag);
  for (size_t i = 0; i < reader->anchors.count; i++) memory_free(reader->anchors.items[i].name);
  ARRAY_FREE(&reader->anchors);
}

// UTF-8 only: the parser would take other encodings for what they may not be.
static bool check_text(Span text, const char *name, Error *error) {
  if (text.size > YAML_MOST_BYTES)
    return error_set(error, ERROR_FORMAT, name, "is %zu bytes, expected at most %d", text.size,
                     YAML_MOST_BYTES);
  size_t valid = utf8_valid_prefix(text);
  if (valid < text.size)
    return error_set(error, ERROR_FORMAT, name, "not UTF-8 at byte %zu", valid);
  if (text.size && memchr(text.data, '\0', text.size))
    return error_set(error, ERROR_FORMAT, name, "holds a NUL character");
  return true;
}

static json_t *parse(Span text, const char *name, YamlPlaces *places, Error *error) {
  Reader reader = {.name = name, .places = places, .error = error};
  if (!check_text(text, name, error)) return NULL;
  if (text.size == 0) return json_null();
  json_t *value = open_reader(&reader, text) ? read_root(&reader) : NULL;
  close_reader(&reader);
  yaml_places_sort(places);
  return value;
}

json_t *yaml_parse(const void *bytes, size_t size, const char *name, YamlPlaces **places,
                   Error *error) {
  YamlPlaces *own = yaml_places_open();
  json_t *value = parse((Span){bytes, size}, name, own, error);
  if (places) *places = value ? own : NULL;
  if (!places || !value) yaml_places_close(own);
  return value;
}

json_t *yaml_read(const char *path, YamlPlaces **places, Error *error) {
  FileMap map;
  if (places) *places = NULL;
  if (!file_map_open(&map, path, error)) return NULL;
  json_t *value = yaml_parse(map.data, map.size, path, places, error);
  file_map_close(&map);
  return value;
}
