// SPDX-License-Identifier: Apache-2.0
// Machine code of random mods against a second reading of the language (tests/mods/estimate.h):
// every pass, tiles of any shape, parts of any kind, every tier; and nothing touched but the tile.
// TEST_ROUNDS in the environment: how many texts (of MODS mods each) a tier gets.
#include "base/memory.h"
#include "compile/compiler.h"
#include "compile/score_text.h"
#include "estimate.h"
#include "guarded.h"
#include "mods/differentiate.h"
#include "random_mod.h"

enum { MODS = 16, TILES = 12, MOST_ROWS = 7, MOST_COLUMNS = 90, MOST_PARTS = 3, PASSES = 3 };

typedef struct {
  RandomMod *source;
  BoundMod bound;
  ScoreFunction *function[PASSES];
} Made;

typedef struct {
  RandomMod source;
  Random *random;
  Made made[MODS];
  int sure, unsure;
} Fixture;

static ModTree copied(ModTree tree) {
  ModTree copy = {tree.count, memory_allocate((size_t)tree.count * sizeof *tree.nodes)};
  memcpy(copy.nodes, tree.nodes, (size_t)tree.count * sizeof *tree.nodes);
  return copy;
}

static int64_t below(Fixture *f, int64_t limit) {
  return (int64_t)random_below(f->random, (uint64_t)limit);
}

static void make_mod(Fixture *f, int number) {
  Error error;
  RandomMod *source = &f->source;
  BoundMod *bound = &f->made[number].bound;
  *bound = (BoundMod){.name = "random",
                      .shape = source->shape,
                      .array_count = RANDOM_ARRAYS,
                      .arrays = source->arrays};
  source->score = true;
  source->smooth = number % 2;
  if (number % 5 != 4) bound->score = copied(random_mod_tree(source, MOD_FLOAT, 3 + number * 2));
  if (bound->score.count &&
      !mod_differentiate(&bound->score, MOD_SCORE, bound->arrays, &bound->derivative, &error))
    fail_msg("%s", error.message);
  source->score = source->smooth = false;
  if (number % 4 != 3) bound->mask = copied(random_mod_tree(source, MOD_BOOL, 2 + number));
}

static void free_mod(BoundMod *bound) {
  mod_tree_free(&bound->score);
  mod_tree_free(&bound->mask);
  mod_tree_free(&bound->derivative);
}

static void name_of(int number, ScorePass pass, char *name, size_t size) {
  snprintf(name, size, "%s_%d", score_text_symbol(pass), number);
}

// All passes of all mods in one text, each function under its own name.
static void append_functions(const Fixture *f, int number, Text *text) {
  const BoundMod *bound = &f->made[number].bound;
  for (int pass = 0; pass < PASSES; pass++) {
    char name[32];
    Error error;
    name_of(number, (ScorePass)pass, name, sizeof name);
    if (!score_text_wanted(bound, (ScorePass)pass)) continue;
    text_append_format(text, "\n#define %s %s", score_text_symbol((ScorePass)pass), name);
    if (!score_text_append(bound, (ScorePass)pass, text, &error)) fail_msg("%s", error.message);
    text_append_format(text, "#undef %s\n", score_text_symbol((ScorePass)pass));
  }
}

static Code *build(Fixture *f, Compiler *compiler, CpuTier tier) {
  Text functions = {0}, text = {0};
  Code *code;
  CodeFacts facts;
  Error error = {0};
  for (int i = 0; i < MODS; i++) append_functions(f, i, &functions);
  score_text_whole(tier, functions.data, &text);
  CodeRequest request = {"random mods", text.data, NULL};
  if (!compiler_make(compiler, &request, 1, &code, &facts, &error)) fail_msg("%s", error.message);
  for (int i = 0; i < MODS; i++)
    for (int pass = 0; pass < PASSES; pass++) {
      char name[32];
      name_of(i, (ScorePass)pass, name, sizeof name);
      f->made[i].function[pass] = NULL;
      if (!score_text_wanted(&f->made[i].bound, (ScorePass)pass)) continue;
      *(void **)&f->made[i].function[pass] = code_symbol(code, name, &error);
      assert_non_null(f->made[i].function[pass]);
    }
  text_free(&functions);
  text_free(&text);
  return code;
}

static float random_score(Fixture *f) {
  static const float special[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-130f, 3e38f, -1, 88.8f};
  if (below(f, 30) == 0) return special[below(f, (int64_t)COUNT_OF(special))];
  return (float)(random_normal(f->random) * exp(2 * random_normal(f->random)));
}

// A tile with all that a call takes.
typedef struct {
  Fixture *fixture;
  const Made *made;
  ScoreTile tile;
  ScoreRun parts[MOST_PARTS];
  int part_count;
  Guarded scores, slopes, given, scratch;
  float largest[MOST_ROWS], found[MOST_ROWS];
  float scale;
  char *what;
} Trial;

static void random_parts(Trial *t) {
  int64_t key = t->tile.key, end = key + t->tile.columns;
  t->part_count = 0;
  for (int i = 0; i < MOST_PARTS && key < end && t->made->bound.mask.count; i++) {
    key += below(t->fixture, 40);
    int64_t last = key + 1 + below(t->fixture, 40);
    if (key >= end) break;
    if (last > end) last = end;
    t->parts[t->part_count++] = (ScoreRun){key, last, true};
    key = last;
  }
}

static Trial trial_make(Fixture *f, const Made *made) {
  const ModShape *shape = &f->source.shape;
  Trial t = {.fixture = f,
             .made = made,
             .scale = below(f, 2) ? 0.125f : 1.0f}; // exact, however it is fused
  t.tile = (ScoreTile){below(f, shape->batch),
                       below(f, shape->heads),
                       below(f, shape->queries),
                       below(f, shape->keys),
                       0,
                       0,
                       0};
  int64_t rows = shape->queries - t.tile.query, columns = shape->keys - t.tile.key;
  t.tile.rows = 1 + below(f, rows < MOST_ROWS ? rows : MOST_ROWS);
  t.tile.columns = 1 + below(f, columns < MOST_COLUMNS ? columns : MOST_COLUMNS);
  t.tile.stride = t.tile.columns + below(f, 4);
  int64_t count = (t.tile.rows - 1) * t.tile.stride + t.tile.columns;
  t.scores = guarded_nan(count);
  t.given = guarded_nan(count);
  t.slopes = guarded_nan(count);
  t.scratch = guarded_make(SCORE_CODE_SCRATCH);
  float *scores = t.scores.data;
  for (int64_t i = 0; i < count; i++) scores[i] = random_score(f);
  memcpy(t.given.data, t.scores.data, (size_t)count * sizeof *scores);
  for (int64_t r = 0; r < t.tile.rows; r++) t.largest[r] = below(f, 3) ? -INFINITY : 1.5f;
  random_parts(&t);
  return t;
}

static void trial_free(Trial *t) {
  guarded_free(t->scores);
  guarded_free(t->given);
  guarded_free(t->slopes);
  guarded_free(t->scratch);
}

static void call(Trial *t, ScorePass pass) {
  const void *arrays[RANDOM_ARRAYS];
  for (int i = 0; i < RANDOM_ARRAYS; i++) arrays[i] = t->fixture->source.arrays[i].values.data;
  ScoreGiven given = {.arrays = arrays};
  ScoreCall call = {.tile = t->tile,
                    .parts = t->parts,
                    .part_count = t->part_count,
                    .scores = t->scores.data,
                    .largest = t->largest,
                    .found = t->found,
                    .slopes = t->slopes.data,
                    .scratch = t->scratch.data,
                    .given = &given,
                    .scale = t->scale};
  t->made->function[pass](&call);
}

static ModPoint point_at(const Trial *t, int64_t row, int64_t column, double score) {
  return (ModPoint){t->tile.batch, t->tile.head, t->tile.query + row, t->tile.key + column, score};
}

static bool in_parts(const Trial *t, int64_t column) {
  for (int i = 0; i < t->part_count; i++)
    if (t->tile.key + column >= t->parts[i].first && t->tile.key + column < t->parts[i].last)
      return true;
  return false;
}

static Estimate estimate_of(const Trial *t, const ModTree *tree, const ModPoint *point) {
  return estimate_at(tree, t->fixture->source.arrays, point);
}

static void check_value(Trial *t, const ModTree *tree, const ModPoint *point, float found,
                        const char *what) {
  Estimate estimate = estimate_of(t, tree, point);
  *(estimate.unsure ? &t->fixture->unsure : &t->fixture->sure) += 1;
  if (estimate.unsure || estimate_holds(&estimate, found)) return;
  fail_msg("%s of %s: b %d h %d q_idx %d kv_idx %d score %.9g: found %.9g, expected %.9g ± %.3g",
           what, random_mod_text(tree), (int)point->batch, (int)point->head, (int)point->query,
           (int)point->key, point->score, (double)found, estimate.real, estimate.error);
}

// 1: hidden, 0: not, -1: nobody knows.
static int hidden_at(const Trial *t, const ModPoint *point) {
  if (!t->made->bound.mask.count) return 0;
  Estimate mask = estimate_of(t, &t->made->bound.mask, point);
  return mask.unsure ? -1 : !mask.integer;
}

static void check_element(Trial *t, ScorePass pass, int64_t row, int64_t column) {
  int64_t at = row * t->tile.stride + column;
  float given = ((float *)t->given.data)[at], found = ((float *)t->scores.data)[at];
  if (pass == SCORE_TEXT_BACKWARD) given *= t->scale;
  ModPoint point = point_at(t, row, column, (double)given);
  const BoundMod *bound = &t->made->bound;
  bool masked = pass == SCORE_TEXT_MASK || in_parts(t, column);
  int hidden = hidden_at(t, &point);
  if (pass == SCORE_TEXT_BACKWARD && bound->derivative.count)
    check_value(t, &bound->derivative, &point, ((float *)t->slopes.data)[at], "slope");
  // Before a part the mask is true, as the caller promises; here it may be anything.
  if (hidden < 0 || (hidden && !masked && found == -INFINITY)) return;
  if (hidden && masked) {
    if (found != -INFINITY)
      fail_msg("%s shows %d, %d", random_mod_text(&bound->mask), (int)row, (int)column);
    return;
  }
  if (pass != SCORE_TEXT_MASK && bound->score.count)
    check_value(t, &bound->score, &point, found, "score");
  else if (memcmp(&given, &found, sizeof given) != 0)
    fail_msg("%s changes %g to %g", random_mod_text(&bound->mask), (double)given, (double)found);
}

static void check_largest(const Trial *t, int64_t row) {
  const float *scores = (float *)t->scores.data + row * t->tile.stride;
  float largest = t->largest[row];
  for (int64_t i = 0; i < t->tile.columns; i++)
    if (scores[i] > largest) largest = scores[i];
  if (t->found[row] != largest)
    fail_msg("largest is %g, expected %g", (double)t->found[row], (double)largest);
}

static void check_gaps(const Trial *t) {
  const float *scores = t->scores.data, *given = t->given.data;
  for (int64_t row = 0; row + 1 < t->tile.rows; row++)
    for (int64_t i = t->tile.columns; i < t->tile.stride; i++)
      assert_memory_equal(scores + row * t->tile.stride + i, given + row * t->tile.stride + i,
                          sizeof *scores);
}

static void try_pass(Fixture *f, const Made *made, ScorePass pass) {
  if (!made->function[pass]) return;
  Trial t = trial_make(f, made);
  call(&t, pass);
  for (int64_t row = 0; row < t.tile.rows; row++) {
    for (int64_t column = 0; column < t.tile.columns; column++)
      check_element(&t, pass, row, column);
    if (pass == SCORE_TEXT_FORWARD) check_largest(&t, row);
  }
  check_gaps(&t);
  trial_free(&t);
}

static int rounds(void) {
  const char *given = getenv("TEST_ROUNDS");
  return given ? atoi(given) : 2;
}

static Compiler *open_compiler(CpuTier tier) {
  Error error;
  CompilerOptions options = {.tier = tier, .bypass_cache = true, .interrupt = -1};
  Compiler *compiler = compiler_open(&options, &error);
  if (!compiler) print_message("# %s\n", error.message);
  return compiler;
}

static void test_random_mods(void **state) {
  (void)state;
  Fixture *f = memory_allocate(sizeof *f);
  random_mod_open(&f->source, random_mod_seed());
  f->random = &f->source.random;
  for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) {
    Compiler *compiler = open_compiler((CpuTier)tier);
    if (!compiler) skip();
    for (int round = 0; round < rounds(); round++) {
      for (int i = 0; i < MODS; i++) make_mod(f, i);
      Code *code = build(f, compiler, (CpuTier)tier);
      for (int i = 0; i < MODS * TILES * PASSES; i++)
        try_pass(f, &f->made[i % MODS], (ScorePass)(i / MODS % PASSES));
      code_unload(code);
      for (int i = 0; i < MODS; i++) free_mod(&f->made[i].bound);
    }
    compiler_close(compiler);
  }
  assert_true(f->sure > 2 * f->unsure);
  random_mod_close(&f->source);
  memory_free(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_mods)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
