// SPDX-License-Identifier: Apache-2.0
// Random trees as they are, simplified, and read back from their text: all have the same values.
#include "base/memory.h"
#include "mods/build.h"
#include "mods/evaluate.h"
#include "mods/parsed.h"
#include "random_mod.h"
#include <math.h>
#include <string.h>

enum { TREES = 3000, POINTS = 8 };

static ModPoint random_point(RandomMod *mod) {
  static const double special[] = {0, 1, -1, INFINITY, -INFINITY, NAN};
  const ModShape *shape = &mod->shape;
  uint64_t draw = random_below(&mod->random, 12);
  return (ModPoint){.batch = (int64_t)random_below(&mod->random, (uint64_t)shape->batch),
                    .head = (int64_t)random_below(&mod->random, (uint64_t)shape->heads),
                    .query = (int64_t)random_below(&mod->random, (uint64_t)shape->queries) +
                             shape->query_offset,
                    .key = (int64_t)random_below(&mod->random, (uint64_t)shape->keys),
                    .score = draw < 6 ? special[draw] : 3 * random_normal(&mod->random)};
}

// pow is not rounded as the product and exp2 are that take its place.
static bool has_real_power(const ModTree *tree) {
  for (int i = 0; i < tree->count; i++)
    if (tree->nodes[i].operation == MOD_POWER && tree->nodes[i].type == MOD_FLOAT) return true;
  return false;
}

// Simplification does not keep the sign of a zero, which a division makes that of an infinity.
static bool divides_by_zero(const RandomMod *mod, const ModTree *tree, const ModPoint *point) {
  for (int i = 0; i < tree->count; i++) {
    const ModNode *node = &tree->nodes[i];
    bool divides = node->operation == MOD_DIVIDE || node->operation == MOD_FLOOR_DIVIDE;
    if (!divides || node->type != MOD_FLOAT) continue;
    ModTree divisor = {node->child[1] + 1, tree->nodes};
    if (mod_evaluate_at(&divisor, mod->arrays, point).real == 0) return true;
  }
  return false;
}

static void check_same(RandomMod *mod, const ModTree *tree, const ModTree *other) {
  bool real = mod_tree_root(tree)->type == MOD_FLOAT;
  assert_int_equal(mod_tree_root(other)->type, mod_tree_root(tree)->type);
  for (int i = 0; i < POINTS; i++) {
    ModPoint point = random_point(mod);
    ModValue a = mod_evaluate_at(tree, mod->arrays, &point);
    ModValue b = mod_evaluate_at(other, mod->arrays, &point);
    if (real ? a.real == b.real || (isnan(a.real) && isnan(b.real)) : a.integer == b.integer)
      continue;
    if (divides_by_zero(mod, tree, &point)) continue;
    char *text = random_mod_text(tree);
    fail_msg("b %d h %d q_idx %d kv_idx %d score %g: %.17g %lld, then %.17g %lld\n%s",
             (int)point.batch, (int)point.head, (int)point.query, (int)point.key, point.score,
             a.real, (long long)a.integer, b.real, (long long)b.integer, text);
  }
}

static ModTree simplified(const RandomMod *mod, const ModTree *tree) {
  int map[MOD_MOST_NODES];
  Error error;
  ModTree result;
  ModBuilder *builder = mod_builder_open(mod->arrays);
  for (int i = 0; i < tree->count; i++) map[i] = mod_build_copy(builder, &tree->nodes[i], map);
  assert_true(mod_build_finish(builder, map[tree->count - 1], &result, &error));
  mod_builder_close(builder);
  return result;
}

static void check_order(const ModTree *tree) {
  for (int i = 0; i < tree->count; i++)
    for (int c = 0; c < mod_operation_children(tree->nodes[i].operation); c++)
      assert_in_range(tree->nodes[i].child[c], 0, (unsigned)i - 1);
}

static void simplification_changes_no_value(void **state) {
  (void)state;
  RandomMod mod;
  int64_t before = 0, after = 0;
  random_mod_open(&mod, random_mod_seed());
  mod.score = true;
  for (int i = 0; i < TREES; i++) {
    ModTree tree = random_mod_tree(&mod, (ModType)(i % 3), 4 + i % 30);
    if (has_real_power(&tree)) continue;
    ModTree result = simplified(&mod, &tree);
    check_order(&result);
    check_same(&mod, &tree, &result);
    before += tree.count;
    after += result.count;
    mod_tree_free(&result);
  }
  print_message("# %d nodes became %d\n", (int)before, (int)after);
  assert_true(after < before * 3 / 4);
  random_mod_close(&mod);
}

static void simplified_trees_stay_as_they_are(void **state) {
  (void)state;
  RandomMod mod;
  int shrunk = 0;
  random_mod_open(&mod, random_mod_seed());
  mod.score = true;
  for (int i = 0; i < TREES; i++) {
    ModTree tree = random_mod_tree(&mod, (ModType)(i % 3), 4 + i % 30);
    ModTree once = simplified(&mod, &tree), twice = simplified(&mod, &once);
    assert_true(twice.count <= once.count);
    shrunk += twice.count < once.count;
    mod_tree_free(&once);
    mod_tree_free(&twice);
  }
  assert_true(shrunk < TREES / 100);
  random_mod_close(&mod);
}

// A mask of the text where it is a truth value, else a score.
static const ModTree *parsed_tree(Mod *mod) {
  return mod_parsed_mask(mod)->count ? mod_parsed_mask(mod) : mod_parsed_score(mod);
}

static void texts_read_back_are_the_same(void **state) {
  (void)state;
  RandomMod mod;
  int read = 0;
  random_mod_open(&mod, random_mod_seed());
  for (int i = 0; i < TREES; i++) {
    bool mask = i % 2;
    mod.score = !mask;
    ModTree tree = random_mod_tree(&mod, mask ? MOD_BOOL : MOD_FLOAT, 4 + i % 30);
    if (has_real_power(&tree)) continue;
    char *text = random_mod_text(&tree);
    ModSource source = {NULL, mask ? NULL : text, mask ? text : NULL, 0, RANDOM_ARRAYS,
                        NULL, mod.arrays};
    Error error = {0};
    Mod *parsed = mod_parse(&source, &error);
    if (parsed)
      check_same(&mod, &tree, parsed_tree(parsed));
    else if (strncmp(error.message, "integer division by zero", 24) != 0 &&
             strncmp(error.message, "int(", 4) != 0)
      fail_msg("%s\n%s", error.message, text);
    read += parsed != NULL;
    mod_close(parsed);
    memory_free(text);
  }
  assert_true(read > TREES / 2);
  random_mod_close(&mod);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(simplification_changes_no_value),
      cmocka_unit_test(simplified_trees_stay_as_they_are),
      cmocka_unit_test(texts_read_back_are_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
