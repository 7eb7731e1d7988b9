// SPDX-License-Identifier: Apache-2.0
#include "cli/attention_mod.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char own_name[] = "custom";

// The part before "=", in the sweep's arena; NULL: there is none.
static const char *name_of(AttentionSweep *sweep, const char *flag, const char *text,
                           const char *expected, Error *error) {
  size_t size = strcspn(text, "=");
  if (text[size] != '\0' && size > 0) return arena_format(sweep->arena, "%.*s", (int)size, text);
  error_set(error, ERROR_ARGUMENT, flag, "\"%s\" given, expected %s", text, expected);
  return NULL;
}

static bool read_number(const char *text, SweepParameter *parameter) {
  char *end;
  errno = 0;
  parameter->integer = strtoll(text, &end, 10);
  if (end != text && *end == '\0' && errno == 0) return true;
  parameter->is_float = true;
  parameter->real = strtod(text, &end);
  return end != text && *end == '\0' && isfinite(parameter->real);
}

static bool add_parameter(AttentionSweep *sweep, SweepMod *mod, const char *text, Error *error) {
  static const char expected[] = "NAME=NUMBER";
  SweepParameter parameter = {.name = name_of(sweep, "--param", text, expected, error)};
  if (!parameter.name) return false;
  if (!read_number(strchr(text, '=') + 1, &parameter))
    return error_set(error, ERROR_ARGUMENT, "--param", "\"%s\" given, expected %s", text, expected);
  for (size_t i = 0; i < mod->parameters.count; i++) {
    if (strcmp(mod->parameters.items[i].name, parameter.name) != 0) continue;
    mod->parameters.items[i] = parameter;
    return true;
  }
  ARRAY_APPEND(&mod->parameters, parameter);
  return true;
}

// Paths of the command line are relative to the working folder, those of a file to the file's.
static const char *path_from_here(AttentionSweep *sweep, const SweepMod *mod, const char *path) {
  char *here = path[0] == '/' || !mod->folder[0] ? NULL : getcwd(NULL, 0);
  const char *from = here ? arena_format(sweep->arena, "%s/%s", here, path) : path;
  free(here);
  return from;
}

static bool add_array(AttentionSweep *sweep, SweepMod *mod, const char *text, Error *error) {
  SweepArray array = {.name = name_of(sweep, "--array", text, "NAME=FILE.npy", error)};
  if (!array.name) return false;
  array.path = path_from_here(sweep, mod, strchr(text, '=') + 1);
  for (size_t i = 0; i < mod->arrays.count; i++) {
    if (strcmp(mod->arrays.items[i].name, array.name) != 0) continue;
    mod->arrays.items[i] = array;
    return true;
  }
  ARRAY_APPEND(&mod->arrays, array);
  return true;
}

static bool add_all(const Arguments *arguments, AttentionSweep *sweep, SweepMod *mod,
                    Error *error) {
  for (size_t i = 0; i < arguments_count(arguments, "--param"); i++)
    if (!add_parameter(sweep, mod, arguments_text_at(arguments, "--param", i), error)) return false;
  for (size_t i = 0; i < arguments_count(arguments, "--array"); i++)
    if (!add_array(sweep, mod, arguments_text_at(arguments, "--array", i), error)) return false;
  return true;
}

// What the parameters and arrays are for: the expressions, else the one pattern of the sweep.
static bool begin(const Arguments *arguments, const AttentionSweep *sweep, SweepMod *mod,
                  Error *error) {
  const char *score = arguments_text(arguments, "--score");
  const char *mask = arguments_text(arguments, "--mask");
  const char *flag = arguments_given(arguments, "--param") ? "--param" : "--array";
  const char *place = score && mask ? "--score, --mask" : score ? "--score" : "--mask";
  if (score || mask) {
    *mod = (SweepMod){.name = own_name, .score = score, .mask = mask, .folder = "", .place = place};
    return true;
  }
  if (sweep->mods.count != 1)
    return error_set(error, ERROR_ARGUMENT, flag,
                     "%zu patterns given, expected --score or --mask, or one name in --mods",
                     sweep->mods.count);
  const SweepMod *only = &sweep->mods.items[0];
  *mod = (SweepMod){.name = only->name,
                    .score = only->score,
                    .mask = only->mask,
                    .folder = only->folder,
                    .place = only->place};
  for (size_t i = 0; i < only->parameters.count; i++)
    ARRAY_APPEND(&mod->parameters, only->parameters.items[i]);
  for (size_t i = 0; i < only->arrays.count; i++) ARRAY_APPEND(&mod->arrays, only->arrays.items[i]);
  return true;
}

bool attention_mod_apply(const Arguments *arguments, AttentionSweep *sweep, Error *error) {
  static const char *const flags[] = {"--score", "--mask", "--param", "--array"};
  bool any = false;
  for (size_t i = 0; i < COUNT_OF(flags); i++) any |= arguments_given(arguments, flags[i]);
  if (!any) return true;
  SweepMod mod;
  if (!begin(arguments, sweep, &mod, error)) return false;
  bool done = add_all(arguments, sweep, &mod, error);
  if (done) attention_sweep_set_mod(sweep, &mod);
  ARRAY_FREE(&mod.parameters);
  ARRAY_FREE(&mod.arrays);
  return done;
}
