// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include "mods/names.h"
#include "mods/parsed.h"
#include "mods/parser.h"
#include "mods/proof.h"
#include <stdio.h>
#include <string.h>

enum { MOST_TEXT = 64 * 1024 }; // bytes of one expression

struct Mod {
  Arena *arena; // of the texts
  ModSource source;
  ModTree score, mask;
};

static const char *copied(Arena *arena, const char *text) {
  return text ? arena_copy_text(arena, text) : NULL;
}

static ModSource source_copied(Arena *arena, const ModSource *source) {
  ModSource copy = *source;
  size_t parameters = (size_t)source->parameter_count * sizeof *source->parameters;
  size_t arrays = (size_t)source->array_count * sizeof *source->arrays;
  ModParameter *parameter = arena_allocate(arena, parameters);
  ModArray *array = arena_allocate(arena, arrays);
  for (int i = 0; i < source->parameter_count; i++) {
    parameter[i] = source->parameters[i];
    parameter[i].name = copied(arena, parameter[i].name);
  }
  for (int i = 0; i < source->array_count; i++) {
    array[i] = source->arrays[i];
    array[i].name = copied(arena, array[i].name);
  }
  copy.parameters = parameter;
  copy.arrays = array;
  copy.name = copied(arena, source->name);
  copy.score = copied(arena, source->score);
  copy.mask = copied(arena, source->mask);
  return copy;
}

static bool empty(const char *text) {
  return !text || text[strspn(text, " \t\r\n")] == '\0';
}

static bool parse_tree(const ModSource *source, const char *text, bool is_mask, ModTree *tree,
                       Error *error) {
  if (strlen(text) > MOST_TEXT)
    return error_set(error, ERROR_ARGUMENT, NULL, "the expression has %zu bytes, at most %d",
                     strlen(text), MOST_TEXT);
  ModBuilder *builder = mod_builder_open(source->arrays);
  ModChecker checker = {source, text, is_mask, builder, error, false};
  int root = mod_parse_text(&checker);
  // Of a full builder the nodes are wrong, and so is any complaint of them.
  bool done = (root >= 0 || mod_builder_full(builder)) &&
              mod_build_finish(builder, root < 0 ? 0 : root, tree, error) &&
              mod_prove_constants(tree, text, error);
  mod_builder_close(builder);
  return done;
}

static bool parse_role(const ModSource *source, const char *text, bool is_mask, ModTree *tree,
                       Error *error) {
  if (empty(text) || parse_tree(source, text, is_mask, tree, error)) return true;
  return mod_error_within(error, source, is_mask);
}

bool mod_error_within(Error *error, const ModSource *source, bool is_mask) {
  char where[96];
  const char *role = is_mask ? "mask" : "score";
  if (source->name)
    snprintf(where, sizeof where, "mod %.60s, %s", source->name, role);
  else
    snprintf(where, sizeof where, "%s", role);
  return error_within(error, where);
}

Mod *mod_parse(const ModSource *source, Error *error) {
  Mod *mod = memory_allocate(sizeof *mod);
  mod->arena = arena_open(1024);
  mod->source = source_copied(mod->arena, source);
  if (mod_names_check(&mod->source, error) &&
      parse_role(&mod->source, mod->source.score, false, &mod->score, error) &&
      parse_role(&mod->source, mod->source.mask, true, &mod->mask, error))
    return mod;
  mod_close(mod);
  return NULL;
}

void mod_close(Mod *mod) {
  if (!mod) return;
  mod_tree_free(&mod->score);
  mod_tree_free(&mod->mask);
  arena_close(mod->arena);
  memory_free(mod);
}

const ModSource *mod_source(const Mod *mod) {
  return &mod->source;
}

const ModTree *mod_parsed_score(const Mod *mod) {
  return &mod->score;
}

const ModTree *mod_parsed_mask(const Mod *mod) {
  return &mod->mask;
}
