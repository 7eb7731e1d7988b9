// SPDX-License-Identifier: Apache-2.0
// JSON documents read strictly (jansson: duplicate keys refused, positions reported), and typed
// access to their fields whose errors name the field, what was found and what was expected.
//
// Fields are read through a Field: a value with the path that led to it, so that an error says
// "config.json, rope_scaling.factor: is a string, expected a number".
#pragma once
#include "base/error.h"
#include <jansson.h>
#include <stdint.h>

// Parses `size` bytes. `name` (a file name) goes into errors with line, column and byte. NUL
// characters inside strings are accepted: token texts are data. Nesting deeper than jansson's limit
// (2048) is an error. The caller owns the result: json_decref. NULL on failure.
CHECKED json_t *document_parse(const void *bytes, size_t size, const char *name, Error *error);
// The same for a file of at most `limit` bytes.
CHECKED json_t *document_read(const char *path, size_t limit, Error *error);

// At most this many values does the JSON text hold: what to check before parsing a text whose size
// alone would let it cost gigabytes (a parsed value costs about 100 bytes, its text as few as 2).
size_t document_values_bound(const void *bytes, size_t size);

// A value in a document and how it was reached. `value` is NULL where the document has none.
typedef struct {
  const json_t *value;
  char path[192]; // "config.json, rope_scaling.factor"
} Field;

Field field_root(const json_t *value, const char *name);
Field field_get(const Field *object, const char *key); // absent, or not an object: value NULL
Field field_at(const Field *array, size_t index);
bool field_present(const Field *field); // there, and not null
size_t field_count(const Field *field); // elements of an array or object, else 0
// "an integer", "a string", "missing", …: what the field holds, for messages.
const char *field_kind(const Field *field);

// Each reads a field that must be there with that type. *out is left alone on failure.
CHECKED bool field_integer(const Field *field, int64_t least, int64_t most, int64_t *out,
                           Error *error);
CHECKED bool field_number(const Field *field, double *out, Error *error); // integer or real
// A number from least to most.
CHECKED bool field_number_in(const Field *field, double least, double most, double *out,
                             Error *error);
CHECKED bool field_boolean(const Field *field, bool *out, Error *error);
CHECKED bool field_text(const Field *field, const char **out, Error *error); // owned by document
// Fails unless the field is an object / array.
CHECKED bool field_object(const Field *field, Error *error);
CHECKED bool field_array(const Field *field, Error *error);
// As above, but *out keeps its value (the default) when the field is absent or null.
CHECKED bool field_integer_or(const Field *field, int64_t least, int64_t most, int64_t *out,
                              Error *error);
CHECKED bool field_number_or(const Field *field, double *out, Error *error);
CHECKED bool field_boolean_or(const Field *field, bool *out, Error *error);
CHECKED bool field_text_or(const Field *field, const char **out, Error *error);
