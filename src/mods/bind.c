// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "mods/build.h"
#include "mods/differentiate.h"
#include "mods/guard.h"
#include "mods/parsed.h"
#include "mods/proof.h"
#include <inttypes.h>
#include <string.h>

// More is no shape that could be measured, and sums of two indices stay far within int64.
static const int64_t MOST_EXTENT = (int64_t)1 << 48;

static bool check_shape(const ModShape *shape, Error *error) {
  const int64_t extents[] = {shape->batch,   shape->heads, shape->kv_heads,
                             shape->queries, shape->keys,  shape->head_dim};
  for (size_t i = 0; i < COUNT_OF(extents); i++)
    if (extents[i] < 1 || extents[i] > MOST_EXTENT)
      return error_set(error, ERROR_ARGUMENT, NULL, "%s is %" PRId64 ", expected 1 … %" PRId64,
                       mod_variable_name((ModVariable)(MOD_SIZE_B + (int)i)), extents[i],
                       MOST_EXTENT);
  if (shape->query_offset >= 0 && shape->query_offset <= MOST_EXTENT) return true;
  return error_set(error, ERROR_ARGUMENT, NULL, "the first query stands at %" PRId64,
                   shape->query_offset);
}

static int64_t size_of(const ModShape *shape, ModVariable variable) {
  switch (variable) {
  case MOD_SIZE_B: return shape->batch;
  case MOD_SIZE_HQ: return shape->heads;
  case MOD_SIZE_HKV: return shape->kv_heads;
  case MOD_SIZE_M: return shape->queries;
  case MOD_SIZE_N: return shape->keys;
  default: return shape->head_dim;
  }
}

static bool stays_open(const ModShape *shape, ModVariable variable) {
  return shape->open &&
         (variable == MOD_SIZE_B || variable == MOD_SIZE_M || variable == MOD_SIZE_N);
}

// The tree with sizes for their names, simplified.
static bool fold_shape(const ModTree *written, const ModArray *arrays, const ModShape *shape,
                       ModTree *tree, Error *error) {
  int map[MOD_MOST_NODES];
  ModBuilder *builder = mod_builder_open(arrays);
  for (int i = 0; i < written->count; i++) {
    const ModNode *node = &written->nodes[i];
    bool size = node->operation == MOD_VARIABLE && node->variable >= MOD_SIZE_B &&
                !stays_open(shape, node->variable);
    map[i] = size ? mod_build_integer(builder, size_of(shape, node->variable), node->position)
                  : mod_build_copy(builder, node, map);
  }
  bool done = mod_build_finish(builder, map[written->count - 1], tree, error);
  mod_builder_close(builder);
  return done;
}

// Clamps what needs it and proves the rest; of open shapes, where there is nothing to clamp, the
// integers alone.
static bool make_safe(ModTree *tree, const ModTree *mask, const ModSource *source, BoundMod *bound,
                      Error *error) {
  const char *text = mask ? source->score : source->mask;
  Error ignored;
  if (mod_prove(tree, source->arrays, &bound->shape, text, bound->shape.open ? error : &ignored))
    return true;
  if (bound->shape.open) return false;
  bound->guarded = true;
  return mod_guard(tree, mask, source->arrays, &bound->shape, error) &&
         mod_prove(tree, source->arrays, &bound->shape, text, error);
}

// `mask`: of a score, the bound mask.
static bool bind_tree(const ModTree *written, const ModTree *mask, const ModSource *source,
                      BoundMod *bound, ModTree *tree, Error *error) {
  if (written->count == 0) return true;
  return (fold_shape(written, source->arrays, &bound->shape, tree, error) &&
          make_safe(tree, mask, source, bound, error)) ||
         mod_error_within(error, source, !mask);
}

static bool constant(const ModTree *tree, double value) {
  const ModNode *root = mod_tree_root(tree);
  if (root->operation != MOD_CONSTANT) return false;
  return root->type == MOD_FLOAT ? root->real == value : (double)root->integer == value;
}

static bool differentiate(BoundMod *bound, const ModSource *source, Error *error) {
  if (bound->score.count == 0) return true;
  bool done =
      (mod_differentiate(&bound->score, MOD_SCORE, bound->arrays, &bound->derivative, error) &&
       mod_prove(&bound->derivative, bound->arrays, &bound->shape, NULL, error)) ||
      mod_error_within(error, source, false);
  if (done && constant(&bound->derivative, 1)) mod_tree_free(&bound->derivative);
  return done;
}

// What says nothing is none.
static void drop_idle(BoundMod *bound) {
  if (bound->mask.count && constant(&bound->mask, 1)) mod_tree_free(&bound->mask);
  if (!bound->score.count) return;
  const ModNode *root = mod_tree_root(&bound->score);
  if (root->operation == MOD_VARIABLE && root->variable == MOD_SCORE) mod_tree_free(&bound->score);
}

// The list, its names and the mod's own in one block, so that a bound mod outlives the mod.
static void copy_names(const ModSource *source, BoundMod *bound) {
  const char *name = source->name ? source->name : "";
  size_t list = (size_t)source->array_count * sizeof *source->arrays;
  size_t size = list + strlen(name) + 1;
  for (int i = 0; i < source->array_count; i++) size += strlen(source->arrays[i].name) + 1;
  ModArray *arrays = memory_allocate(size);
  char *names = (char *)arrays + list;
  bound->name = names;
  names = stpcpy(names, name) + 1;
  for (int i = 0; i < source->array_count; i++) {
    arrays[i] = (ModArray){names, source->arrays[i].values};
    names = stpcpy(names, source->arrays[i].name) + 1;
  }
  bound->arrays = arrays;
}

bool mod_bind(const Mod *mod, const ModShape *shape, BoundMod **bound, Error *error) {
  const ModSource *source = mod_source(mod);
  BoundMod *made = memory_allocate(sizeof *made);
  *made = (BoundMod){.shape = *shape, .array_count = source->array_count};
  copy_names(source, made);
  bool done = check_shape(shape, error) &&
              bind_tree(mod_parsed_mask(mod), NULL, source, made, &made->mask, error) &&
              bind_tree(mod_parsed_score(mod), &made->mask, source, made, &made->score, error);
  if (done) drop_idle(made);
  done = done && differentiate(made, source, error);
  if (!done) bound_mod_close(made);
  *bound = done ? made : NULL;
  return done;
}

bool mod_bind_open(const Mod *mod, const BoundMod *bound, BoundMod **open, Error *error) {
  const ModShape *shape = &bound->shape;
  ModShape most = *shape;
  *open = NULL;
  if (shape->batch > MOD_OPEN_BATCH || shape->keys > MOD_OPEN_LENGTH ||
      shape->query_offset + shape->queries > MOD_OPEN_LENGTH)
    return error_set(error, ERROR_UNSUPPORTED, NULL,
                     "batches beyond %d or lengths beyond %d are bound by themselves",
                     MOD_OPEN_BATCH, MOD_OPEN_LENGTH);
  if (bound->guarded)
    return error_set(error, ERROR_UNSUPPORTED, NULL,
                     "arrays are read where a condition guards them, which depends on the lengths");
  most.batch = MOD_OPEN_BATCH;
  most.queries = most.keys = MOD_OPEN_LENGTH;
  most.query_offset = 0;
  most.open = true;
  return mod_bind(mod, &most, open, error);
}

void bound_mod_close(BoundMod *bound) {
  if (!bound) return;
  mod_tree_free(&bound->score);
  mod_tree_free(&bound->mask);
  mod_tree_free(&bound->derivative);
  memory_free((void *)bound->arrays);
  memory_free(bound);
}
