// SPDX-License-Identifier: Apache-2.0
// Where the parts of an expression stand in loops over a tile, and what a text needs of a prelude.
// That the text means what the expression does: tests/compile/test_score_text.c.
#include "mods/prelude_cut.h"
#include "mods/tile_text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static const ModShape shape = {2, 4, 2, 64, 64, 64, 0, false};
static const char *const array_names[] = {"bias", "near"};
static const ModNames names = {.variable = {"x", "b", "h", "q", "k"},
                               .array = array_names,
                               .prefix = "s",
                               .first_key = "first",
                               .count = "n",
                               .column = "c"};

static BoundMod *bound_to(const char *score) {
  static float bias[64 * 64], near[64];
  ModArray arrays[] = {{"bias", tensor_dense(DTYPE_F32, 2, (int64_t[]){64, 64}, bias)},
                       {"near", tensor_dense(DTYPE_F32, 1, (int64_t[]){64}, near)}};
  for (int i = 0; i < 64; i++) bias[i] = near[i] = (float)i;
  ModSource source = {.name = "m", .score = score, .array_count = 2, .arrays = arrays};
  Error error = {0};
  BoundMod *bound = NULL;
  Mod *mod = mod_parse(&source, &error);
  if (!mod || !mod_bind(mod, &shape, &bound, &error)) fail_msg("%s", error.message);
  mod_close(mod);
  return bound;
}

// Every part holds the words that it should and none of those that it should not.
typedef struct {
  const char *has[4], *lacks[4]; // by ModTilePart
  int arrays;
} Wanted;

static void check(const char *score, const Wanted *wanted) {
  Error error = {0};
  BoundMod *bound = bound_to(score);
  ModTileText *text = mod_tile_text_open(bound, &bound->score, &names, &error);
  assert_non_null(text);
  assert_int_equal(mod_tile_text_arrays(text), wanted->arrays);
  for (int part = 0; part < 4; part++) {
    Text lines = {0};
    assert_true(mod_tile_text_append(text, (ModTilePart)part, false, "  ", &lines, &error));
    const char *found = text_span(&lines).data, *has = wanted->has[part];
    if (has && !strstr(found, has)) fail_msg("%s, part %d lacks %s:\n%s", score, part, has, found);
    if (!has && found[0]) fail_msg("%s, part %d is not empty:\n%s", score, part, found);
    if (wanted->lacks[part] && strstr(found, wanted->lacks[part]))
      fail_msg("%s, part %d has %s:\n%s", score, part, wanted->lacks[part], found);
    text_free(&lines);
  }
  Text value = {0};
  assert_true(mod_tile_text_value(text, &value, &error));
  assert_true(value.size > 0);
  text_free(&value);
  mod_tile_text_close(text);
  bound_mod_close(bound);
}

static void parts_stand_where_they_belong(void **state) {
  (void)state;
  static const struct {
    const char *score;
    Wanted wanted;
  } cases[] = {
      {"score + (kv_idx - q_idx) * exp2(-8 * (h + 1) / Hq)",
       {{"mod_exp2(", NULL, "((float)", "mod_ints_to_floats("}, {"q", NULL, "k", "mod_exp2"}, 0}},
      {"score + log(kv_idx + 1)",
       {{NULL, "mod_logs(", NULL, "mod_load_floats(sc0 + c)"}, {NULL, NULL, NULL, "mod_logs("}, 1}},
      {"score + log(q_idx + 1)", {{NULL, NULL, "mod_log(", "mod_same_float("}, {0}, 0}},
      {"score + bias[q_idx, kv_idx]",
       {{NULL, NULL, "((int)q)", "mod_load_floats(bias + ((long long)s"},
        {NULL, NULL, NULL, "gather"},
        0}},
      {"score + near[63 - kv_idx]",
       {{NULL, "mod_gather_floats(near", NULL, "mod_load_floats(sc0"},
        {NULL, NULL, NULL, "gather"},
        1}},
      {"score + q_idx // 16 + kv_idx % 8", {{NULL, NULL, ">> 4", "& 7"}, {0}, 0}},
      {"score + kv_idx // 3", {{NULL, "mod_short_floor_divides_by(", NULL, "sc0"}, {0}, 1}},
      {"score * 2", {{NULL, NULL, NULL, "mod_same_float(0x1p+1f)"}, {0}, 0}},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) check(cases[i].score, &cases[i].wanted);
}

static void weights_grow_with_the_work(void **state) {
  (void)state;
  static const char *const scores[] = {"score * 2", "score * score + kv_idx",
                                       "tanh(score) * exp(score - 1)"};
  int before = 0;
  for (size_t i = 0; i < COUNT_OF(scores); i++) {
    Error error;
    BoundMod *bound = bound_to(scores[i]);
    ModTileText *text = mod_tile_text_open(bound, &bound->score, &names, &error);
    assert_true(mod_tile_text_weight(text) > before);
    before = mod_tile_text_weight(text);
    mod_tile_text_close(text);
    bound_mod_close(bound);
  }
}

static void preludes_are_cut(void **state) {
  (void)state;
  static const char prelude[] =
      "#define MOD_ONE 1\n\n// of one\nint mod_first(void) {\n  return "
      "MOD_ONE;\n}\n\nint mod_second(void) {\n  return mod_first();\n}\n\n"
      "int mod_third(void) {\n  return 3;\n}\n";
  static const struct {
    const char *used, *text;
  } cases[] = {
      {"x = mod_third();", "int mod_third(void) {\n  return 3;\n}\n"},
      {"mod_first", "#define MOD_ONE 1\n// of one\nint mod_first(void) {\n  return MOD_ONE;\n}\n"},
      {"mod_firstly + amod_first", ""},
      {"", ""},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Text text = {0};
    prelude_cut(prelude, cases[i].used, &text);
    assert_string_equal(text_span(&text).data, cases[i].text);
    text_free(&text);
  }
  Text all = {0};
  prelude_cut(prelude, "mod_second() mod_third()", &all);
  assert_non_null(strstr(all.data, "MOD_ONE 1"));
  assert_true(all.size >= strlen(prelude) - 4);
  text_free(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parts_stand_where_they_belong),
                                     cmocka_unit_test(weights_grow_with_the_work),
                                     cmocka_unit_test(preludes_are_cut)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
