// SPDX-License-Identifier: Apache-2.0
// Intervals against every element of their boxes: hand-made masks decide exactly, random ones are
// never wrong, and no node's value leaves its range.
#include "mods/evaluate.h"
#include "mods/interval.h"
#include "random_mod.h"
#include <math.h>
#include <stdlib.h>

static const ModShape shape = {2, 4, 4, 96, 97, 64, 0, false};

static int node(RandomMod *mod, ModNode node) {
  mod->nodes[mod->count] = node;
  return mod->count++;
}

static int index_of(RandomMod *mod, ModVariable variable) {
  return node(mod, (ModNode){.operation = MOD_VARIABLE, .type = MOD_INTEGER, .variable = variable});
}

static int integer(RandomMod *mod, int64_t value) {
  return node(mod, (ModNode){.operation = MOD_CONSTANT, .type = MOD_INTEGER, .integer = value});
}

static int two(RandomMod *mod, ModOperation operation, ModType type, int a, int b) {
  return node(mod, (ModNode){.operation = operation, .type = type, .child = {a, b}});
}

static ModBox random_box(RandomMod *mod) {
  int64_t q = (int64_t)random_below(&mod->random, (uint64_t)mod->shape.queries);
  int64_t k = (int64_t)random_below(&mod->random, (uint64_t)mod->shape.keys);
  int64_t offset = mod->shape.query_offset;
  ModBox box = {.first_query = q + offset, .first_key = k};
  box.batch = (int64_t)random_below(&mod->random, (uint64_t)mod->shape.batch);
  box.head = (int64_t)random_below(&mod->random, (uint64_t)mod->shape.heads);
  box.last_query =
      q + offset + 1 + (int64_t)random_below(&mod->random, (uint64_t)(mod->shape.queries - q));
  box.last_key = k + 1 + (int64_t)random_below(&mod->random, (uint64_t)(mod->shape.keys - k));
  return box;
}

static ModTruth truth_by_elements(const BoundMod *bound, const ModBox *box) {
  bool seen = false, hidden = false;
  for (int64_t q = box->first_query; q < box->last_query; q++)
    for (int64_t k = box->first_key; k < box->last_key; k++) {
      ModPoint point = {box->batch, box->head, q, k, 0};
      bool visible = mod_evaluate_at(&bound->mask, bound->arrays, &point).integer != 0;
      seen |= visible, hidden |= !visible;
    }
  return seen && hidden ? MOD_SOMETIMES : seen ? MOD_ALWAYS : MOD_NEVER;
}

static BoundMod bound_mask(RandomMod *mod, ModTree mask) {
  return (BoundMod){
      .shape = mod->shape, .mask = mask, .array_count = RANDOM_ARRAYS, .arrays = mod->arrays};
}

// Random boxes; exact: what the elements say is what the interval says.
static int check_boxes(RandomMod *mod, ModTree mask, int boxes, bool exact) {
  Error error;
  BoundMod bound = bound_mask(mod, mask);
  ModIntervals *intervals = mod_intervals_open(&bound, &error);
  assert_non_null(intervals);
  int decided = 0;
  for (int i = 0; i < boxes; i++) {
    ModBox box = random_box(mod);
    ModTruth expected = truth_by_elements(&bound, &box),
             found = mod_intervals_mask(intervals, &box);
    decided += found != MOD_SOMETIMES;
    if (found == expected || (!exact && found == MOD_SOMETIMES)) continue;
    fail_msg("%s: found %d, expected %d, over b %d h %d q_idx %d … %d kv_idx %d … %d",
             random_mod_text(&mask), found, expected, (int)box.batch, (int)box.head,
             (int)box.first_query, (int)box.last_query, (int)box.first_key, (int)box.last_key);
  }
  mod_intervals_close(intervals);
  return decided;
}

static void affine_comparisons_decide_exactly(void **state) {
  (void)state;
  RandomMod mod;
  random_mod_open(&mod, random_mod_seed());
  mod.shape = shape;
  for (int operation = MOD_LESS; operation <= MOD_GREATER_EQUAL; operation++)
    for (int round = 0; round < 20; round++) {
      mod.count = 0;
      int q = index_of(&mod, MOD_QUERY), k = index_of(&mod, MOD_KEY);
      int64_t factor = (int64_t)random_below(&mod.random, 7) - 3;
      int scaled = two(&mod, MOD_MULTIPLY, MOD_INTEGER, integer(&mod, factor), k);
      int head = two(&mod, MOD_MULTIPLY, MOD_INTEGER, index_of(&mod, MOD_HEAD), integer(&mod, 5));
      int left = two(&mod, MOD_SUBTRACT, MOD_INTEGER, q, scaled);
      int right = two(&mod, MOD_ADD, MOD_INTEGER, head, integer(&mod, round * 5 - 40));
      two(&mod, (ModOperation)operation, MOD_BOOL, left, right);
      check_boxes(&mod, (ModTree){mod.count, mod.nodes}, 20, true);
    }
  random_mod_close(&mod);
}

static ModTree window(RandomMod *mod, int64_t width, ModOperation both) {
  mod->count = 0;
  int q = index_of(mod, MOD_QUERY), k = index_of(mod, MOD_KEY);
  int causal = two(mod, MOD_GREATER_EQUAL, MOD_BOOL, q, k);
  int back = two(mod, MOD_SUBTRACT, MOD_INTEGER, q, k);
  int near = two(mod, MOD_LESS_EQUAL, MOD_BOOL, back, integer(mod, width));
  two(mod, both, MOD_BOOL, causal, near);
  return (ModTree){mod->count, mod->nodes};
}

static ModTruth truth_of(RandomMod *mod, ModTree mask, ModBox box) {
  Error error;
  BoundMod bound = bound_mask(mod, mask);
  ModIntervals *intervals = mod_intervals_open(&bound, &error);
  assert_non_null(intervals);
  ModTruth truth = mod_intervals_mask(intervals, &box);
  mod_intervals_close(intervals);
  return truth;
}

static void windows_and_documents(void **state) {
  (void)state;
  RandomMod mod;
  random_mod_open(&mod, 7);
  ModTree mask = window(&mod, 16, MOD_AND);
  assert_int_equal(truth_of(&mod, mask, (ModBox){0, 0, 64, 72, 56, 64}), MOD_ALWAYS);
  assert_int_equal(truth_of(&mod, mask, (ModBox){0, 0, 64, 72, 0, 40}), MOD_NEVER);
  assert_int_equal(truth_of(&mod, mask, (ModBox){0, 0, 64, 72, 72, 80}), MOD_NEVER);
  assert_int_equal(truth_of(&mod, mask, (ModBox){0, 0, 64, 72, 40, 56}), MOD_SOMETIMES);
  mod.count = 0;
  int q = index_of(&mod, MOD_QUERY), k = index_of(&mod, MOD_KEY);
  int of_q = node(&mod, (ModNode){.operation = MOD_ELEMENT, .type = MOD_INTEGER, .child = {q, q}});
  int of_k = node(&mod, (ModNode){.operation = MOD_ELEMENT, .type = MOD_INTEGER, .child = {k, k}});
  two(&mod, MOD_EQUAL, MOD_BOOL, of_q, of_k);
  mask = (ModTree){mod.count, mod.nodes};
  assert_int_equal(truth_of(&mod, mask, (ModBox){0, 0, 20, 40, 25, 37}), MOD_ALWAYS);
  assert_int_equal(truth_of(&mod, mask, (ModBox){0, 0, 20, 40, 40, 80}), MOD_NEVER);
  assert_int_equal(truth_of(&mod, mask, (ModBox){0, 0, 20, 41, 25, 37}), MOD_SOMETIMES);
  check_boxes(&mod, mask, 300, true);
  random_mod_close(&mod);
}

// Integers near the ends of int64 must not wrap into a wrong answer.
static void large_factors_are_not_trusted(void **state) {
  (void)state;
  RandomMod mod;
  random_mod_open(&mod, 7);
  ModRange ranges[8];
  for (int i = 0; i < 2; i++) {
    mod.count = 0;
    int q = index_of(&mod, MOD_QUERY);
    int large = integer(&mod, i ? INT64_MAX / 91 : INT64_MAX / 91 + 1); // times at most 91
    two(&mod, MOD_MULTIPLY, MOD_INTEGER, q, large);
    mod_ranges(&(ModTree){mod.count, mod.nodes}, mod.arrays, &mod.shape, ranges);
    assert_int_equal(ranges[2].overflow, i == 0);
    assert_int_equal(ranges[2].least, 0);
  }
  assert_int_equal(ranges[2].most, INT64_MAX / 91 * 91);
  two(&mod, MOD_LESS, MOD_BOOL, 2, integer(&mod, INT64_MIN));
  check_boxes(&mod, (ModTree){mod.count, mod.nodes}, 20, true);
  random_mod_close(&mod);
}

static void random_masks_are_never_wrong(void **state) {
  (void)state;
  RandomMod mod;
  random_mod_open(&mod, random_mod_seed());
  int decided = 0;
  for (int i = 0; i < 3000; i++) {
    mod.shape.query_offset = i % 2 ? 5 : 0;
    ModTree mask = random_mod_tree(&mod, MOD_BOOL, 4 + i % 40);
    decided += check_boxes(&mod, mask, 3, false);
  }
  print_message("# %d of 9000 boxes decided\n", decided);
  assert_true(decided > 900);
  random_mod_close(&mod);
}

static bool within(const ModNode *node, const ModRange *range, ModValue value) {
  if (node->type != MOD_FLOAT) return value.integer >= range->least && value.integer <= range->most;
  return isnan(value.real) ? range->nan : value.real >= range->low && value.real <= range->high;
}

// A prefix of a tree is a tree whose value is that node's.
static void values_stay_in_their_ranges(void **state) {
  (void)state;
  RandomMod mod;
  random_mod_open(&mod, random_mod_seed());
  mod.score = true;
  static ModRange ranges[MOD_MOST_NODES];
  for (int i = 0; i < 3000; i++) {
    ModTree tree = random_mod_tree(&mod, (ModType)(i % 3), 4 + i % 40);
    mod_ranges(&tree, mod.arrays, &mod.shape, ranges);
    for (int j = 0; j < 20; j++) {
      ModBox box = random_box(&mod);
      double score = j ? random_normal(&mod.random) * exp(10 * random_normal(&mod.random)) : NAN;
      ModPoint point = {box.batch, box.head, box.first_query, box.first_key, score};
      ModTree part = {1 + (int)random_below(&mod.random, (uint64_t)tree.count), tree.nodes};
      ModValue value = mod_evaluate_at(&part, mod.arrays, &point);
      if (!within(mod_tree_root(&part), &ranges[part.count - 1], value))
        fail_msg("%s: %lld or %g is outside [%lld, %lld] or [%g, %g]", random_mod_text(&part),
                 (long long)value.integer, value.real, (long long)ranges[part.count - 1].least,
                 (long long)ranges[part.count - 1].most, ranges[part.count - 1].low,
                 ranges[part.count - 1].high);
    }
  }
  random_mod_close(&mod);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(affine_comparisons_decide_exactly),
      cmocka_unit_test(windows_and_documents),
      cmocka_unit_test(large_factors_are_not_trusted),
      cmocka_unit_test(random_masks_are_never_wrong),
      cmocka_unit_test(values_stay_in_their_ranges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
