// SPDX-License-Identifier: Apache-2.0
// Binding to a shape: what it folds, what it proves, what it refuses, and reads that are guarded.
#include "base/memory.h"
#include "mods/evaluate.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HEADS = 4, LENGTH = 16 };
static const ModShape shape = {2, HEADS, 2, LENGTH, LENGTH, 64, 0, false};
static int32_t doc[LENGTH];
static int32_t far[1] = {INT32_MAX};
static float bias[HEADS * LENGTH], distance[2 * LENGTH - 1];

static void fill(void) {
  for (int i = 0; i < LENGTH; i++) doc[i] = i / 4 - 1;
  for (int i = 0; i < HEADS * LENGTH; i++) bias[i] = (float)i;
  for (int i = 0; i < 2 * LENGTH - 1; i++) distance[i] = (float)(i - LENGTH + 1);
}

static Mod *parsed(const char *score, const char *mask) {
  static ModArray arrays[4];
  fill();
  arrays[0] = (ModArray){"doc", tensor_dense(DTYPE_I32, 1, (int64_t[]){LENGTH}, doc)};
  arrays[1] = (ModArray){"bias", tensor_dense(DTYPE_F32, 2, (int64_t[]){HEADS, LENGTH}, bias)};
  arrays[2] =
      (ModArray){"distance", tensor_dense(DTYPE_F32, 1, (int64_t[]){2 * LENGTH - 1}, distance)};
  arrays[3] = (ModArray){"far", tensor_dense(DTYPE_I32, 1, (int64_t[]){1}, far)};
  ModSource source = {"m", score, mask, 0, 4, NULL, arrays};
  Error error = {0};
  Mod *mod = mod_parse(&source, &error);
  if (!mod) fail_msg("%s", error.message);
  return mod;
}

static BoundMod *bound_to(const char *score, const char *mask, const ModShape *to) {
  Error error = {0};
  BoundMod *bound = NULL;
  Mod *mod = parsed(score, mask);
  if (!mod_bind(mod, to, &bound, &error)) fail_msg("%s", error.message);
  mod_close(mod);
  return bound;
}

static void refuses(const char *score, const char *mask, const char *message, int column) {
  Error error = {0};
  BoundMod *bound = NULL;
  Mod *mod = parsed(score, mask);
  char wanted[1024];
  snprintf(wanted, sizeof wanted, "%s\n  %s\n  %*s^", message, score ? score : mask, column, "");
  assert_false(mod_bind(mod, &shape, &bound, &error));
  assert_null(bound);
  assert_string_equal(error.message, wanted);
  assert_string_equal(error.where, score ? "mod m, score" : "mod m, mask");
  mod_close(mod);
}

static void sizes_become_constants(void **state) {
  (void)state;
  BoundMod *bound =
      bound_to("score + (B + 10 * Hq + 100 * Hkv + 1000 * M + 10000 * N + 100000 * D)", NULL,
               &(ModShape){1, 2, 3, 4, 5, 6, 0, false});
  assert_int_equal(bound->score.count, 3);
  assert_float_equal(bound->score.nodes[1].real, 654321, 0);
  bound_mod_close(bound);
}

static void what_says_nothing_is_none(void **state) {
  (void)state;
  BoundMod *bound = bound_to("score * 1 + 0", "q_idx >= 0 if N == 99 else True", &shape);
  assert_int_equal(bound->score.count, 0);
  assert_int_equal(bound->mask.count, 0);
  assert_int_equal(bound->derivative.count, 0);
  ModPoint point = {.score = 7};
  assert_float_equal(mod_score_at(bound, &point), 7, 0);
  assert_float_equal(mod_derivative_at(bound, &point), 1, 0);
  assert_true(mod_visible_at(bound, &point));
  bound_mod_close(bound);
  bound = bound_to(NULL, "N < 0", &shape);
  assert_int_equal(bound->mask.count, 1);
  assert_false(mod_visible_at(bound, &point));
  bound_mod_close(bound);
}

static void the_derivative_is_ready(void **state) {
  (void)state;
  BoundMod *bound = bound_to("score * h + q_idx", NULL, &shape);
  ModPoint point = {.head = 3, .query = 5, .score = 2};
  assert_float_equal(mod_score_at(bound, &point), 11, 0);
  assert_float_equal(mod_derivative_at(bound, &point), 3, 0);
  bound_mod_close(bound);
  bound = bound_to("score + h", NULL, &shape);
  assert_int_equal(bound->derivative.count, 0);
  bound_mod_close(bound);
}

static void the_query_offset_is_added(void **state) {
  (void)state;
  ModShape decoding = {1, HEADS, 2, 1, LENGTH, 64, LENGTH / 2, false};
  BoundMod *bound = bound_to("score + q_idx", "doc[q_idx] == doc[kv_idx]", &decoding);
  ModPoint point = {.key = LENGTH / 2};
  assert_float_equal(mod_score_at(bound, &point), LENGTH / 2, 0);
  assert_true(mod_visible_at(bound, &point));
  bound_mod_close(bound);
}

static void bad_arithmetic_is_refused(void **state) {
  (void)state;
  static const char overflow[] =
      "the integer result may not fit 64 bits; float(…) of an operand makes it a float";
  refuses("score + 10 ** (7 * h)", NULL, overflow, 11);
  refuses("q_idx * 9223372036854775807", NULL, overflow, 6);
  refuses("9223372036854775807 + q_idx", NULL, overflow, 20);
  refuses("int(score) + 1", NULL, overflow, 11);
  refuses("far[0] * far[0] * far[0]", NULL, overflow, 16);
  refuses("h // (N - 16)", NULL, "integer division by zero", 2);
  refuses("h % (N - 16)", NULL, "integer division by zero", 2);
  refuses("N ** 16", NULL, "the integer result does not fit 64 bits; write a number as a float", 2);
}

static void arithmetic_that_is_not_used_is_not_refused(void **state) {
  (void)state;
  bound_mod_close(bound_to("score if N > 0 else h // (N - 16)", NULL, &shape));
  bound_mod_close(bound_to("where(N > 99, doc[99], score)", NULL, &shape));
  bound_mod_close(bound_to("min(max(int(score), -9), 9) + 1", NULL, &shape));
}

static void reads_outside_are_refused(void **state) {
  (void)state;
  refuses("score + doc[16]", NULL, "the index of doc is 16, the array has 16 there", 8);
  refuses("score + doc[-17]", NULL, "the index of doc is -17, the array has 16 there", 8);
  refuses("bias[h, N]", NULL, "the column of bias is 16, the array has 16 there", 0);
  refuses("bias[q_idx, 0]", NULL,
          "the row of bias may be 0 … 15, the array has 0 … 3 there; min(max(…, 0), 3) keeps it "
          "within",
          0);
  refuses("doc[q_idx - kv_idx]", NULL,
          "the index of doc may be -15 … 15, the array has 0 … 15 there; min(max(…, 0), 15) keeps "
          "it within",
          0);
  refuses("bias[0][doc[q_idx]]", NULL,
          "the column of bias may be -1 … 2, the array has 0 … 15 there; min(max(…, 0), 15) keeps "
          "it within",
          0);
}

static void reads_inside_are_proved(void **state) {
  (void)state;
  static const char *const texts[] = {
      "doc[-1] + doc[-16] + doc[N - 1] + doc[15]",
      "doc[abs(q_idx - kv_idx)]",
      "doc[min(max(q_idx - kv_idx, 0), N - 1)]",
      "doc[(q_idx + kv_idx) // 2]",
      "doc[(q_idx - 3 * kv_idx) % N]",
      "distance[q_idx - kv_idx + N - 1]",
      "bias[h][kv_idx] + bias[Hq - 1 - h, N - 1 - kv_idx]",
      "doc[doc[q_idx] + 1]",
      "doc[q_idx if q_idx > 3 else 0]",
      "doc[min(int(abs(score)), 15)]",
  };
  for (size_t i = 0; i < COUNT_OF(texts); i++) bound_mod_close(bound_to(texts[i], NULL, &shape));
}

typedef struct {
  const char *score, *mask;
  bool guarded;
} GuardCase;

static const GuardCase guard_cases[] = {
    {"where(q_idx >= kv_idx, doc[q_idx - kv_idx], 0)", NULL, true},
    {"where(kv_idx <= q_idx, doc[q_idx - kv_idx], 0)", NULL, true},
    {"where(q_idx < kv_idx, 0, doc[q_idx - kv_idx])", NULL, true},
    {"where(not (q_idx < kv_idx), doc[q_idx - kv_idx], 0)", NULL, true},
    {"where(q_idx > kv_idx, doc[q_idx - kv_idx - 1], 0)", NULL, true},
    {"where(q_idx >= kv_idx, doc[q_idx - kv_idx - 1], 0)", NULL, false},
    {"where(q_idx >= kv_idx, doc[kv_idx - q_idx], 0)", NULL, false},
    {"where(q_idx == kv_idx, doc[3 * q_idx - 3 * kv_idx], 0)", NULL, false},
    {"where(q_idx == kv_idx, doc[kv_idx - q_idx + 15], 0)", NULL, true},
    {"where(q_idx != kv_idx, doc[q_idx - kv_idx], 0)", NULL, false},
    {"where(abs(q_idx - kv_idx) < 8, doc[q_idx - kv_idx + 7], 0)", NULL, true},
    {"where(abs(q_idx - kv_idx) <= 8, doc[q_idx - kv_idx + 7], 0)", NULL, false},
    {"where(2 * q_idx < N, doc[2 * q_idx], 0)", NULL, true},
    {"where(q_idx < N / 2, doc[2 * q_idx], 0)", NULL, true},
    {"where(q_idx * h < N, doc[q_idx * h], 0)", NULL, true},
    {"where(q_idx * h < N, doc[q_idx * h], 0) + doc[q_idx * h]", NULL, false},
    {"where(h > 1, where(q_idx < h, bias[q_idx, 0], 1), 0)", NULL, true},
    {"where(h > 1, where(q_idx < h + 1, bias[q_idx, 0], 1), 0)", NULL, true},
    {"where(h > 1, where(q_idx < h + 2, bias[q_idx, 0], 1), 0)", NULL, false},
    {"where(q_idx >= 4, 0, where(kv_idx < 4, bias[q_idx, 4 * kv_idx + 3], 0))", NULL, true},
    {"where(q_idx < 4 and kv_idx < 4, bias[q_idx][4 * kv_idx + 3], 0)", NULL, true},
    {"where(q_idx < 4 or kv_idx < 4, bias[q_idx][4 * kv_idx + 3], 0)", NULL, false},
    {"where(q_idx >= 4 or kv_idx >= 4, 0, bias[q_idx][4 * kv_idx + 3])", NULL, true},
    {"where(q_idx > 99, doc[q_idx + 99], 0)", NULL, true},
    {"score + doc[q_idx - kv_idx]", "q_idx >= kv_idx", true},
    {"score + doc[q_idx - kv_idx]", "q_idx >= kv_idx and h < 3", true},
    {"score + doc[q_idx - kv_idx]", "q_idx >= kv_idx or h < 3", false},
    {"score + doc[q_idx - kv_idx] * score", "q_idx >= kv_idx", true},
    {NULL, "q_idx >= kv_idx and doc[q_idx - kv_idx] > 0", true},
    {NULL, "doc[q_idx - kv_idx] > 0 and q_idx >= kv_idx", true},
    {NULL, "q_idx < kv_idx or doc[q_idx - kv_idx] > 0", true},
    {NULL, "q_idx >= kv_idx or doc[q_idx - kv_idx] > 0", false},
};

static void guarded_reads_are_taken(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(guard_cases); i++) {
    const GuardCase *guard = &guard_cases[i];
    Error error = {0};
    BoundMod *bound = NULL;
    Mod *mod = parsed(guard->score, guard->mask);
    bool done = mod_bind(mod, &shape, &bound, &error);
    if (done != guard->guarded)
      fail_msg("%s | %s: %s", guard->score, guard->mask, done ? "taken" : error.message);
    bound_mod_close(bound);
    mod_close(mod);
  }
}

// Over every element: nothing is read outside (the sanitizers see to that), and where the guard
// holds the value is that of the read as written.
static void guards_change_no_value(void **state) {
  (void)state;
  BoundMod *bound = bound_to("score + where(q_idx >= kv_idx, doc[q_idx - kv_idx], 100)",
                             "q_idx >= kv_idx and doc[q_idx - kv_idx] > 0", &shape);
  for (int64_t q = 0; q < LENGTH; q++)
    for (int64_t k = 0; k < LENGTH; k++) {
      ModPoint point = {.query = q, .key = k};
      assert_float_equal(mod_score_at(bound, &point), q >= k ? doc[q - k] : 100, 0);
      assert_int_equal(mod_visible_at(bound, &point), q >= k && doc[q - k] > 0);
    }
  bound_mod_close(bound);
}

static void shapes_are_checked(void **state) {
  (void)state;
  static const struct {
    ModShape shape;
    const char *message;
  } cases[] = {
      {{0, 1, 1, 1, 1, 1, 0, false}, "B is 0, expected 1 … 281474976710656"},
      {{1, 1, 1, -4, 1, 1, 0, false}, "M is -4, expected 1 … 281474976710656"},
      {{1, 1, 1, 1, INT64_MAX, 1, 0, false},
       "N is 9223372036854775807, expected 1 … 281474976710656"},
      {{1, 1, 1, 1, 1, 1, -1, false}, "the first query stands at -1"},
  };
  Mod *mod = parsed("score + q_idx - kv_idx", NULL);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Error error = {0};
    BoundMod *bound = NULL;
    assert_false(mod_bind(mod, &cases[i].shape, &bound, &error));
    assert_string_equal(error.message, cases[i].message);
  }
  mod_close(mod);
}

static BoundMod *open_of(const char *score, const char *mask, const ModShape *to, Error *error) {
  BoundMod *bound = NULL, *open = NULL;
  Mod *mod = parsed(score, mask);
  if (!mod_bind(mod, to, &bound, error)) fail_msg("%s", error->message);
  bool done = mod_bind_open(mod, bound, &open, error);
  assert_int_equal(done, open != NULL);
  bound_mod_close(bound);
  mod_close(mod);
  return open;
}

// B, M and N stay, the rest is folded; the tree is the same for every shape.
static void open_shapes_keep_their_sizes(void **state) {
  (void)state;
  static const ModShape other = {7, HEADS, 2, 3, 11, 64, 0, false};
  static const char score[] = "score + (q_idx + M - N) * Hq + B * doc[kv_idx]";
  Error error = {0};
  BoundMod *open = open_of(score, "kv_idx < N // 2", &shape, &error);
  BoundMod *same = open_of(score, "kv_idx < N // 2", &other, &error);
  assert_non_null(open);
  assert_true(mod_tree_uses(&open->score, MOD_SIZE_M) && mod_tree_uses(&open->score, MOD_SIZE_N));
  assert_true(mod_tree_uses(&open->score, MOD_SIZE_B) && mod_tree_uses(&open->mask, MOD_SIZE_N));
  assert_false(mod_tree_uses(&open->score, MOD_SIZE_HQ));
  assert_int_equal(open->score.count, same->score.count);
  assert_memory_equal(open->score.nodes, same->score.nodes,
                      (size_t)open->score.count * sizeof(ModNode));
  bound_mod_close(open);
  bound_mod_close(same);
}

static void open_shapes_have_bounds(void **state) {
  (void)state;
  static const ModShape large = {1, HEADS, 2, MOD_OPEN_LENGTH + 1, 16, 64, 0, false};
  static const ModShape late = {1, HEADS, 2, 1, 16, 64, MOD_OPEN_LENGTH, false};
  static const struct {
    const char *score, *mask;
    const ModShape *to;
    const char *message;
  } cases[] = {
      {"score + distance[q_idx - kv_idx]", "q_idx >= kv_idx", &shape, "where a condition guards"},
      {"score", "q_idx >= kv_idx", &large, "beyond 1048576"},
      {"score", "q_idx >= kv_idx", &late, "beyond 1048576"},
      {"score + q_idx ** 4 * kv_idx ** 3", NULL, &shape, "may not fit 64 bits"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Error error = {0};
    assert_null(open_of(cases[i].score, cases[i].mask, cases[i].to, &error));
    if (!strstr(error.message, cases[i].message)) fail_msg("%s", error.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes_become_constants),
      cmocka_unit_test(what_says_nothing_is_none),
      cmocka_unit_test(the_derivative_is_ready),
      cmocka_unit_test(the_query_offset_is_added),
      cmocka_unit_test(bad_arithmetic_is_refused),
      cmocka_unit_test(arithmetic_that_is_not_used_is_not_refused),
      cmocka_unit_test(reads_outside_are_refused),
      cmocka_unit_test(reads_inside_are_proved),
      cmocka_unit_test(guarded_reads_are_taken),
      cmocka_unit_test(guards_change_no_value),
      cmocka_unit_test(shapes_are_checked),
      cmocka_unit_test(open_shapes_keep_their_sizes),
      cmocka_unit_test(open_shapes_have_bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
