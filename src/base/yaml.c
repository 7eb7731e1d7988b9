// SPDX-License-Identifier: Apache-2.0
#include "base/yaml.h"
#include "base/array.h"
#include "base/file_map.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/yaml_scalar.h"
#include <string.h>
#include <yaml.h>

typedef struct {
  char *name;
  json_t *value; // borrowed: it hangs in the tree
  size_t size;   // values in it
} Anchor;

// A document being read. Events come one at a time; a tree grows on the C stack, YAML_MOST_DEPTH
// deep at most.
typedef struct {
  const char *name;
  yaml_parser_t parser;
  yaml_event_t event; // the current one
  YamlPlaces *places; // of what was read
  ARRAY_OF(Anchor) anchors;
  size_t values; // aliased ones as often as they stand somewhere
  int depth;
  Error *error;
} Reader;

static bool refuse_at(Reader *reader, int line, int column, const char *what) {
  return error_set(reader->error, ERROR_FORMAT, reader->name,
                   "not valid YAML at line %d, column %d: %s", line, column, what);
}

static bool refuse(Reader *reader, const char *what) {
  const yaml_mark_t *mark = &reader->event.start_mark;
  return refuse_at(reader, (int)mark->line + 1, (int)mark->column + 1, what);
}

static bool refuse_as_told(Reader *reader) {
  const yaml_parser_t *parser = &reader->parser;
  char what[200];
  snprintf(what, sizeof what, "%s%s%s", parser->context ? parser->context : "",
           parser->context ? ", " : "", parser->problem ? parser->problem : "out of memory");
  return refuse_at(reader, (int)parser->problem_mark.line + 1, (int)parser->problem_mark.column + 1,
                   what);
}

static bool next(Reader *reader) {
  yaml_event_delete(&reader->event);
  return yaml_parser_parse(&reader->parser, &reader->event) || refuse_as_told(reader);
}

static bool expect(Reader *reader, yaml_event_type_t type, const char *what) {
  return reader->event.type == type || refuse(reader, what);
}

static Span text_of(const yaml_char_t *text) {
  return text ? span_of((const char *)text) : (Span){NULL, 0};
}

static bool count_values(Reader *reader, size_t more) {
  reader->values += more;
  if (reader->values <= YAML_MOST_VALUES) return true;
  return error_set(reader->error, ERROR_FORMAT, reader->name,
                   "has more than %d values, aliases counted as often as they stand somewhere",
                   YAML_MOST_VALUES);
}

static void remember_place(Reader *reader, const Field *path) {
  const yaml_mark_t *mark = &reader->event.start_mark;
  yaml_places_add(reader->places, path->path, (int)mark->line + 1, (int)mark->column + 1);
}

static json_t *read_scalar(Reader *reader) {
  const yaml_event_t *event = &reader->event;
  bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  Span text = {(const char *)event->data.scalar.value, event->data.scalar.length};
  char what[160];
  json_t *value =
      yaml_scalar_value(text, plain, text_of(event->data.scalar.tag), what, sizeof what);
  if (!value) refuse(reader, what);
  return value;
}

static json_t *read_alias(Reader *reader) {
  Span name = text_of(reader->event.data.alias.anchor);
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
    if (reader->event.type == YAML_SEQUENCE_END_EVENT) return true;
    Field element = field_at(path, i);
    json_t *value = read_value(reader, &element);
    if (!value) return false;
    json_array_append_new(array, value);
  }
}

// A key: any scalar that means a string.
static bool read_key(Reader *reader, const json_t *object, Text *key) {
  if (!expect(reader, YAML_SCALAR_EVENT, "a key that is no string")) return false;
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
  while ((fine = next(reader)) && reader->event.type != YAML_MAPPING_END_EVENT) {
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

static bool check_collection(Reader *reader, const yaml_char_t *tag, const char *expected) {
  if (tag && !span_equal(text_of(tag), span_of(expected)))
    return refuse(reader, "a tag that is not known");
  return reader->depth < YAML_MOST_DEPTH || refuse(reader, "nested too deeply");
}

static json_t *read_collection(Reader *reader, const Field *path, bool array) {
  const yaml_event_t *event = &reader->event;
  const yaml_char_t *tag = array ? event->data.sequence_start.tag : event->data.mapping_start.tag;
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
  switch (reader->event.type) {
  case YAML_SCALAR_EVENT: return read_scalar(reader);
  case YAML_ALIAS_EVENT: return read_alias(reader);
  case YAML_SEQUENCE_START_EVENT: return read_collection(reader, path, true);
  case YAML_MAPPING_START_EVENT: return read_collection(reader, path, false);
  default: refuse(reader, "a value is missing"); return NULL;
  }
}

// The name of the current value's anchor, a copy; NULL: it has none.
static char *anchor_name(const Reader *reader) {
  const yaml_event_t *event = &reader->event;
  const yaml_char_t *name = NULL;
  if (event->type == YAML_SCALAR_EVENT) name = event->data.scalar.anchor;
  if (event->type == YAML_SEQUENCE_START_EVENT) name = event->data.sequence_start.anchor;
  if (event->type == YAML_MAPPING_START_EVENT) name = event->data.mapping_start.anchor;
  return name ? memory_copy_text((const char *)name) : NULL;
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
  return reader->event.type == YAML_STREAM_END_EVENT;
}

static json_t *read_root(Reader *reader) {
  Field root = field_root(NULL, reader->name);
  if (!next(reader)) return NULL;
  if (is_end(reader)) return json_null();
  if (!next(reader)) return NULL;
  json_t *value = read_value(reader, &root);
  if (!value) return NULL;
  if (next(reader) && expect(reader, YAML_DOCUMENT_END_EVENT, "more than one value") &&
      next(reader) && (is_end(reader) || refuse(reader, "more than one document")))
    return value;
  json_decref(value);
  return NULL;
}

static bool open_reader(Reader *reader, Span text) {
  if (!yaml_parser_initialize(&reader->parser))
    return error_set(reader->error, ERROR_MEMORY, reader->name, "no memory to read it");
  yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text.data, text.size);
  return next(reader);
}

static void close_reader(Reader *reader) {
  yaml_event_delete(&reader->event);
  yaml_parser_delete(&reader->parser);
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
