// SPDX-License-Identifier: Apache-2.0
#include "base/document.h"
#include "base/file_map.h"
#include <inttypes.h>
#include <stdio.h>

json_t *document_parse(const void *bytes, size_t size, const char *name, Error *error) {
  json_error_t failure;
  json_t *root =
      json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &failure);
  if (!root)
    error_set(error, ERROR_FORMAT, name, "not valid JSON at line %d, column %d (byte %d): %s",
              failure.line, failure.column, failure.position, failure.text);
  return root;
}

json_t *document_read(const char *path, size_t limit, Error *error) {
  FileMap map;
  if (!file_map_open(&map, path, error)) return NULL;
  json_t *root = NULL;
  if (map.size > limit)
    error_set(error, ERROR_FORMAT, path, "is %zu bytes, expected at most %zu", map.size, limit);
  else
    root = document_parse(map.data, map.size, path, error);
  file_map_close(&map);
  return root;
}

size_t document_values_bound(const void *bytes, size_t size) {
  const unsigned char *text = bytes;
  size_t bound = 1; // every further value follows one of these, some of which are inside strings
  for (size_t i = 0; i < size; i++) bound += (text[i] == ',') + (text[i] == '[') + (text[i] == '{');
  return bound;
}

Field field_root(const json_t *value, const char *name) {
  Field field = {.value = value};
  snprintf(field.path, sizeof field.path, "%s", name);
  return field;
}

// The root's name is a file and ends in no dot: ", " follows it, "." follows a key.
static const char *separator_after(const char *path) {
  for (const char *c = path; *c; c++)
    if (c[0] == ',' && c[1] == ' ') return ".";
  return ", ";
}

Field field_get(const Field *object, const char *key) {
  Field field = {.value = json_object_get(object->value, key)};
  snprintf(field.path, sizeof field.path, "%.120s%s%.64s", object->path,
           separator_after(object->path), key);
  return field;
}

Field field_at(const Field *array, size_t index) {
  Field field = {.value = json_array_get(array->value, index)};
  snprintf(field.path, sizeof field.path, "%.160s[%zu]", array->path, index);
  return field;
}

bool field_present(const Field *field) {
  return field->value && !json_is_null(field->value);
}

size_t field_count(const Field *field) {
  return json_is_array(field->value) ? json_array_size(field->value)
                                     : json_object_size(field->value);
}

const char *field_kind(const Field *field) {
  if (!field->value) return "missing";
  switch (json_typeof(field->value)) {
  case JSON_OBJECT: return "an object";
  case JSON_ARRAY: return "an array";
  case JSON_STRING: return "a string";
  case JSON_INTEGER: return "an integer";
  case JSON_REAL: return "a real number";
  case JSON_TRUE: return "true";
  case JSON_FALSE: return "false";
  case JSON_NULL: return "null";
  }
  return "unknown";
}

static bool wrong_kind(const Field *field, const char *expected, Error *error) {
  return error_set(error, ERROR_FORMAT, field->path, "is %s, expected %s", field_kind(field),
                   expected);
}

bool field_integer(const Field *field, int64_t least, int64_t most, int64_t *out, Error *error) {
  if (!json_is_integer(field->value)) return wrong_kind(field, "an integer", error);
  int64_t value = json_integer_value(field->value);
  if (value < least || value > most)
    return error_set(error, ERROR_FORMAT, field->path,
                     "is %" PRId64 ", expected %" PRId64 " to %" PRId64, value, least, most);
  *out = value;
  return true;
}

bool field_number(const Field *field, double *out, Error *error) {
  if (!json_is_number(field->value)) return wrong_kind(field, "a number", error);
  *out = json_number_value(field->value);
  return true;
}

bool field_number_in(const Field *field, double least, double most, double *out, Error *error) {
  double value = 0.0;
  if (!field_number(field, &value, error)) return false;
  if (!(value >= least && value <= most))
    return error_set(error, ERROR_FORMAT, field->path, "is %g, expected %g to %g", value, least,
                     most);
  *out = value;
  return true;
}

bool field_boolean(const Field *field, bool *out, Error *error) {
  if (!json_is_boolean(field->value)) return wrong_kind(field, "true or false", error);
  *out = json_is_true(field->value);
  return true;
}

bool field_text(const Field *field, const char **out, Error *error) {
  if (!json_is_string(field->value)) return wrong_kind(field, "a string", error);
  *out = json_string_value(field->value);
  return true;
}

bool field_object(const Field *field, Error *error) {
  return json_is_object(field->value) || wrong_kind(field, "an object", error);
}

bool field_array(const Field *field, Error *error) {
  return json_is_array(field->value) || wrong_kind(field, "an array", error);
}

bool field_integer_or(const Field *field, int64_t least, int64_t most, int64_t *out, Error *error) {
  return !field_present(field) || field_integer(field, least, most, out, error);
}

bool field_number_or(const Field *field, double *out, Error *error) {
  return !field_present(field) || field_number(field, out, error);
}

bool field_boolean_or(const Field *field, bool *out, Error *error) {
  return !field_present(field) || field_boolean(field, out, error);
}

bool field_text_or(const Field *field, const char **out, Error *error) {
  return !field_present(field) || field_text(field, out, error);
}
