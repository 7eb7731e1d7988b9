// SPDX-License-Identifier: Apache-2.0
// Expressions of any bytes (the first line a score, the rest a mask): refused with a message, or
// bound, and then what was proved of them holds at every element: values lie in their ranges,
// blocks of the mask are what the intervals say, the interpreter of each tier sees the same keys,
// and everything can be written as text, for this shape and, where it is bound to all lengths, for
// those.
#include "compile/score_text.h"
#include "mods/emit.h"
#include "mods/evaluate.h"
#include "mods/interpret.h"
#include "mods/interval.h"
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2, HEADS = 4, QUERIES = 5, KEYS = 7, OFFSET = 2 };
static const ModShape shape = {BATCH, HEADS, 2, QUERIES, KEYS, 8, OFFSET, false};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ModSource source_of(const char *score, const char *mask) {
  static const ModParameter parameters[] = {
      {"window", false, 3, 0}, {"zero", false, 0, 0}, {"half", true, 0, 0.5}};
  static int32_t doc[KEYS] = {0, 0, 1, 1, -2, 2, 9};
  static int64_t wide[2] = {INT64_MIN, INT64_MAX};
  static float bias[HEADS * KEYS] = {0.5f, -1, 3e38f};
  static uint8_t seen[KEYS] = {1, 0, 1};
  static ModArray arrays[4];
  arrays[0] = (ModArray){"doc", tensor_dense(DTYPE_I32, 1, (int64_t[]){KEYS}, doc)};
  arrays[1] = (ModArray){"wide", tensor_dense(DTYPE_I64, 1, (int64_t[]){2}, wide)};
  arrays[2] = (ModArray){"bias", tensor_dense(DTYPE_F32, 2, (int64_t[]){HEADS, KEYS}, bias)};
  arrays[3] = (ModArray){"seen", tensor_dense(DTYPE_BOOL, 1, (int64_t[]){KEYS}, seen)};
  return (ModSource){"fuzz", score, mask, 3, 4, parameters, arrays};
}

// The first nodes of a tree are a tree.
static void check_ranges(const BoundMod *bound, const ModTree *tree, const ModPoint *at) {
  ModRange ranges[MOD_MOST_NODES];
  ModPoint point = *at;
  point.query += OFFSET;
  mod_ranges(tree, bound->arrays, &bound->shape, ranges);
  for (int i = 0; i < tree->count && i < 64; i++) {
    if (tree->nodes[i].type == MOD_FLOAT) continue;
    ModTree part = {i + 1, tree->nodes};
    int64_t value = mod_evaluate_at(&part, bound->arrays, &point).integer;
    if (value < ranges[i].least || value > ranges[i].most) abort();
  }
}

static void check_point(const BoundMod *bound, const ModIntervals *intervals, ModPoint point) {
  volatile double kept = mod_score_at(bound, &point) + mod_derivative_at(bound, &point);
  (void)kept;
  int64_t q = point.query + OFFSET;
  const ModBox box = {point.batch, point.head, q, q + 1, point.key, point.key + 1};
  const ModBox all = {point.batch, point.head, OFFSET, OFFSET + QUERIES, 0, KEYS};
  bool visible = mod_visible_at(bound, &point);
  ModTruth wrong = visible ? MOD_NEVER : MOD_ALWAYS;
  if (mod_intervals_mask(intervals, &box) == wrong || mod_intervals_mask(intervals, &all) == wrong)
    abort();
}

static void check_bound(const BoundMod *bound) {
  static const double scores[] = {0, -1.5, 1e30, -3.5e38, __builtin_inf(), __builtin_nan("")};
  Error error;
  ModIntervals *intervals = mod_intervals_open(bound, &error);
  if (!intervals) abort();
  for (int i = 0; i < BATCH * HEADS * QUERIES * KEYS; i += 3) {
    ModPoint point = {i % BATCH, i / BATCH % HEADS, i / BATCH / HEADS % QUERIES,
                      i / BATCH / HEADS / QUERIES, scores[i % 6]};
    check_point(bound, intervals, point);
    if (i % 30 != 0) continue;
    if (bound->score.count) check_ranges(bound, &bound->score, &point);
    if (bound->derivative.count) check_ranges(bound, &bound->derivative, &point);
    if (bound->mask.count) check_ranges(bound, &bound->mask, &point);
  }
  mod_intervals_close(intervals);
}

static bool has_floats(const ModTree *tree) {
  for (int i = 0; i < tree->count; i++)
    if (tree->nodes[i].type == MOD_FLOAT) return true;
  return false;
}

// Where float32 does not decide, the keys that a tile sees are those of one element at a time.
static void check_visible(const BoundMod *bound, const ModTile *tile, const uint8_t *visible) {
  if (has_floats(&bound->mask)) return;
  for (int64_t q = 0; q < QUERIES; q++)
    for (int64_t k = 0; k < KEYS; k++) {
      ModPoint point = {tile->batch, tile->head, q, k, 0};
      if (mod_visible_at(bound, &point) != visible[q * tile->stride + k]) abort();
    }
}

static void check_tier(const BoundMod *bound, CpuTier tier) {
  enum { STRIDE = KEYS + 1 };
  Error error;
  float scores[QUERIES * STRIDE], gradients[QUERIES * STRIDE];
  uint8_t visible[QUERIES * STRIDE];
  ModInterpreter *interpreter = mod_interpreter_open(bound, tier, &error);
  if (!interpreter) abort();
  void *scratch = aligned_alloc(64, ((size_t)mod_interpreter_scratch_bytes(interpreter) | 63) + 1);
  const ModTile tile = {1, 3, 0, 0, QUERIES, KEYS, STRIDE};
  for (int i = 0; i < QUERIES * STRIDE; i++) scores[i] = gradients[i] = (float)i - 9.5f;
  mod_interpret_visible(interpreter, &tile, visible, scratch);
  check_visible(bound, &tile, visible);
  mod_interpret_derivative(interpreter, &tile, scores, gradients, scratch);
  mod_interpret_score(interpreter, &tile, scores, scratch);
  mod_interpret_mask(interpreter, &tile, scores, scratch);
  free(scratch);
  mod_interpreter_close(interpreter);
}

static void check_text(const BoundMod *bound, const ModTree *tree) {
  static const char *const arrays[] = {"doc", "wide", "bias", "seen"};
  const ModNames names = {
      .variable = {"score", "b", "h", "q", "k"}, .array = arrays, .prefix = "t", .indent = "  "};
  char result[128];
  Text text = {0};
  Error error;
  if (tree->count &&
      !mod_emit(&text, &mod_language_c, bound, tree, &names, result, sizeof result, &error))
    abort();
  text_free(&text);
}

static void check_passes(const BoundMod *bound) {
  Error error;
  for (int pass = SCORE_TEXT_FORWARD; pass <= SCORE_TEXT_BACKWARD; pass++) {
    Text functions = {0}, text = {0};
    if (!score_text_wanted(bound, (ScorePass)pass)) continue;
    if (!score_text_append(bound, (ScorePass)pass, &functions, &error)) abort();
    score_text_whole(CPU_TIER_AVX2, functions.data, &text);
    text_free(&functions);
    text_free(&text);
  }
}

static void check_error(const Error *error) {
  if (error->code == ERROR_NONE || !error->message[0]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  memcpy(text, data, size);
  text[size] = '\0';
  char *line = strchr(text, '\n');
  if (line) *line = '\0';
  ModSource source = source_of(text, line ? line + 1 : NULL);
  Error error = {0};
  BoundMod *bound = NULL;
  Mod *mod = mod_parse(&source, &error);
  BoundMod *open = NULL;
  bool done = mod && mod_bind(mod, &shape, &bound, &error);
  if (done && !mod_bind_open(mod, bound, &open, &error)) check_error(&error);
  if (open) check_passes(open);
  mod_close(mod);
  if (done) {
    check_bound(bound);
    check_text(bound, &bound->score);
    check_text(bound, &bound->derivative);
    check_text(bound, &bound->mask);
    check_passes(bound);
    for (int tier = 0; tier <= (int)cpu_best_tier(); tier++) check_tier(bound, (CpuTier)tier);
  } else
    check_error(&error);
  bound_mod_close(bound);
  bound_mod_close(open);
  free(text);
  return 0;
}
