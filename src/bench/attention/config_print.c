// SPDX-License-Identifier: Apache-2.0
// A sweep's configuration written: as JSON, and as a file that reads back.
#include "base/python_json.h"
#include "base/utf8.h"
#include "bench/attention/config_value.h"
#include <string.h>

static json_t *text_or_null(const char *text) {
  json_t *string = text ? json_string(text) : NULL;
  return string ? string : json_null();
}

static json_t *parameters_json(const SweepMod *mod) {
  json_t *object = json_object();
  for (size_t i = 0; i < mod->parameters.count; i++) {
    const SweepParameter *parameter = &mod->parameters.items[i];
    json_object_set_new(object, parameter->name,
                        parameter->is_float ? json_real(parameter->real)
                                            : json_integer(parameter->integer));
  }
  return object;
}

static json_t *arrays_json(const SweepMod *mod) {
  json_t *object = json_object();
  for (size_t i = 0; i < mod->arrays.count; i++)
    json_object_set_new(object, mod->arrays.items[i].name, text_or_null(mod->arrays.items[i].path));
  return object;
}

json_t *sweep_mod_json(const SweepMod *mod) {
  bool plain = !mod->score && !mod->mask && !mod->parameters.count && !mod->arrays.count;
  if (plain) return text_or_null(mod->name);
  json_t *object = json_pack("{s:o}", "name", text_or_null(mod->name));
  if (mod->score) json_object_set_new(object, "score", text_or_null(mod->score));
  if (mod->mask) json_object_set_new(object, "mask", text_or_null(mod->mask));
  if (mod->parameters.count) json_object_set_new(object, "params", parameters_json(mod));
  if (mod->arrays.count) json_object_set_new(object, "arrays", arrays_json(mod));
  return object;
}

static json_t *counts_json(const SweepCounts *counts) {
  json_t *array = json_array();
  for (size_t i = 0; i < counts->count; i++)
    json_array_append_new(array, json_integer(counts->items[i]));
  return array;
}

static json_t *heads_json(const SweepHeadPairs *pairs) {
  json_t *array = json_array();
  for (size_t i = 0; i < pairs->count; i++)
    json_array_append_new(array, json_sprintf("%lld,%lld", (long long)pairs->items[i].heads,
                                              (long long)pairs->items[i].kv_heads));
  return array;
}

static json_t *names_json(const SweepNames *names) {
  json_t *array = json_array();
  for (size_t i = 0; i < names->count; i++)
    json_array_append_new(array, json_string(names->items[i]));
  return array;
}

static json_t *mods_json(const SweepMods *mods) {
  json_t *array = json_array();
  for (size_t i = 0; i < mods->count; i++)
    json_array_append_new(array, sweep_mod_json(&mods->items[i]));
  return array;
}

json_t *sweep_value_json(const AttentionSweep *sweep, const SweepKey *key) {
  const void *value = (const char *)sweep + key->offset;
  switch (key->kind) {
  case SWEEP_SWITCH: return json_boolean(*(const bool *)value);
  case SWEEP_DTYPE: return json_string(dtype_name(*(const Dtype *)value));
  case SWEEP_COUNT:
  case SWEEP_BYTES: return json_integer(*(const int64_t *)value);
  case SWEEP_SECONDS: return json_real(*(const double *)value);
  case SWEEP_TEXT: return text_or_null(*(const char *const *)value);
  case SWEEP_COUNTS: return counts_json(value);
  case SWEEP_COUNTS_OR_NULL:
    return ((const SweepCounts *)value)->count ? counts_json(value) : json_null();
  case SWEEP_HEADS: return heads_json(value);
  case SWEEP_NAMES: return names_json(value);
  case SWEEP_MODS: return mods_json(value);
  }
  return json_null();
}

json_t *attention_sweep_json(const AttentionSweep *sweep) {
  json_t *object = json_object();
  for (size_t i = 0; i < sweep_key_count; i++)
    json_object_set_new(object, sweep_keys[i].key, sweep_value_json(sweep, &sweep_keys[i]));
  return object;
}

// As a quoted scalar: what is not ASCII, or not printable, by its number.
static void append_quoted(Text *text, const char *string) {
  size_t length;
  text_append_character(text, '"');
  for (const char *at = string; *at; at += length) {
    uint32_t character = utf8_decode(at, &length);
    if (character == '"' || character == '\\')
      text_append_format(text, "\\%c", (char)character);
    else if (character >= ' ' && character < 0x7F)
      text_append_character(text, (char)character);
    else
      text_append_format(text, "\\U%08X", (unsigned)character);
  }
  text_append_character(text, '"');
}

// Whether it needs no quotes, in any version of YAML.
static bool is_bare(const char *string) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (strcmp(string, words[i]) == 0) return false;
  return string[0] >= 'a' && string[0] <= 'z' && strspn(string, letters) == strlen(string);
}

static void append_yaml(Text *text, const json_t *value);

static void append_members(Text *text, const json_t *object) {
  const char *key, *comma = "";
  json_t *value;
  json_object_foreach((json_t *)object, key, value) {
    text_append_text(text, comma);
    append_quoted(text, key);
    text_append_text(text, ": ");
    append_yaml(text, value);
    comma = ", ";
  }
}

// In flow style.
static void append_yaml(Text *text, const json_t *value) {
  if (json_is_string(value) && is_bare(json_string_value(value))) {
    text_append_text(text, json_string_value(value));
  } else if (json_is_string(value)) {
    append_quoted(text, json_string_value(value));
  } else if (json_is_array(value)) {
    text_append_character(text, '[');
    for (size_t i = 0; i < json_array_size(value); i++) {
      if (i) text_append_text(text, ", ");
      append_yaml(text, json_array_get(value, i));
    }
    text_append_character(text, ']');
  } else if (json_is_object(value)) {
    text_append_character(text, '{');
    append_members(text, value);
    text_append_character(text, '}');
  } else {
    python_json_append(text, value, PYTHON_JSON_LINE);
  }
}

static void print_yaml(const AttentionSweep *sweep, Text *text) {
  for (size_t i = 0; i < sweep_key_count; i++) {
    json_t *value = sweep_value_json(sweep, &sweep_keys[i]);
    text_append_format(text, "# %s\n%s: ", sweep_keys[i].help, sweep_keys[i].key);
    append_yaml(text, value);
    text_append_text(text, "\n");
    json_decref(value);
  }
}

void attention_sweep_print(const AttentionSweep *sweep, bool yaml, Text *text) {
  if (yaml) {
    print_yaml(sweep, text);
    return;
  }
  json_t *json = attention_sweep_json(sweep);
  python_json_append(text, json, PYTHON_JSON_INDENT);
  text_append_text(text, "\n");
  json_decref(json);
}
