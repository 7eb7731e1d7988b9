// SPDX-License-Identifier: Apache-2.0
// The mask of a cache's positions: one mod for passes of any shape, against the plain rule, without
// an allocation. Built twice: with COMPILED, the masks are compiled.
#include "../kernels/guarded.h"
#include "attention/position_mod.h"
#include "attention/stretch_scores.h"
#include "base/memory.h"
#include "kernels/ops.h"
#include "maker.h"

enum { MOST_BATCH = 4, MOST_KEYS = 700, PASSES = 300 };

static int64_t between(Random *random, int64_t low, int64_t high) {
  return low + (int64_t)random_below(random, (uint64_t)(high - low + 1));
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static bool sees(const PositionPass *pass, int64_t batch, int64_t query, int64_t key) {
  int64_t first, last;
  ops_visible(pass->past[batch] + query, pass->window, pass->keys, &first, &last);
  return key >= first && key < last;
}

// Beginnings before position 0 make queries that see nothing.
static PositionPass random_pass(Random *random, int64_t *past) {
  static const int64_t sides[] = {1, 12, 16, 64, 128};
  PositionPass pass = {.batch = between(random, 1, MOST_BATCH),
                       .queries = random_below(random, 3) ? between(random, 1, 300) : 1,
                       .past = past,
                       .window = random_below(random, 2) ? between(random, 1, 300) : 0,
                       .block_rows = sides[random_below(random, COUNT_OF(sides))],
                       .block_columns = sides[random_below(random, COUNT_OF(sides))]};
  pass.keys = between(random, pass.queries, MOST_KEYS);
  for (int64_t b = 0; b < pass.batch; b++) past[b] = between(random, -5, pass.keys - pass.queries);
  return pass;
}

static void check_line(const ScoreStage *stage, const PositionPass *pass, int64_t batch,
                       int64_t query) {
  ScoreRun runs[8];
  int64_t cursor = 0, rows = least(pass->block_rows, pass->queries - query), covered = 0;
  int count = stage->runs_of_queries(stage, batch, 0, query, rows, &cursor, 8, runs);
  assert_true(count <= 4);
  for (int i = 0; i < count; i++) {
    assert_true(runs[i].first >= covered && runs[i].first < runs[i].last);
    assert_true(runs[i].last <= pass->keys);
    covered = runs[i].last;
  }
  for (int64_t q = query; q < query + rows; q++)
    for (int64_t k = 0, i = 0; k < pass->keys; k++) {
      while (i < count && k >= runs[i].last) i++;
      bool in = i < count && k >= runs[i].first, seen = sees(pass, batch, q, k);
      if (seen && !in) fail_msg("query %d misses key %d", (int)q, (int)k);
      if (in && !runs[i].partial && !seen) fail_msg("query %d has key %d", (int)q, (int)k);
    }
}

static void check_mask(const ScoreStage *stage, const PositionPass *pass, Random *random,
                       void *scratch) {
  ScoreTile tile = {.batch = between(random, 0, pass->batch - 1),
                    .query = between(random, 0, pass->queries - 1),
                    .key = between(random, 0, pass->keys - 1)};
  float scores[12 * 64] = {0};
  tile.rows = between(random, 1, least(12, pass->queries - tile.query));
  tile.columns = tile.stride = between(random, 1, least(64, pass->keys - tile.key));
  stretch_scores_mask_tile(stage, &tile, scores, scratch);
  for (int64_t r = 0; r < tile.rows; r++)
    for (int64_t c = 0; c < tile.columns; c++)
      assert_true((scores[r * tile.stride + c] == 0.0f) ==
                  sees(pass, tile.batch, tile.query + r, tile.key + c));
}

static void test_passes(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  Error error = {0};
  for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) {
    PositionMod *mod = position_mod_open(MOST_BATCH, MOST_KEYS, (CpuTier)tier, &error);
    if (!mod) fail_msg("%s: %s", error.where, error.message);
    Maker maker = maker_open((CpuTier)tier);
    if (maker.scores && !position_mod_compile(mod, maker.scores, &error))
      fail_msg("%s: %s", error.where, error.message);
    Guarded scratch = guarded_make((size_t)(position_mod_scratch_bytes(mod) + 63) / 64 * 64);
    int64_t past[MOST_BATCH];
    uint64_t allocations = memory_allocation_count();
    for (int i = 0; i < PASSES; i++) {
      PositionPass pass = random_pass(&random, past);
      Guarded lines = guarded_make((size_t)position_stage_bytes(&pass));
      PositionStage stage;
      assert_true(position_mod_fits(mod, pass.batch, pass.keys, &error));
      position_stage_start(&stage, mod, &pass, lines.data);
      assert_int_equal(stage.stage.code != NULL, maker.scores != NULL);
      for (int64_t b = 0; b < pass.batch; b++)
        for (int64_t q = 0; q < pass.queries; q += pass.block_rows)
          check_line(&stage.stage, &pass, b, q);
      for (int j = 0; j < 10; j++) check_mask(&stage.stage, &pass, &random, scratch.data);
      guarded_free(lines);
    }
    assert_int_equal(memory_allocation_count(), allocations);
    guarded_free(scratch);
    position_mod_close(mod);
    maker_close(&maker);
  }
}

static void test_too_large(void **state) {
  (void)state;
  Error error = {0};
  PositionMod *mod = position_mod_open(2, 100, CPU_TIER_REFERENCE, &error);
  assert_non_null(mod);
  assert_true(position_mod_fits(mod, 2, 100, &error));
  assert_false(position_mod_fits(mod, 3, 100, &error));
  assert_false(position_mod_fits(mod, 2, 101, &error));
  assert_non_null(strstr(error.message, "prepared for 2 over 100"));
  position_mod_close(mod);
  assert_null(position_mod_open(1, INT64_MAX, CPU_TIER_REFERENCE, &error));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_passes),
      cmocka_unit_test(test_too_large),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
