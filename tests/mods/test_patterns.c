// SPDX-License-Identifier: Apache-2.0
// The named patterns against the formulas of the attention benchmark, written in C.
#include "base/memory.h"
#include "mods/evaluate.h"
#include "mods/patterns.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HEADS = 8, LENGTH = 1100 };
static const ModShape shape = {1, HEADS, 2, LENGTH, LENGTH, 64, 0, false};
static int32_t doc[LENGTH];

typedef struct {
  const char *name;
  double (*score)(double score, int64_t h, int64_t m, int64_t n); // NULL: none
  bool (*visible)(int64_t m, int64_t n);
} Formula;

static double relative(double score, int64_t h, int64_t m, int64_t n) {
  (void)h;
  return score + (double)(m - n);
}

static double head_bias(double score, int64_t h, int64_t m, int64_t n) {
  (void)m, (void)n;
  return score + 2.0 * (double)h;
}

static double alibi(double score, int64_t h, int64_t m, int64_t n) {
  return score + (double)(n - m) * exp2(-8.0 * (double)(h + 1) / HEADS);
}

static double softcap(double score, int64_t h, int64_t m, int64_t n) {
  (void)h, (void)m, (void)n;
  return 50 * tanh(score / 50);
}

static bool causal(int64_t m, int64_t n) {
  return m >= n;
}

static bool window(int64_t m, int64_t n) {
  return m >= n && m - n <= 512;
}

static bool document(int64_t m, int64_t n) {
  return doc[m] == doc[n] && m >= n;
}

static bool prefix(int64_t m, int64_t n) {
  return n < 512 || m >= n;
}

static const Formula formulas[] = {
    {"noop", NULL, NULL},
    {"causal", NULL, causal},
    {"rel", relative, NULL},
    {"head_bias", head_bias, NULL},
    {"alibi", alibi, causal},
    {"sliding_window", NULL, window},
    {"document_mask", NULL, document},
    {"prefix_lm", NULL, prefix},
    {"softcap", softcap, causal},
};

// The array that a pattern names without values is given here.
static BoundMod *bound_pattern(const ModSource *pattern) {
  ModArray given[1];
  ModSource source = *pattern;
  Error error = {0};
  BoundMod *bound = NULL;
  for (int i = 0; i < LENGTH; i++) doc[i] = i / 300;
  if (source.array_count == 1) {
    given[0] =
        (ModArray){source.arrays[0].name, tensor_dense(DTYPE_I32, 1, (int64_t[]){LENGTH}, doc)};
    source.arrays = given;
  }
  Mod *mod = mod_parse(&source, &error);
  if (!mod || !mod_bind(mod, &shape, &bound, &error)) fail_msg("%s", error.message);
  // What a bound mod points to outlives the mod and the source.
  mod_close(mod);
  return bound;
}

static void check_point(const Formula *formula, const BoundMod *bound, int64_t h, int64_t m,
                        int64_t n) {
  double score = (double)((m * 7 + n * 13 + h) % 101) - 50;
  ModPoint point = {.head = h, .query = m, .key = n, .score = score};
  double wanted = formula->score ? formula->score(score, h, m, n) : score;
  assert_float_equal(mod_score_at(bound, &point), wanted, 1e-12 * fabs(wanted));
  assert_int_equal(mod_visible_at(bound, &point), !formula->visible || formula->visible(m, n));
}

static void patterns_are_their_formulas(void **state) {
  (void)state;
  assert_int_equal(pattern_count(), COUNT_OF(formulas));
  for (size_t i = 0; i < COUNT_OF(formulas); i++) {
    assert_ptr_equal(pattern_by_name(formulas[i].name), pattern_at((int)i));
    BoundMod *bound = bound_pattern(pattern_at((int)i));
    assert_int_equal(bound->score.count > 0, formulas[i].score != NULL);
    assert_int_equal(bound->mask.count > 0, formulas[i].visible != NULL);
    for (int64_t m = 0; m < LENGTH; m += 9)
      for (int64_t n = 0; n < LENGTH; n += 7) check_point(&formulas[i], bound, m % HEADS, m, n);
    for (int64_t edge = 510; edge < 515; edge++)
      check_point(&formulas[i], bound, 3, 1000, 1000 - edge),
          check_point(&formulas[i], bound, 0, 0, edge);
    bound_mod_close(bound);
  }
}

static void there_is_no_other(void **state) {
  (void)state;
  assert_null(pattern_by_name("causl"));
  assert_null(pattern_by_name(""));
}

static void documents_are_asked_for(void **state) {
  (void)state;
  Error error = {0};
  assert_null(mod_parse(pattern_by_name("document_mask"), &error));
  assert_string_equal(error.where, "array doc");
  assert_string_equal(error.message, "has no values");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_are_their_formulas),
      cmocka_unit_test(there_is_no_other),
      cmocka_unit_test(documents_are_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
