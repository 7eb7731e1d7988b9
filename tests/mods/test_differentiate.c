// SPDX-License-Identifier: Apache-2.0
// Derivatives against finite differences of random smooth expressions, and at kinks against what
// PyTorch's gradients are there.
#include "mods/build.h"
#include "mods/differentiate.h"
#include "mods/evaluate.h"
#include "random_mod.h"
#include <math.h>

static double value_at(const RandomMod *mod, const ModTree *tree, const ModPoint *at,
                       double score) {
  ModPoint point = *at;
  point.score = score;
  return mod_evaluate_at(tree, mod->arrays, &point).real;
}

// The fourth-order central difference, and how sure it is: its distance from that of half the step.
static double difference_at(const RandomMod *mod, const ModTree *tree, const ModPoint *at,
                            double step) {
  double x = at->score;
  return (8 * (value_at(mod, tree, at, x + step) - value_at(mod, tree, at, x - step)) -
          (value_at(mod, tree, at, x + 2 * step) - value_at(mod, tree, at, x - 2 * step))) /
         (12 * step);
}

static ModTree derivative_of(const RandomMod *mod, const ModTree *tree, ModVariable by) {
  Error error;
  ModTree derivative;
  assert_true(mod_differentiate(tree, by, mod->arrays, &derivative, &error));
  return derivative;
}

// Every part has a value and, as far as differences can tell, a derivative: powers of what is not
// positive (NaN ** 0 is 1), and the root of 0, have none.
static bool regular(const RandomMod *mod, const ModTree *tree, const ModPoint *at) {
  for (int i = 0; i < tree->count; i++) {
    double value = value_at(mod, &(ModTree){i + 1, tree->nodes}, at, at->score);
    const ModNode *node = &tree->nodes[i];
    if (!isfinite(value) || (node->operation == MOD_SQRT && value == 0)) return false;
    if (node->operation != MOD_POWER || node->type != MOD_FLOAT) continue;
    ModTree base = {node->child[0] + 1, tree->nodes};
    if (!(value_at(mod, &base, at, at->score) > 0)) return false;
  }
  return true;
}

// 1 where it could be compared: finite, and the differences of two steps agree.
static int compare_at(RandomMod *mod, const ModTree *tree, const ModTree *derivative) {
  ModPoint at = {1, (int64_t)random_below(&mod->random, 4), (int64_t)random_below(&mod->random, 90),
                 (int64_t)random_below(&mod->random, 90), random_normal(&mod->random)};
  double step = 1e-4, coarse = difference_at(mod, tree, &at, step);
  double fine = difference_at(mod, tree, &at, step / 2);
  double size = fabs(value_at(mod, tree, &at, at.score)) + fabs(fine);
  if (!regular(mod, tree, &at)) return 0;
  if (!isfinite(coarse) || !isfinite(fine) || fabs(coarse - fine) > 1e-7 * size) return 0;
  double found = value_at(mod, derivative, &at, at.score);
  if (!(fabs(found - fine) <= 1e-5 * size + 1e-12))
    fail_msg("%s at q_idx %d kv_idx %d h %d score %.17g: found %.12g, differences give %.12g",
             random_mod_text(tree), (int)at.query, (int)at.key, (int)at.head, at.score, found,
             fine);
  return 1;
}

static void random_expressions_match_differences(void **state) {
  (void)state;
  RandomMod mod;
  random_mod_open(&mod, random_mod_seed());
  mod.score = mod.smooth = true; // steps, which differences leap over, are below
  int compared = 0;
  for (int i = 0; i < 4000; i++) {

    ModTree tree = random_mod_tree(&mod, MOD_FLOAT, 3 + i % 30);
    if (!mod_tree_uses(&tree, MOD_SCORE)) continue;
    ModTree derivative = derivative_of(&mod, &tree, MOD_SCORE);
    for (int j = 0; j < 4; j++) compared += compare_at(&mod, &tree, &derivative);
    mod_tree_free(&derivative);
  }
  print_message("# %d points compared\n", compared);
  assert_true(compared > 2000);
  random_mod_close(&mod);
}

typedef struct {
  RandomMod mod;
  ModBuilder *builder;
  int score, half; // nodes: the score, 0.5
} Kinks;

static double derivative_at(Kinks *kinks, int root, double score) {
  Error error;
  ModTree tree;
  assert_true(mod_build_finish(kinks->builder, root, &tree, &error));
  ModTree derivative = derivative_of(&kinks->mod, &tree, MOD_SCORE);
  double value = value_at(&kinks->mod, &derivative, &(ModPoint){0}, score);
  mod_tree_free(&derivative);
  mod_tree_free(&tree);
  return value;
}

static int apply(Kinks *kinks, ModOperation operation, int x, int y) {
  return mod_build_binary(kinks->builder, operation, x, y, -1);
}

static void kinks_open(Kinks *kinks) {
  random_mod_open(&kinks->mod, 3);
  kinks->builder = mod_builder_open(kinks->mod.arrays);
  kinks->score = mod_build_variable(kinks->builder, MOD_SCORE, -1);
  kinks->half = mod_build_real(kinks->builder, 0.5, -1);
}

static void kinks_close(Kinks *kinks) {
  mod_builder_close(kinks->builder);
  random_mod_close(&kinks->mod);
}

static void kinks_are_pytorch_s(void **state) {
  (void)state;
  Kinks k;
  kinks_open(&k);
  int absolute = mod_build_unary(k.builder, MOD_ABS, k.score, -1);
  assert_true(derivative_at(&k, absolute, 0) == 0);
  assert_true(derivative_at(&k, absolute, -2) == -1);
  int least = apply(&k, MOD_MINIMUM, k.score, k.half);
  assert_true(derivative_at(&k, least, 0.5) == 0.5);
  assert_true(derivative_at(&k, least, 0.25) == 1);
  assert_true(derivative_at(&k, least, 0.75) == 0);
  int most = apply(&k, MOD_MAXIMUM, k.half, k.score);
  assert_true(derivative_at(&k, most, 0.5) == 0.5);
  assert_true(derivative_at(&k, most, 0.25) == 0);
  int steps = apply(&k, MOD_FLOOR_DIVIDE, k.score, k.half);
  assert_true(derivative_at(&k, steps, 0.3) == 0);
  int rest = apply(&k, MOD_REMAINDER, k.half, k.score); // 0.5 % 0.2: -floor(2.5)
  assert_true(derivative_at(&k, rest, 0.2) == -2);
  int power = apply(&k, MOD_POWER, k.score, k.score); // x ** x at 0: the base's part is 0 … inf
  assert_true(fabs(derivative_at(&k, power, 1) - 1) < 1e-12);
  int cube = apply(&k, MOD_POWER, k.score, mod_build_real(k.builder, 3, -1));
  assert_true(derivative_at(&k, cube, -2) == 12);
  assert_true(derivative_at(&k, cube, 0) == 0);
  int above = apply(&k, MOD_GREATER, k.score, k.half);
  int chosen = mod_build_where(k.builder, above, absolute, k.half, -1);
  assert_true(derivative_at(&k, chosen, 0.5) == 0);
  assert_true(derivative_at(&k, chosen, 0.6) == 1);
  int log = mod_build_unary(k.builder, MOD_LOG, apply(&k, MOD_SUBTRACT, k.score, k.half), -1);
  chosen = mod_build_where(k.builder, above, log, k.score, -1); // the other branch's NaN is not met
  assert_true(derivative_at(&k, chosen, 0.25) == 1);
  kinks_close(&k);
}

// score + float(kv_idx - 3 q_idx) / 2 by each variable.
static void indices_count_as_reals(void **state) {
  (void)state;
  Kinks k;
  kinks_open(&k);
  int q = mod_build_variable(k.builder, MOD_QUERY, -1),
      key = mod_build_variable(k.builder, MOD_KEY, -1);
  int three = mod_build_integer(k.builder, 3, -1);
  int far = apply(&k, MOD_SUBTRACT, key, apply(&k, MOD_MULTIPLY, q, three));
  int bias = apply(&k, MOD_MULTIPLY, mod_build_unary(k.builder, MOD_TO_FLOAT, far, -1), k.half);
  Error error;
  ModTree tree;
  assert_true(mod_build_finish(k.builder, apply(&k, MOD_ADD, k.score, bias), &tree, &error));
  const ModVariable by[] = {MOD_SCORE, MOD_QUERY, MOD_KEY, MOD_HEAD};
  const double expected[] = {1, -1.5, 0.5, 0};
  for (int i = 0; i < 4; i++) {
    ModTree derivative = derivative_of(&k.mod, &tree, by[i]);
    assert_int_equal(derivative.count, 1);
    assert_int_equal(derivative.nodes[0].operation, MOD_CONSTANT);
    assert_true(derivative.nodes[0].real == expected[i]);
    mod_tree_free(&derivative);
  }
  mod_tree_free(&tree);
  kinks_close(&k);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_expressions_match_differences),
      cmocka_unit_test(kinks_are_pytorch_s),
      cmocka_unit_test(indices_count_as_reals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
