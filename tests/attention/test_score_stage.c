// SPDX-License-Identifier: Apache-2.0
// The stages, native and interpreted, against a look at every element: the runs of both directions,
// masking, score_mod and its derivative on tiles of any place and shape.
#include "attention/interpreted_stage.h"
#include "attention/native_mod.h"
#include "mods/evaluate.h"
#include "random_mask.h"

enum { CASES = 150, MOST_THREADS = 2 };
static Team *teams[MOST_THREADS + 1];

typedef enum { LEFT_OUT, PARTIAL, FULL } Cover;

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t between(Random *random, int64_t low, int64_t high) {
  return low + (int64_t)random_below(random, (uint64_t)(high - low + 1));
}

typedef struct {
  const ScoreStage *stage;
  const RandomMask *mod;
  int64_t batch, head;
  bool by_key;
  int most; // runs at a time
} Walk;

static int next_runs(const Walk *walk, int64_t at, int64_t count, int64_t *cursor, ScoreRun *runs) {
  const ScoreStage *stage = walk->stage;
  if (walk->by_key)
    return stage->runs_of_keys(stage, walk->batch, walk->head, at, count, cursor, walk->most, runs);
  return stage->runs_of_queries(stage, walk->batch, walk->head, at, count, cursor, walk->most,
                                runs);
}

// What the runs of the line at `at` say of each place of the other side.
static void cover_line(const Walk *walk, int64_t at, int64_t count, Cover *cover) {
  const ScoreStage *stage = walk->stage;
  int64_t other = walk->by_key ? stage->queries : stage->keys, cursor = 0, before = 0;
  int64_t block = walk->by_key ? stage->block_rows : stage->block_columns;
  ScoreRun runs[8];
  int found;
  for (int64_t i = 0; i < other; i++) cover[i] = LEFT_OUT;
  while ((found = next_runs(walk, at, count, &cursor, runs)) > 0) {
    assert_true(found <= walk->most);
    for (int i = 0; i < found; i++) {
      assert_true(runs[i].first >= before && runs[i].first < runs[i].last);
      assert_true(runs[i].last <= other && runs[i].first % block == 0);
      assert_true(runs[i].last % block == 0 || runs[i].last == other);
      for (int64_t j = runs[i].first; j < runs[i].last; j++)
        cover[j] = runs[i].partial ? PARTIAL : FULL;
      before = runs[i].last;
    }
  }
}

static void check_line(const Walk *walk, int64_t at, int64_t count) {
  const ScoreStage *stage = walk->stage;
  int64_t other = walk->by_key ? stage->queries : stage->keys;
  Cover *cover = malloc((size_t)other * sizeof *cover);
  const uint8_t *head = random_mask_head(walk->mod, walk->batch, walk->head);
  cover_line(walk, at, count, cover);
  for (int64_t i = at; i < at + count; i++)
    for (int64_t j = 0; j < other; j++) {
      bool seen = walk->by_key ? head[j * stage->keys + i] : head[i * stage->keys + j];
      if ((cover[j] == LEFT_OUT && seen) || (cover[j] == FULL && !seen))
        fail_msg("\"%s\" %s %d, %d: visible is %d, its run says %d", walk->mod->text,
                 walk->by_key ? "key" : "query", (int)i, (int)j, seen, cover[j]);
    }
  free(cover);
}

static void check_runs(const ScoreStage *stage, const RandomMask *mod, Random *random) {
  for (int64_t b = 0; b < mod->shape.batch; b++)
    for (int64_t h = 0; h < mod->shape.heads; h++) {
      Walk walk = {stage, mod, b, h, false, (int)between(random, 1, 8)};
      for (int64_t q = 0; q < stage->queries; q += stage->block_rows) {
        int64_t rows = least(stage->block_rows, stage->queries - q),
                skip = between(random, 0, rows - 1);
        check_line(&walk, q, rows);
        check_line(&walk, q + skip, between(random, 1, rows - skip));
      }
      walk.by_key = true;
      for (int64_t k = 0; k < stage->keys; k += stage->block_columns)
        check_line(&walk, k, least(stage->block_columns, stage->keys - k));
      int64_t key = between(random, 0, stage->keys - 1);
      check_line(&walk, key, between(random, 1, stage->keys - key)); // of any number of blocks
    }
}

typedef struct {
  ScoreTile tile;
  Guarded scores, gradients, scratch;
} Patch;

static Patch random_tile(const ScoreStage *stage, const RandomMask *mod, Random *random) {
  Patch t = {.tile = {.batch = between(random, 0, mod->shape.batch - 1),
                      .head = between(random, 0, mod->shape.heads - 1),
                      .query = between(random, 0, stage->queries - 1),
                      .key = between(random, 0, stage->keys - 1)}};
  t.tile.rows = between(random, 1, least(20, stage->queries - t.tile.query));
  t.tile.columns = between(random, 1, least(70, stage->keys - t.tile.key));
  t.tile.stride = t.tile.columns + between(random, 0, 3);
  int64_t count = (t.tile.rows - 1) * t.tile.stride + t.tile.columns;
  t.scores = guarded_normal(random, count);
  t.gradients = guarded_normal(random, count);
  int64_t bytes = (stage->scratch_bytes + 63) / 64 * 64;
  t.scratch = guarded_make((size_t)bytes);
  for (int64_t i = 0; i < count; i++) ((float *)t.scores.data)[i] *= 20.0f;
  return t;
}

static void free_tile(Patch *t) {
  guarded_free(t->scores);
  guarded_free(t->gradients);
  guarded_free(t->scratch);
}

static ModPoint point_of(const ScoreTile *tile, int64_t r, int64_t c, double score) {
  return (ModPoint){tile->batch, tile->head, tile->query + r, tile->key + c, score};
}

static void near(const RandomMask *mod, const char *what, double got, double wanted, double size) {
  if (!(fabs(got - wanted) <= 2e-6 * (fabs(wanted) + size)))
    fail_msg("score \"%s\": %s is %.9g, not %.9g", mod->score, what, got, wanted);
}

// The stage's mask hides exactly what the expression hides and leaves the rest as it was.
static void check_mask(const ScoreStage *stage, const RandomMask *mod, Patch *t) {
  const ScoreTile *tile = &t->tile;
  float *scores = t->scores.data, *before = t->gradients.data;
  memcpy(before, scores, t->scores.size);
  stage->mask(stage, tile, scores, t->scratch.data);
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t c = 0; c < tile->columns; c++) {
      ModPoint point = point_of(tile, r, c, 0.0);
      bool seen = mod_visible_at(mod->bound, &point);
      float wanted = seen ? before[r * tile->stride + c] : -INFINITY;
      if (scores[r * tile->stride + c] != wanted)
        fail_msg("\"%s\" query %d key %d: visible is %d", mod->text, (int)(tile->query + r),
                 (int)(tile->key + c), seen);
    }
}

// Sizes: the terms that cancel may be as large as the indices.
static void check_score(const ScoreStage *stage, const RandomMask *mod, Patch *t) {
  const ScoreTile *tile = &t->tile;
  float *scores = t->scores.data, *gradients = t->gradients.data;
  float *before = malloc(t->scores.size), *incoming = malloc(t->scores.size);
  memcpy(before, scores, t->scores.size);
  memcpy(incoming, gradients, t->scores.size);
  if (stage->derive) stage->derive(stage, tile, before, gradients, t->scratch.data);
  if (stage->modify) stage->modify(stage, tile, scores, t->scratch.data);
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t c = 0; c < tile->columns; c++) {
      int64_t at = r * tile->stride + c;
      ModPoint point = point_of(tile, r, c, before[at]);
      double size = fabs((double)before[at]) + (double)(tile->query + tile->key);
      near(mod, "the score", scores[at], mod_score_at(mod->bound, &point), size);
      double slope = mod_derivative_at(mod->bound, &point);
      near(mod, "the gradient", gradients[at], incoming[at] * slope, fabsf(incoming[at]));
    }
  free(before), free(incoming);
}

static void check_stage(const ScoreStage *stage, const RandomMask *mod, Random *random) {
  assert_int_equal(stage->queries, mod->shape.queries);
  assert_int_equal(stage->keys, mod->shape.keys);
  check_runs(stage, mod, random);
  for (int i = 0; i < 8; i++) {
    Patch t = random_tile(stage, mod, random);
    check_score(stage, mod, &t);
    check_mask(stage, mod, &t);
    free_tile(&t);
  }
}

static void check_interpreted(const RandomMask *mod, int64_t rows, int64_t columns, CpuTier tier,
                              Random *random) {
  Error error = {0};
  AttentionProblem problem = random_mask_problem(mod);
  InterpretedStage *stage =
      interpreted_stage_open(&problem, rows, columns, tier, teams[MOST_THREADS], &error);
  if (!stage) fail_msg("\"%s\": %s", mod->text, error.message);
  check_stage(&stage->stage, mod, random);
  interpreted_stage_close(stage);
}

// Returns whether the mask was one that the native stage takes.
static bool check_native(const RandomMask *mod, int64_t rows, int64_t columns, CpuTier tier,
                         Random *random) {
  Error error = {0};
  AttentionProblem problem = random_mask_problem(mod);
  assert_true(native_mod_supports(&problem, &error));
  NativeMod *native =
      native_mod_open(&problem, rows, columns, kernels_for(tier), teams[MOST_THREADS], &error);
  if (!native) {
    assert_int_equal(error.code, ERROR_UNSUPPORTED);
    return false;
  }
  check_stage(&native->native.stage, mod, random);
  native_mod_close(native);
  return true;
}

static const int64_t sides[] = {4, 6, 12, 16, 64, 128};

static void test_native(void **state) {
  (void)state;
  static const char *const scores[] = {
      NULL,
      "score + (q_idx - kv_idx)",
      "score + 2 * h",
      "score + (kv_idx - q_idx) * exp2(-8 * (h + 1) / Hq)",
      "score - 0.25 * kv_idx + b",
      "50 * tanh(score / 50)",
      "tanh(score / 20) * 20",
  };
  Random random = random_seeded(fresh_seed());
  int taken = 0;
  for (int i = 0; i < CASES; i++) {
    ModShape shape = random_mask_shape(&random, 200);
    RandomMask mod = random_mask_make(&random, &shape, i % 2, scores[i % COUNT_OF(scores)]);
    CpuTier tier = (CpuTier)random_below(&random, (uint64_t)cpu_best_tier() + 1);
    int64_t rows = sides[random_below(&random, COUNT_OF(sides))];
    taken += check_native(&mod, rows, sides[random_below(&random, COUNT_OF(sides))], tier, &random);
    random_mask_free(&mod);
  }
  assert_true(taken > CASES / 8);
}

static void test_interpreted(void **state) {
  (void)state;
  static const char *const scores[] = {
      NULL,
      "score + (kv_idx - q_idx) * exp2(-8 * (h + 1) / Hq)",
      "50 * tanh(score / 50)",
      "where(q_idx % 3 == kv_idx % 3, score * 0.5, score * score * 0.1)",
      "score * (1 + any[q_idx]) - abs(score) * 0.25",
      "max(score, 0.1 * score)",
      "7.0",
  };
  Random random = random_seeded(fresh_seed());
  for (int i = 0; i < CASES; i++) {
    ModShape shape = random_mask_shape(&random, 200);
    RandomMask mod = random_mask_make(&random, &shape, i % 4, scores[i % COUNT_OF(scores)]);
    CpuTier tier = (CpuTier)random_below(&random, (uint64_t)cpu_best_tier() + 1);
    int64_t rows = sides[random_below(&random, COUNT_OF(sides))];
    check_interpreted(&mod, rows, sides[random_below(&random, COUNT_OF(sides))], tier, &random);
    random_mask_free(&mod);
  }
}

static void test_refuses_other_scores(void **state) {
  (void)state;
  Random random = random_seeded(fresh_seed());
  ModShape shape = {1, 1, 1, 8, 8, 8, 0, false};
  RandomMask mod = random_mask_of(&random, &shape, "", "score * score");
  AttentionProblem problem = random_mask_problem(&mod);
  Error error = {0};
  assert_false(native_mod_supports(&problem, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
  assert_non_null(strstr(error.message, "needs flex"));
  random_mask_free(&mod);
}

// No mod at all: one full run, whatever the block.
static void test_no_mod(void **state) {
  (void)state;
  Error error = {0};
  AttentionProblem problem = {.batch = 2,
                              .heads = 2,
                              .kv_heads = 1,
                              .queries = 70,
                              .keys = 90,
                              .head_dim = 8,
                              .scale = 1.0,
                              .dtype = DTYPE_F32};
  NativeMod *native = native_mod_open(&problem, 32, 16, &kernels_reference, teams[1], &error);
  InterpretedStage *interpreted =
      interpreted_stage_open(&problem, 32, 16, CPU_TIER_REFERENCE, teams[1], &error);
  assert_true(native && interpreted);
  const ScoreStage *stages[2] = {&native->native.stage, &interpreted->stage};
  for (int i = 0; i < 2; i++) {
    ScoreRun runs[2];
    int64_t cursor = 0;
    assert_int_equal(stages[i]->runs_of_queries(stages[i], 1, 1, 64, 6, &cursor, 2, runs), 1);
    assert_true(runs[0].first == 0 && runs[0].last == 90 && !runs[0].partial);
    assert_null(stages[i]->modify);
    assert_null(stages[i]->derive);
  }
  native_mod_close(native);
  interpreted_stage_close(interpreted);
}

int main(void) {
  Error error;
  for (int t = 1; t <= MOST_THREADS; t++)
    if (!(teams[t] = team_open(t, false, &error))) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_native),
      cmocka_unit_test(test_interpreted),
      cmocka_unit_test(test_refuses_other_scores),
      cmocka_unit_test(test_no_mod),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int t = 1; t <= MOST_THREADS; t++) team_close(teams[t]);
  return failed;
}
