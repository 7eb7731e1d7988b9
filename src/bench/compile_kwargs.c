// SPDX-License-Identifier: Apache-2.0
#include "bench/compile_kwargs.h"
#include "base/python_json.h"
#include "bench/known_keys.h"
#include <stdio.h>
#include <string.h>

static const char *const modes[] = {
#define X(NAME) NAME,
    COMPILE_MODES(X)
#undef X
};
static const char *const keys[] = {"fullgraph", "dynamic", "backend", "mode", "options"};

CompileKwargs compile_kwargs_none(void) {
  return (CompileKwargs){.compiled = false};
}

CompileKwargs compile_kwargs_mode(const char *mode) {
  CompileKwargs kwargs = {.compiled = true, .fullgraph = true, .backend = "inductor"};
  snprintf(kwargs.mode, sizeof kwargs.mode, "%s", mode ? mode : "reduce-overhead");
  return kwargs;
}

bool compile_mode_known(const char *mode) {
  for (size_t i = 0; i < COUNT_OF(modes); i++)
    if (strcmp(modes[i], mode) == 0) return true;
  return false;
}

const char *compile_modes_text(void) {
  return "default, reduce-overhead, max-autotune, max-autotune-no-cudagraphs";
}

// Copies a text field into a buffer of the value; too long is an error, not a cut.
static bool copy_text(const Field *field, char *buffer, size_t size, Error *error) {
  const char *text = buffer;
  if (!field_text_or(field, &text, error)) return false;
  if (text == buffer) return true;
  if (strlen(text) >= size)
    return error_set(error, ERROR_FORMAT, field->path, "is longer than %zu bytes", size - 1);
  memcpy(buffer, text, strlen(text) + 1);
  return true;
}

static bool read_mode(const Field *field, CompileKwargs *kwargs, Error *error) {
  if (!copy_text(field, kwargs->mode, sizeof kwargs->mode, error)) return false;
  return compile_mode_known(kwargs->mode) ||
         error_set(error, ERROR_FORMAT, field->path, "is \"%s\", expected one of %s", kwargs->mode,
                   compile_modes_text());
}

static bool read_dynamic(const Field *field, CompileKwargs *kwargs, Error *error) {
  if (!field_present(field)) return true;
  bool value;
  if (!field_boolean(field, &value, error)) return false;
  kwargs->dynamic = value ? TRISTATE_TRUE : TRISTATE_FALSE;
  return true;
}

static bool read_options(const Field *field, CompileKwargs *kwargs, Error *error) {
  if (!field_present(field)) return true;
  if (!field_object(field, error)) return false;
  Text text = {0};
  python_json_append(&text, field->value, PYTHON_JSON_LINE);
  bool fits = text.size < sizeof kwargs->options;
  if (fits) memcpy(kwargs->options, text.data, text.size + 1);
  text_free(&text);
  return fits || error_set(error, ERROR_FORMAT, field->path, "is longer than %zu bytes of JSON",
                           sizeof kwargs->options - 1);
}

bool compile_kwargs_read(const Field *field, CompileKwargs *kwargs, Error *error) {
  *kwargs = compile_kwargs_none();
  if (!field_present(field)) return true;
  if (!known_keys_check(field, keys, COUNT_OF(keys), error)) return false;
  *kwargs = compile_kwargs_mode(NULL);
  Field fullgraph = field_get(field, "fullgraph"), dynamic = field_get(field, "dynamic"),
        backend = field_get(field, "backend"), mode = field_get(field, "mode"),
        options = field_get(field, "options");
  return field_boolean_or(&fullgraph, &kwargs->fullgraph, error) &&
         read_dynamic(&dynamic, kwargs, error) &&
         copy_text(&backend, kwargs->backend, sizeof kwargs->backend, error) &&
         read_mode(&mode, kwargs, error) && read_options(&options, kwargs, error);
}

// The older files write compile_options as {} where they mean none.
bool compile_kwargs_read_older(const Field *mode, const Field *options, CompileKwargs *kwargs,
                               Error *error) {
  *kwargs = compile_kwargs_none();
  if (!field_present(mode)) return true;
  *kwargs = compile_kwargs_mode(NULL);
  if (!read_mode(mode, kwargs, error)) return false;
  return field_count(options) == 0 || read_options(options, kwargs, error);
}

static json_t *tristate_json(Tristate value) {
  return value == TRISTATE_NULL ? json_null() : json_boolean(value == TRISTATE_TRUE);
}

json_t *compile_kwargs_json(const CompileKwargs *kwargs) {
  if (!kwargs->compiled) return json_null();
  json_t *object = json_object();
  json_object_set_new(object, "fullgraph", json_boolean(kwargs->fullgraph));
  json_object_set_new(object, "dynamic", tristate_json(kwargs->dynamic));
  json_object_set_new(object, "backend", json_string(kwargs->backend));
  json_object_set_new(object, "mode", json_string(kwargs->mode));
  json_object_set_new(object, "options",
                      kwargs->options[0] ? json_loads(kwargs->options, 0, NULL) : json_null());
  return object;
}
