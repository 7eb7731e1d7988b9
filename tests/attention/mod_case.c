// SPDX-License-Identifier: Apache-2.0
#include "mod_case.h"
#include "../kernels/guarded.h"
#include "mods/evaluate.h"
#include "mods/patterns.h"

enum { PATTERNS = 9 };

// What users write: biases from tables, masks that are not ranges, rows that see nothing, scores
// that bend.
static const struct {
  const char *name, *score, *mask;
} expressions[] = {
    {"table", "score + bias[h, (q_idx - kv_idx) % 16]", NULL},
    {"slopes", "score - slope[h] * abs(q_idx - kv_idx)", "q_idx >= kv_idx"},
    {"checkers", NULL, "(q_idx // 5 + kv_idx // 3) % 2 == 0"},
    {"late", "score * 0.5", "kv_idx >= 7 and q_idx >= 11 and q_idx - kv_idx < 9"},
    {"bent", "where(score > 0, score / (1 + score), -score * score)", "b == 0 or kv_idx % 2 == 1"},
    {"documents", "score + where(doc[q_idx] == doc[kv_idx], 1, -2)", "doc[q_idx] <= doc[kv_idx]"},
    {"nothing", NULL, "q_idx < 0"},
};

int mod_case_count(void) {
  return PATTERNS + (int)COUNT_OF(expressions);
}

static ModPoint point_of(double score, int64_t b, int64_t h, int64_t q, int64_t k) {
  return (ModPoint){.batch = b, .head = h, .query = q, .key = k, .score = score};
}

static double score_at(const void *bound, double score, int64_t b, int64_t h, int64_t q,
                       int64_t k) {
  ModPoint point = point_of(score, b, h, q, k);
  return mod_score_at(bound, &point);
}

static double derivative_at(const void *bound, double score, int64_t b, int64_t h, int64_t q,
                            int64_t k) {
  ModPoint point = point_of(score, b, h, q, k);
  return mod_derivative_at(bound, &point);
}

static bool visible_at(const void *bound, int64_t b, int64_t h, int64_t q, int64_t k) {
  ModPoint point = point_of(0.0, b, h, q, k);
  return mod_visible_at(bound, &point);
}

// Documents of some length, slopes by head, a table of biases.
typedef struct {
  int32_t *documents;
  float *slopes, *table;
  ModArray list[3];
} Arrays;

static Arrays *make_arrays(const AttentionProblem *problem, Random *random) {
  int64_t length = problem->queries > problem->keys ? problem->queries : problem->keys;
  int64_t heads = problem->heads, extents[2] = {heads, 16};
  Arrays *arrays = calloc(1, sizeof *arrays);
  arrays->documents = calloc((size_t)length, sizeof(int32_t));
  arrays->slopes = calloc((size_t)heads, sizeof(float));
  arrays->table = calloc((size_t)heads * 16, sizeof(float));
  for (int64_t i = 1; i < length; i++)
    arrays->documents[i] = arrays->documents[i - 1] + (random_below(random, 30) == 0);
  for (int64_t i = 0; i < heads; i++) arrays->slopes[i] = (float)random_unit(random) * 0.1f;
  for (int64_t i = 0; i < heads * 16; i++) arrays->table[i] = (float)random_normal(random);
  arrays->list[0] = (ModArray){"doc", tensor_dense(DTYPE_I32, 1, &length, arrays->documents)};
  arrays->list[1] = (ModArray){"slope", tensor_dense(DTYPE_F32, 1, &heads, arrays->slopes)};
  arrays->list[2] = (ModArray){"bias", tensor_dense(DTYPE_F32, 2, extents, arrays->table)};
  return arrays;
}

static ModSource source_of(int index, Arrays *arrays, ModParameter *parameter) {
  ModSource source = {.array_count = 3};
  if (index < PATTERNS) {
    source = *pattern_at(index);
    source.array_count = source.array_count ? 1 : 0;
    if (source.parameter_count) *parameter = source.parameters[0];
    parameter->integer = source.score ? 3 : 40; // the cap; the window or the prefix
    source.parameters = parameter;
  } else {
    source.name = expressions[index - PATTERNS].name;
    source.score = expressions[index - PATTERNS].score;
    source.mask = expressions[index - PATTERNS].mask;
  }
  source.arrays = arrays->list;
  return source;
}

ModCase mod_case_make(int index, const AttentionProblem *problem, Random *random) {
  Error error = {0};
  Arrays *arrays = make_arrays(problem, random);
  ModParameter parameter = {0};
  ModSource source = source_of(index, arrays, &parameter);
  ModShape shape = {.batch = problem->batch,
                    .heads = problem->heads,
                    .kv_heads = problem->kv_heads,
                    .queries = problem->queries,
                    .keys = problem->keys,
                    .head_dim = problem->head_dim};
  ModCase c = {.name = source.name, .mod = mod_parse(&source, &error), .arrays = arrays};
  if (!c.mod || !mod_bind(c.mod, &shape, &c.bound, &error))
    fail_msg("%s: %s: %s", source.name, error.where, error.message);
  c.reference = (ReferenceMod){score_at, derivative_at, visible_at, c.bound};
  return c;
}

void mod_case_free(ModCase *c) {
  Arrays *arrays = c->arrays;
  bound_mod_close(c->bound);
  mod_close(c->mod);
  free(arrays->documents);
  free(arrays->slopes);
  free(arrays->table);
  free(arrays);
}
