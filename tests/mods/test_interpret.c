// SPDX-License-Identifier: Apache-2.0
// The interpreter on every tier against a second reading of the language (estimate.h): random
// expressions on tiles of every shape, every kind of float, indices beyond 32 bits, and nothing
// touched but the tile.
#include "base/memory.h"
#include "estimate.h"
#include "mods/interpret.h"
#include "random_mod.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 70, COLUMNS = 330, STRIDE = COLUMNS + 3 };

typedef struct {
  RandomMod mod;
  BoundMod bound;
  ModTile tile;
  float scores[ROWS * STRIDE]; // what is given
  Estimate estimates[ROWS * STRIDE];
  int compared, unsure, used[MOD_OPERATION_COUNT];
} Fixture;

static Fixture *fixture_open(uint64_t seed) {
  Fixture *fixture = memory_allocate(sizeof *fixture);
  random_mod_open(&fixture->mod, seed);
  return fixture;
}

static void fixture_close(Fixture *fixture) {
  random_mod_close(&fixture->mod);
  memory_free(fixture);
}

static int64_t below(Fixture *fixture, int64_t limit) {
  return (int64_t)random_below(&fixture->mod.random, (uint64_t)limit);
}

static float random_score(Fixture *fixture) {
  static const float special[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 1e-40f, 3e38f, -1, 88.8f};
  Random *random = &fixture->mod.random;
  if (below(fixture, 30) == 0) return special[below(fixture, (int64_t)COUNT_OF(special))];
  return (float)(random_normal(random) * exp(2 * random_normal(random)));
}

static void random_tile(Fixture *fixture, int64_t most) {
  const ModShape *shape = &fixture->mod.shape;
  ModTile *tile = &fixture->tile;
  *tile = (ModTile){.stride = STRIDE};
  tile->batch = below(fixture, shape->batch), tile->head = below(fixture, shape->heads);
  tile->query = below(fixture, shape->queries), tile->key = below(fixture, shape->keys);
  int64_t rows = shape->queries - tile->query, columns = shape->keys - tile->key;
  tile->rows = 1 + below(fixture, rows < ROWS ? rows : ROWS);
  tile->columns = 1 + below(fixture, columns < COLUMNS ? columns : COLUMNS);
  if (below(fixture, 3) == 0 && tile->columns > 16) tile->columns -= tile->columns % 16;
  if (tile->rows * tile->columns > most) tile->rows = (most + tile->columns - 1) / tile->columns;
  for (int i = 0; i < ROWS * STRIDE; i++) fixture->scores[i] = random_score(fixture);
}

static void estimate_tile(Fixture *fixture, const ModTree *tree) {
  const ModTile *tile = &fixture->tile;
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t k = 0; k < tile->columns; k++) {
      ModPoint point = {tile->batch, tile->head, tile->query + r + fixture->mod.shape.query_offset,
                        tile->key + k, (double)fixture->scores[r * STRIDE + k]};
      fixture->estimates[r * STRIDE + k] = estimate_at(tree, fixture->mod.arrays, &point);
    }
}

static void complain(const Fixture *fixture, const ModTree *tree, int64_t r, int64_t k, int tier,
                     double found, double expected, double error) {
  const ModTile *tile = &fixture->tile;
  fail_msg("%s, %s: b %d h %d q_idx %lld kv_idx %lld score %.9g: found %.9g, expected %.9g ± %.3g",
           cpu_tier_name((CpuTier)tier), random_mod_text(tree), (int)tile->batch, (int)tile->head,
           (long long)(tile->query + r), (long long)(tile->key + k),
           (double)fixture->scores[r * STRIDE + k], found, expected, error);
}

// Everything that is not of the tile is as it was.
static void check_outside(const Fixture *fixture, const float *values) {
  const ModTile *tile = &fixture->tile;
  for (int64_t i = 0; i < (int64_t)ROWS * STRIDE; i++) {
    bool inside = i / STRIDE < tile->rows && i % STRIDE < tile->columns;
    if (!inside) assert_memory_equal(&values[i], &fixture->scores[i], sizeof(float));
  }
}

static void check_tile(Fixture *fixture, const ModTree *tree, int tier, const float *values,
                       float (*expected)(const Estimate *, float)) {
  const ModTile *tile = &fixture->tile;
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t k = 0; k < tile->columns; k++) {
      Estimate estimate = fixture->estimates[r * STRIDE + k];
      fixture->unsure += estimate.unsure;
      if (estimate.unsure) continue;
      fixture->compared++;
      if (expected) {
        estimate.real = (double)expected(&estimate, fixture->scores[r * STRIDE + k]);
        estimate.error = 0;
      }
      if (!estimate_holds(&estimate, values[r * STRIDE + k]))
        complain(fixture, tree, r, k, tier, (double)values[r * STRIDE + k], estimate.real,
                 estimate.error);
    }
  check_outside(fixture, values);
}

static void *scratch_of(const ModInterpreter *interpreter) {
  size_t bytes = (size_t)(mod_interpreter_scratch_bytes(interpreter) + 63) / 64 * 64;
  void *scratch = aligned_alloc(64, bytes + 64);
  assert_non_null(scratch);
  memset(scratch, 0xA5, bytes);
  return scratch;
}

static ModInterpreter *interpreter_of(Fixture *fixture, int tier) {
  Error error;
  ModInterpreter *interpreter = mod_interpreter_open(&fixture->bound, (CpuTier)tier, &error);
  assert_non_null(interpreter);
  return interpreter;
}

static float hidden(const Estimate *estimate, float score) {
  return estimate->integer ? score : -INFINITY;
}

static float shown(const Estimate *estimate, float score) {
  (void)score;
  return (float)estimate->integer;
}

static void check_score(Fixture *fixture, const ModTree *tree, int tier) {
  static float values[ROWS * STRIDE];
  ModInterpreter *interpreter = interpreter_of(fixture, tier);
  void *scratch = scratch_of(interpreter);
  memcpy(values, fixture->scores, sizeof values);
  mod_interpret_score(interpreter, &fixture->tile, values, scratch);
  check_tile(fixture, tree, tier, values, NULL);
  free(scratch);
  mod_interpreter_close(interpreter);
}

static void check_mask(Fixture *fixture, const ModTree *tree, int tier) {
  static float values[ROWS * STRIDE];
  static uint8_t visible[ROWS * STRIDE];
  ModInterpreter *interpreter = interpreter_of(fixture, tier);
  void *scratch = scratch_of(interpreter);
  memcpy(values, fixture->scores, sizeof values);
  mod_interpret_mask(interpreter, &fixture->tile, values, scratch);
  check_tile(fixture, tree, tier, values, hidden);
  memset(visible, 0x5A, sizeof visible);
  mod_interpret_visible(interpreter, &fixture->tile, visible, scratch);
  memcpy(values, fixture->scores, sizeof values);
  for (int64_t i = 0; i < (int64_t)ROWS * STRIDE; i++) {
    bool inside = i / STRIDE < fixture->tile.rows && i % STRIDE < fixture->tile.columns;
    if (inside) values[i] = visible[i];
    if (!inside) assert_int_equal(visible[i], 0x5A);
  }
  check_tile(fixture, tree, tier, values, shown);
  free(scratch);
  mod_interpreter_close(interpreter);
}

static void count_operations(Fixture *fixture, const ModTree *tree) {
  for (int i = 0; i < tree->count; i++) fixture->used[tree->nodes[i].operation]++;
}

static void report(const Fixture *fixture) {
  print_message("# %d elements compared, %d too near a step\n", fixture->compared, fixture->unsure);
  assert_true(fixture->compared > 2 * fixture->unsure);
  for (int i = 0; i < MOD_OPERATION_COUNT; i++) {
    bool elsewhere = i == MOD_CONSTANT || i == MOD_VARIABLE;
    if (!elsewhere && fixture->used[i] == 0) fail_msg("%s was not met", mod_operation_name(i));
  }
}

static void bind(Fixture *fixture, ModTree score, ModTree mask) {
  fixture->bound = (BoundMod){.shape = fixture->mod.shape,
                              .score = score,
                              .mask = mask,
                              .array_count = RANDOM_ARRAYS,
                              .arrays = fixture->mod.arrays};
}

static void random_scores_agree(void **state) {
  (void)state;
  Fixture *fixture = fixture_open(random_mod_seed());
  fixture->mod.score = true;
  for (int i = 0; i < 800; i++) {
    fixture->mod.shape.query_offset = i % 5 == 0 ? 3 : 0;
    ModTree tree = random_mod_tree(&fixture->mod, MOD_FLOAT, 3 + i % 40);
    bind(fixture, tree, (ModTree){0});
    count_operations(fixture, &tree);
    random_tile(fixture, i % 10 ? 400 : 4000);
    estimate_tile(fixture, &tree);
    for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) check_score(fixture, &tree, tier);
  }
  report(fixture);
  fixture_close(fixture);
}

static void random_masks_agree(void **state) {
  (void)state;
  Fixture *fixture = fixture_open(random_mod_seed());
  for (int i = 0; i < 800; i++) {
    fixture->mod.shape.query_offset = i % 5 == 0 ? 3 : 0;
    ModTree tree = random_mod_tree(&fixture->mod, MOD_BOOL, 3 + i % 40);
    bind(fixture, (ModTree){0}, tree);
    count_operations(fixture, &tree);
    random_tile(fixture, i % 10 ? 400 : 4000);
    estimate_tile(fixture, &tree);
    for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) check_mask(fixture, &tree, tier);
  }
  report(fixture);
  fixture_close(fixture);
}

// Gradients are multiplied by the expression at the scores, which stay as they are.
static void random_derivatives_scale(void **state) {
  (void)state;
  Fixture *fixture = fixture_open(random_mod_seed());
  fixture->mod.score = true;
  static float gradients[ROWS * STRIDE], scores[ROWS * STRIDE];
  for (int i = 0; i < 200; i++) {
    ModTree tree = random_mod_tree(&fixture->mod, MOD_FLOAT, 3 + i % 30);
    bind(fixture, (ModTree){0}, (ModTree){0});
    fixture->bound.derivative = tree;
    random_tile(fixture, 400);
    estimate_tile(fixture, &tree);
    for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) {
      ModInterpreter *interpreter = interpreter_of(fixture, tier);
      void *scratch = scratch_of(interpreter);
      memcpy(scores, fixture->scores, sizeof scores);
      memcpy(gradients, fixture->scores, sizeof gradients);
      for (int64_t r = 0; r < fixture->tile.rows; r++)
        for (int64_t k = 0; k < fixture->tile.columns; k++) gradients[r * STRIDE + k] = 1;
      mod_interpret_derivative(interpreter, &fixture->tile, scores, gradients, scratch);
      check_tile(fixture, &tree, tier, gradients, NULL);
      assert_memory_equal(scores, fixture->scores, sizeof scores);
      free(scratch);
      mod_interpreter_close(interpreter);
    }
  }
  fixture_close(fixture);
}

// Without arrays, indices may pass 32 bits: whatever needs long lanes gets them.
static void far_indices_agree(void **state) {
  (void)state;
  Fixture *fixture = fixture_open(random_mod_seed());
  ModShape *shape = &fixture->mod.shape;
  *shape = (ModShape){2, 4, 2, (int64_t)1 << 34, (int64_t)1 << 33, 64, (int64_t)1 << 35, false};
  fixture->mod.plain = true;
  for (int i = 0; i < 300; i++) {
    ModTree tree = random_mod_tree(&fixture->mod, MOD_BOOL, 3 + i % 30);
    bind(fixture, (ModTree){0}, tree);
    random_tile(fixture, 300);
    estimate_tile(fixture, &tree);
    for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) check_mask(fixture, &tree, tier);
  }
  fixture_close(fixture);
}

static BoundMod *bind_text(Fixture *fixture, const char *score, const char *mask) {
  ModSource source = {
      .score = score, .mask = mask, .array_count = RANDOM_ARRAYS, .arrays = fixture->mod.arrays};
  Error error;
  BoundMod *bound = NULL;
  Mod *mod = mod_parse(&source, &error);
  if (!mod || !mod_bind(mod, &fixture->mod.shape, &bound, &error))
    fail_msg("%s: %s", score ? score : mask, error.message);
  mod_close(mod);
  fixture->bound = *bound;
  return bound;
}

// What users write, with the bounds of kv_idx that are hidden in one pass in all their forms.
static void written_masks_agree(void **state) {
  (void)state;
  static const char *const masks[] = {
      "q_idx >= kv_idx",
      "q_idx > kv_idx",
      "kv_idx < 40",
      "40 <= kv_idx",
      "q_idx >= kv_idx and q_idx - kv_idx <= 16",
      "q_idx > kv_idx and q_idx - kv_idx < 16",
      "kv_idx < q_idx + 30 and kv_idx > q_idx - 3 and kv_idx >= 5 and kv_idx != 17",
      "kv_idx >= q_idx + 5 and kv_idx < q_idx - 5",
      "kv_idx < 20 or q_idx >= kv_idx",
      "abs(q_idx - kv_idx) <= 7 or h == 2",
      "q_idx // 8 == kv_idx // 8 and b == 1",
      "(q_idx - kv_idx) % 3 == 0 and q_idx >= kv_idx",
      "(q_idx - kv_idx) % -7 > -3 and (2 * q_idx + kv_idx) // 5 % 2 == 0",
      "documents[q_idx] == documents[kv_idx] and q_idx >= kv_idx",
      "seen[q_idx, kv_idx] and seen[kv_idx, q_idx]",
      "table[h, kv_idx + 0] > table[q_idx % 4, kv_idx] - 2",
      "table[h, max(q_idx - kv_idx, 0)] > 0",
      "slopes[kv_idx] * 2 > bias[q_idx, kv_idx + 1] and h < 3",
      "far[q_idx] > far[kv_idx] or far[kv_idx] // 2 == 3",
      "b + h > 2",
  };
  Fixture *fixture = fixture_open(random_mod_seed());
  for (size_t i = 0; i < COUNT_OF(masks); i++)
    for (int round = 0; round < 12; round++) {
      fixture->mod.shape.query_offset = round % 3 == 0 ? 2 : 0;
      BoundMod *bound = bind_text(fixture, NULL, masks[i]);
      random_tile(fixture, 2000);
      estimate_tile(fixture, &bound->mask);
      for (int tier = 0; tier <= (int)cpu_best_tier(); tier++)
        check_mask(fixture, &bound->mask, tier);
      bound_mod_close(bound);
    }
  assert_int_equal(fixture->unsure, 0);
  fixture_close(fixture);
}

static void written_scores_agree(void **state) {
  (void)state;
  static const char *const scores[] = {
      "score + (q_idx - kv_idx)",
      "score + (kv_idx - q_idx) * exp2(-8 * (h + 1) / Hq)",
      "50 * tanh(score / 50)",
      "score * 2.5 + bias[q_idx, kv_idx]",
      "bias[q_idx, kv_idx] * slopes[h] + slopes[kv_idx] * slopes[q_idx]",
      "score + table[h, max(q_idx - kv_idx, 0)]",
      "where(q_idx >= kv_idx, score, score - 100)",
      "(score + 1) * (score - 1) + score * slopes[q_idx]",
      "2 * h + b",
      "q_idx * 1.0",
  };
  Fixture *fixture = fixture_open(random_mod_seed());
  for (size_t i = 0; i < COUNT_OF(scores); i++)
    for (int round = 0; round < 12; round++) {
      BoundMod *bound = bind_text(fixture, scores[i], NULL);
      random_tile(fixture, 2000);
      estimate_tile(fixture, &bound->score);
      for (int tier = 0; tier <= (int)cpu_best_tier(); tier++)
        check_score(fixture, &bound->score, tier);
      bound_mod_close(bound);
    }
  fixture_close(fixture);
}

static void running_allocates_nothing(void **state) {
  (void)state;
  Fixture *fixture = fixture_open(7);
  fixture->mod.score = true;
  ModTree tree = random_mod_tree(&fixture->mod, MOD_FLOAT, 60);
  bind(fixture, tree, (ModTree){0});
  random_tile(fixture, 4000);
  ModInterpreter *interpreter = interpreter_of(fixture, CPU_TIER_REFERENCE);
  void *scratch = scratch_of(interpreter);
  uint64_t before = memory_allocation_count();
  mod_interpret_score(interpreter, &fixture->tile, fixture->scores, scratch);
  assert_int_equal(memory_allocation_count() - before, 0);
  free(scratch);
  mod_interpreter_close(interpreter);
  fixture_close(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_scores_agree),       cmocka_unit_test(random_masks_agree),
      cmocka_unit_test(random_derivatives_scale),  cmocka_unit_test(far_indices_agree),
      cmocka_unit_test(written_masks_agree),       cmocka_unit_test(written_scores_agree),
      cmocka_unit_test(running_allocates_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
