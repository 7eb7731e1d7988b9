// SPDX-License-Identifier: Apache-2.0
// Which texts have a form that kernels know, and that the form gives their values.
#include "mods/evaluate.h"
#include "mods/recognize.h"
#include "random_mod.h"
#include <math.h>
#include <string.h>

static float slopes[4] = {0.5f, -0.25f, 2, 1e-3f};
static float bias[32];

static BoundMod *bound_of(const char *score) {
  Error error;
  int64_t heads[2] = {4}, keys[2] = {32};
  const ModArray arrays[] = {{"slopes", tensor_dense(DTYPE_F32, 1, heads, slopes)},
                             {"bias", tensor_dense(DTYPE_F32, 1, keys, bias)}};
  const ModParameter parameters[] = {{.name = "cap", .is_float = true, .real = 30}};
  ModSource source = {.score = score,
                      .array_count = 2,
                      .arrays = arrays,
                      .parameter_count = 1,
                      .parameters = parameters};
  Mod *mod = mod_parse(&source, &error);
  if (!mod) fail_msg("%s: %s", score, error.message);
  BoundMod *bound;
  ModShape shape = {2, 4, 2, 16, 32, 64, 8, false};
  if (!mod_bind(mod, &shape, &bound, &error)) fail_msg("%s: %s", score, error.message);
  mod_close(mod);
  return bound;
}

static void check_affine(const BoundMod *bound, const char *text) {
  for (int64_t h = 0; h < 4; h++) {
    ModAffine affine = mod_affine_at(bound, 1, h);
    for (int64_t q = 8; q < 24; q++)
      for (int64_t k = 0; k < 32; k++) {
        ModPoint point = {1, h, q, k, 0.75};
        double expected = mod_evaluate_at(&bound->score, bound->arrays, &point).real;
        double found =
            0.75 + affine.query_slope * (double)q + affine.key_slope * (double)k + affine.constant;
        if (!(fabs(found - expected) <= 1e-9 * (1 + fabs(expected))))
          fail_msg("%s: found %g, expected %g", text, found, expected);
      }
  }
}

static void forms_are_recognized(void **state) {
  (void)state;
  static const struct {
    const char *text;
    ModFormKind kind;
    double cap;
  } cases[] = {
      {"", MOD_FORM_NONE, 0},
      {"score", MOD_FORM_NONE, 0},
      {"score * 1.0 + 0", MOD_FORM_NONE, 0},
      {"score + (q_idx - kv_idx)", MOD_FORM_AFFINE, 0},
      {"score + 2 * h", MOD_FORM_AFFINE, 0},
      {"score + (kv_idx - q_idx) * exp2(-8 * (h + 1) / Hq)", MOD_FORM_AFFINE, 0},
      {"score - slopes[h] * (3 * q_idx - kv_idx / 4) + b", MOD_FORM_AFFINE, 0},
      {"(2 * score + q_idx) / 2 + 1", MOD_FORM_AFFINE, 0},
      {"score + h // 2 * kv_idx + abs(h - 1)", MOD_FORM_AFFINE, 0},
      {"50 * tanh(score / 50)", MOD_FORM_SOFTCAP, 50},
      {"tanh(score / cap) * cap", MOD_FORM_SOFTCAP, 30},
      {"cap * tanh(score * (1 / cap))", MOD_FORM_SOFTCAP, 30},
      {"-20 * tanh(score / -20)", MOD_FORM_SOFTCAP, 20},
      {"tanh(score)", MOD_FORM_SOFTCAP, 1},
      {"30 * tanh(score / 50)", MOD_FORM_OTHER, 0},
      {"tanh(score / h)", MOD_FORM_OTHER, 0},
      {"2 * score", MOD_FORM_OTHER, 0},
      {"score + q_idx * kv_idx", MOD_FORM_OTHER, 0},
      {"score + q_idx // 2", MOD_FORM_OTHER, 0},
      {"score + bias[kv_idx]", MOD_FORM_OTHER, 0},
      {"score + abs(q_idx - kv_idx)", MOD_FORM_OTHER, 0},
      {"score + (q_idx >= kv_idx)", MOD_FORM_OTHER, 0},
      {"score + where(q_idx > 3, 1.0, 2.0)", MOD_FORM_OTHER, 0},
      {"score + score // 1", MOD_FORM_OTHER, 0},
      {"max(score, 0.0)", MOD_FORM_OTHER, 0},
      {"score + sqrt(q_idx)", MOD_FORM_OTHER, 0},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    BoundMod *bound = bound_of(cases[i].text);
    ModForm form = mod_recognize(bound);
    if (form.kind != cases[i].kind)
      fail_msg("%s: form %d, expected %d", cases[i].text, form.kind, cases[i].kind);
    if (form.kind == MOD_FORM_SOFTCAP) assert_true(fabs(form.cap - cases[i].cap) < 1e-12);
    if (form.kind == MOD_FORM_AFFINE) check_affine(bound, cases[i].text);
    bound_mod_close(bound);
  }
}

int main(void) {
  for (int i = 0; i < 32; i++) bias[i] = (float)i * 0.5f;
  const struct CMUnitTest tests[] = {cmocka_unit_test(forms_are_recognized)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
