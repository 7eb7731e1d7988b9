// SPDX-License-Identifier: Apache-2.0
#include "bench/attention/pattern.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/suggestion.h"
#include "bench/attention/documents.h"
#include "bench/attention/mod_array.h"
#include "mods/patterns.h"
#include <string.h>

static const char documents_name[] = "doc"; // of the array that document_mask reads

struct SweepPattern {
  const SweepMod *mod;
  ModParameter *parameters;
  ModArray *arrays;
  Region *regions; // of the arrays
  int parameter_count, array_count;
  Mod *parsed;
  BoundMod *bound, *open; // open: NULL until it is asked for
};

static const ModSource *pattern_of(const SweepMod *mod) {
  return mod->score || mod->mask ? NULL : pattern_by_name(mod->name);
}

bool sweep_pattern_has_documents(const SweepMod *mod) {
  return !mod->score && !mod->mask && mod->arrays.count == 0 &&
         strcmp(mod->name, "document_mask") == 0;
}

static bool refuse_name(const SweepMod *mod, Error *error) {
  Suggestion best = {0};
  Text known = {0};
  Span typed = span_of(mod->name);
  for (int i = 0; i < pattern_count(); i++) {
    suggestion_consider(&best, span_of(pattern_at(i)->name), typed);
    text_append_format(&known, i ? ", %s" : "%s", pattern_at(i)->name);
  }
  if (suggestion_good(&best, typed))
    error_set(error, ERROR_ARGUMENT, mod->place,
              "there is no pattern \"%s\" (did you mean \"%.*s\"?)", mod->name, (int)best.name.size,
              best.name.data);
  else
    error_set(error, ERROR_ARGUMENT, mod->place,
              "there is no pattern \"%s\", expected %s, or an own one with score or mask",
              mod->name, text_span(&known).data);
  text_free(&known);
  return false;
}

static bool check_name(const SweepMod *mod, Error *error) {
  bool own = mod->score || mod->mask;
  if (!own && !pattern_by_name(mod->name)) return refuse_name(mod, error);
  if (own && pattern_by_name(mod->name))
    return error_set(error, ERROR_ARGUMENT, mod->place,
                     "\"%s\" is the name of a pattern: an own score or mask needs another name",
                     mod->name);
  return true;
}

static ModParameter parameter_of(const SweepParameter *parameter) {
  return (ModParameter){parameter->name, parameter->is_float, parameter->integer, parameter->real};
}

static bool replace_parameter(SweepPattern *pattern, const SweepParameter *parameter,
                              Error *error) {
  for (int i = 0; i < pattern->parameter_count; i++) {
    if (strcmp(pattern->parameters[i].name, parameter->name) != 0) continue;
    pattern->parameters[i] = parameter_of(parameter);
    return true;
  }
  return error_set(error, ERROR_ARGUMENT, pattern->mod->place, "%s has no parameter \"%s\"",
                   pattern->mod->name, parameter->name);
}

// A known pattern's own parameters, those of the mod in their place; or all of the mod's.
static bool gather_parameters(SweepPattern *pattern, const ModSource *known, Error *error) {
  const SweepMod *mod = pattern->mod;
  int own = known ? known->parameter_count : 0;
  pattern->parameters =
      memory_allocate(((size_t)own + mod->parameters.count) * sizeof *pattern->parameters);
  for (int i = 0; i < own; i++)
    pattern->parameters[pattern->parameter_count++] = known->parameters[i];
  for (size_t i = 0; i < mod->parameters.count; i++) {
    const SweepParameter *parameter = &mod->parameters.items[i];
    if (!known)
      pattern->parameters[pattern->parameter_count++] = parameter_of(parameter);
    else if (!replace_parameter(pattern, parameter, error))
      return false;
  }
  return true;
}

static bool add_documents(SweepPattern *pattern, int64_t tokens, int64_t documents, Error *error) {
  Region *region = &pattern->regions[pattern->array_count];
  if (!region_map(region, (size_t)tokens * sizeof(int32_t), error)) return false;
  documents_draw(tokens, documents, region->data);
  pattern->arrays[pattern->array_count++] =
      (ModArray){documents_name, tensor_dense(DTYPE_I32, 1, &tokens, region->data)};
  return true;
}

static char *array_path(const SweepMod *mod, const char *path) {
  return path[0] == '/' || mod->folder[0] == '\0' ? memory_copy_text(path)
                                                  : path_join(mod->folder, path);
}

static bool add_array(SweepPattern *pattern, const SweepArray *array, Error *error) {
  char *path = array_path(pattern->mod, array->path);
  int at = pattern->array_count;
  bool done = mod_array_read(path, array->name, &pattern->regions[at], &pattern->arrays[at], error);
  pattern->array_count += done;
  memory_free(path);
  return done || error_within(error, pattern->mod->place);
}

static bool gather_arrays(SweepPattern *pattern, int64_t tokens, int64_t documents, Error *error) {
  const SweepMod *mod = pattern->mod;
  pattern->arrays = memory_allocate((mod->arrays.count + 1) * sizeof *pattern->arrays);
  pattern->regions = memory_allocate((mod->arrays.count + 1) * sizeof *pattern->regions);
  for (size_t i = 0; i < mod->arrays.count; i++)
    if (!add_array(pattern, &mod->arrays.items[i], error)) return false;
  return !sweep_pattern_has_documents(mod) || add_documents(pattern, tokens, documents, error);
}

static bool parse(SweepPattern *pattern, int64_t tokens, int64_t documents, Error *error) {
  const SweepMod *mod = pattern->mod;
  if (!check_name(mod, error)) return false;
  const ModSource *known = pattern_of(mod);
  if (!gather_parameters(pattern, known, error) ||
      !gather_arrays(pattern, tokens, documents, error))
    return false;
  ModSource source = {
      .name = mod->name,
      .score = known ? known->score : mod->score,
      .mask = known ? known->mask : mod->mask,
      .parameter_count = pattern->parameter_count,
      .array_count = pattern->array_count,
      .parameters = pattern->parameters,
      .arrays = pattern->arrays,
  };
  pattern->parsed = mod_parse(&source, error);
  return pattern->parsed || error_within(error, mod->place);
}

bool sweep_pattern_check(const SweepMod *mod, Error *error) {
  SweepPattern *pattern = memory_allocate(sizeof *pattern);
  pattern->mod = mod;
  bool fine = parse(pattern, 1, 1, error);
  sweep_pattern_close(pattern);
  return fine;
}

SweepPattern *sweep_pattern_open(const SweepMod *mod, const ModShape *shape, int64_t documents,
                                 Error *error) {
  SweepPattern *pattern = memory_allocate(sizeof *pattern);
  pattern->mod = mod;
  if (parse(pattern, shape->keys, documents, error)) {
    if (mod_bind(pattern->parsed, shape, &pattern->bound, error)) return pattern;
    error_within(error, mod->place);
  }
  sweep_pattern_close(pattern);
  return NULL;
}

void sweep_pattern_close(SweepPattern *pattern) {
  if (!pattern) return;
  bound_mod_close(pattern->bound);
  bound_mod_close(pattern->open);
  mod_close(pattern->parsed);
  for (int i = 0; i < pattern->array_count; i++) region_unmap(&pattern->regions[i]);
  memory_free(pattern->regions);
  memory_free(pattern->arrays);
  memory_free(pattern->parameters);
  memory_free(pattern);
}

const BoundMod *sweep_pattern_bound(const SweepPattern *pattern) {
  return pattern->bound;
}

const BoundMod *sweep_pattern_open_lengths(SweepPattern *pattern, Error *error) {
  if (!pattern->open && !mod_bind_open(pattern->parsed, pattern->bound, &pattern->open, error))
    return NULL;
  return pattern->open;
}

static json_t *text_or_null(const char *text) {
  json_t *string = text && text[0] ? json_string(text) : NULL;
  return string ? string : json_null();
}

static json_t *hash_arrays(const SweepMod *mod, Error *error) {
  json_t *object = json_object();
  for (size_t i = 0; i < mod->arrays.count; i++) {
    char hex[SHA256_HEX_SIZE], *path = array_path(mod, mod->arrays.items[i].path);
    bool done = sha256_file(path, hex, error);
    memory_free(path);
    if (done) {
      json_object_set_new(object, mod->arrays.items[i].name, json_string(hex));
      continue;
    }
    error_within(error, mod->place);
    json_decref(object);
    return NULL;
  }
  return object;
}

static json_t *values_json(const SweepPattern *pattern) {
  json_t *object = json_object();
  for (int i = 0; i < pattern->parameter_count; i++) {
    const ModParameter *parameter = &pattern->parameters[i];
    json_object_set_new(object, parameter->name,
                        parameter->is_float ? json_real(parameter->real)
                                            : json_integer(parameter->integer));
  }
  return object;
}

json_t *sweep_pattern_json(const SweepMod *mod, Error *error) {
  const ModSource *known = pattern_of(mod);
  SweepPattern pattern = {.mod = mod};
  json_t *arrays = hash_arrays(mod, error), *object = NULL;
  if (arrays && gather_parameters(&pattern, known, error))
    object = json_pack("{s:s, s:o, s:o, s:o, s:O}", "name", mod->name, "score",
                       text_or_null(known ? known->score : mod->score), "mask",
                       text_or_null(known ? known->mask : mod->mask), "params",
                       values_json(&pattern), "arrays", arrays);
  memory_free(pattern.parameters);
  json_decref(arrays);
  return object;
}
