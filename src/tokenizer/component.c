// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/component.h"
#include "tokenizer/unicode.h"
#include <string.h>

bool component_type(const Field *component, const char **type, Error *error) {
  if (!field_object(component, error)) return false;
  Field field = field_get(component, "type");
  return field_text(&field, type, error);
}

bool component_span(const Field *field, Span *out, Error *error) {
  const char *text;
  if (!field_text(field, &text, error)) return false;
  *out = (Span){text, json_string_length(field->value)};
  return true;
}

bool component_character(const Field *field, Span *out, Error *error) {
  if (!component_span(field, out, error)) return false;
  if (out->size > 0 && out->size == utf8_length(out->data[0])) return true;
  return error_set(error, ERROR_FORMAT, field->path,
                   "is a string of %zu bytes, expected one "
                   "character",
                   out->size);
}

bool component_refuse(const Field *component, const char *type, const char *supported,
                      Error *error) {
  return error_set(error, ERROR_UNSUPPORTED, component->path,
                   "type \"%.60s\" is not supported; supported: %s", type, supported);
}

typedef struct {
  const char *list;
  ComponentVisitor *visit;
  void *context;
  unsigned depth, count;
} Walk;

static bool walk_component(Walk *walk, const Field *component, Error *error) {
  const char *type;
  if (!component_type(component, &type, error)) return false;
  if (strcmp(type, "Sequence") != 0) {
    if (++walk->count > COMPONENT_LIMIT)
      return error_set(error, ERROR_FORMAT, component->path, "more than %d parts", COMPONENT_LIMIT);
    return walk->visit(walk->context, component, type, error);
  }
  if (walk->depth >= COMPONENT_DEPTH)
    return error_set(error, ERROR_FORMAT, component->path, "Sequences nested deeper than %d",
                     COMPONENT_DEPTH);
  Field list = field_get(component, walk->list);
  if (!field_array(&list, error)) return false;
  if (field_count(&list) > COMPONENT_LIMIT)
    return error_set(error, ERROR_FORMAT, list.path, "has %zu parts, at most %d",
                     field_count(&list), COMPONENT_LIMIT);
  walk->depth++;
  for (size_t i = 0; i < field_count(&list); i++) {
    Field part = field_at(&list, i);
    if (++walk->count > 4 * COMPONENT_LIMIT)
      return error_set(error, ERROR_FORMAT, part.path, "too many parts");
    if (!walk_component(walk, &part, error)) return false;
  }
  walk->depth--;
  return true;
}

bool component_walk(const Field *component, const char *list, ComponentVisitor *visit,
                    void *context, Error *error) {
  if (!field_present(component)) return true;
  Walk walk = {.list = list, .visit = visit, .context = context};
  return walk_component(&walk, component, error);
}
