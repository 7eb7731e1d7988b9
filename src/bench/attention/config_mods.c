// SPDX-License-Identifier: Apache-2.0
// Reads `mods`: [causal, {name: far, score: …, mask: …, params: {…}, arrays: {…}}].
#include "bench/attention/config_value.h"
#include "bench/known_keys.h"
#include <string.h>

static const char *const mod_keys[] = {"name", "score", "mask", "params", "arrays"};

// What an expression can name.
static bool is_name(const char *text) {
  for (const char *at = text; *at; at++) {
    bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';
    if (!letter && !(at > text && *at >= '0' && *at <= '9')) return false;
  }
  return text[0] && strlen(text) < 64;
}

static bool check_name(const Field *field, const char *name, Error *error) {
  return is_name(name) ||
         error_set(error, ERROR_FORMAT, field->path,
                   "\"%.40s\" is no name: letters, digits and _, no digit first", name);
}

static bool read_parameter(const Field *field, const char *name, SweepParameter *parameter,
                           Error *error) {
  *parameter = (SweepParameter){.name = name};
  if (!check_name(field, name, error)) return false;
  if (json_is_boolean(field->value)) {
    parameter->integer = json_is_true(field->value);
    return true;
  }
  if (json_is_integer(field->value)) {
    parameter->integer = json_integer_value(field->value);
    return true;
  }
  parameter->is_float = true;
  return field_number(field, &parameter->real, error);
}

static bool read_parameters(Arena *arena, const Field *field, SweepMod *mod, Error *error) {
  const char *key;
  json_t *value;
  if (!field_present(field)) return true;
  if (!field_object(field, error)) return false;
  json_object_foreach((json_t *)field->value, key, value) {
    Field member = field_get(field, key);
    SweepParameter parameter;
    if (!read_parameter(&member, key, &parameter, error)) return false;
    parameter.name = arena_copy_text(arena, key);
    ARRAY_APPEND(&mod->parameters, parameter);
  }
  return true;
}

static bool read_arrays(Arena *arena, const Field *field, SweepMod *mod, Error *error) {
  const char *key, *path;
  json_t *value;
  if (!field_present(field)) return true;
  if (!field_object(field, error)) return false;
  json_object_foreach((json_t *)field->value, key, value) {
    Field member = field_get(field, key);
    if (!check_name(&member, key, error) || !field_text(&member, &path, error)) return false;
    SweepArray array = {arena_copy_text(arena, key), arena_copy_text(arena, path)};
    ARRAY_APPEND(&mod->arrays, array);
  }
  return true;
}

static bool read_expression(Arena *arena, const Field *field, const char **out, Error *error) {
  const char *text = NULL;
  if (!field_text_or(field, &text, error)) return false;
  *out = text && text[0] ? arena_copy_text(arena, text) : NULL;
  return true;
}

// An unknown key stands at its own place, not at that of the object.
static bool check_keys(const Field *field, Error *error) {
  if (known_keys_check(field, mod_keys, COUNT_OF(mod_keys), error)) return true;
  const char *key = known_keys_unknown(field, mod_keys, COUNT_OF(mod_keys));
  if (key) memcpy(error->where, field_get(field, key).path, sizeof field->path);
  return false;
}

static bool read_object(Arena *arena, const Field *field, SweepMod *mod, Error *error) {
  const char *name;
  Field name_field = field_get(field, "name"), score = field_get(field, "score"),
        mask = field_get(field, "mask"), parameters = field_get(field, "params"),
        arrays = field_get(field, "arrays");
  if (!check_keys(field, error) || !field_text(&name_field, &name, error) ||
      !check_name(&name_field, name, error))
    return false;
  mod->name = arena_copy_text(arena, name);
  return read_expression(arena, &score, &mod->score, error) &&
         read_expression(arena, &mask, &mod->mask, error) &&
         read_parameters(arena, &parameters, mod, error) && read_arrays(arena, &arrays, mod, error);
}

static bool read_mod(Arena *arena, const Field *field, SweepMod *mod, Error *error) {
  const char *name;
  if (json_is_object(field->value)) return read_object(arena, field, mod, error);
  if (!json_is_string(field->value))
    return error_set(error, ERROR_FORMAT, field->path,
                     "is %s, expected a pattern's name or {name: …, score: …, mask: …}",
                     field_kind(field));
  if (!field_text(field, &name, error) || !check_name(field, name, error)) return false;
  mod->name = arena_copy_text(arena, name);
  return true;
}

static const char *place_of(Arena *arena, const Field *field, const YamlPlaces *places) {
  int line, column;
  if (!yaml_places_find(places, field, &line, &column)) return arena_copy_text(arena, field->path);
  return arena_format(arena, "%s (line %d, column %d)", field->path, line, column);
}

bool sweep_mods_read(AttentionSweep *sweep, const Field *field, const char *folder,
                     const YamlPlaces *places, Error *error) {
  SweepMods fresh = {0};
  bool list = json_is_array(field->value), fine = true;
  const char *base = arena_copy_text(sweep->arena, folder);
  for (size_t i = 0; fine && i < (list ? field_count(field) : 1); i++) {
    Field element = list ? field_at(field, i) : *field;
    SweepMod mod = {.folder = base, .place = place_of(sweep->arena, &element, places)};
    fine = read_mod(sweep->arena, &element, &mod, error);
    ARRAY_APPEND(&fresh, mod);
  }
  SweepMods old = fine ? sweep->mods : fresh;
  if (fine) sweep->mods = fresh;
  sweep_mods_clear(&old);
  ARRAY_FREE(&old);
  return fine;
}
