// SPDX-License-Identifier: Apache-2.0
#include "model/family.h"
#include "model/presets.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static ModelConfig config_named(const char *name, Arena *arena) {
  ModelConfig config;
  Error error = {0};
  if (!preset_config(name, arena, &config, &error)) fail_msg("%s: %s", name, error.message);
  return config;
}

static void released_models_have_their_sizes(void **state) {
  (void)state;
  // Parameters as their publishers count them, tied embeddings once.
  static const struct {
    const char *name;
    int64_t parameters;
  } expected[] = {
      {"smollm2-135m", 134515008},
      {"llama-3.2-1b", 1235814400},
      {"qwen3-0.6b", 596049920},
      {"gpt2", 124439808},
  };
  Arena *arena = arena_open(0);
  for (size_t i = 0; i < COUNT_OF(expected); i++) {
    ModelConfig config = config_named(expected[i].name, arena);
    assert_int_equal(config_weights(&config), expected[i].parameters);
    assert_true(config.tied);
  }
  ModelConfig llama = config_named("llama-3.2-1b", arena);
  assert_int_equal(llama.rope.kind, ROPE_LLAMA3);
  assert_true(llama.rope.theta == 5e5 && llama.rope.factor == 32.0);
  assert_int_equal(llama.rope.original_positions, 8192);
  arena_close(arena);
}

static void every_family_has_a_tiny_one(void **state) {
  (void)state;
  Arena *arena = arena_open(0);
  ModelConfig tiny = config_named("tiny", arena);
  assert_int_equal(tiny.family, FAMILY_LLAMA);
  assert_int_equal(tiny.layers, 2);
  assert_int_equal(tiny.hidden, 64);
  assert_int_equal(tiny.heads, 4);
  assert_int_equal(tiny.kv_heads, 2);
  assert_int_equal(tiny.vocabulary, 512);
  for (int family = 0; family < FAMILY_COUNT; family++) {
    const char *name = arena_format(arena, "tiny-%s", family_name((Family)family));
    assert_int_equal(config_named(name, arena).family, family);
  }
  assert_int_equal(config_named("tiny-mistral", arena).layer[1].window, 16);
  assert_int_equal(config_named("tiny-mistral", arena).head_dim, 32);
  assert_int_equal(config_named("tiny-qwen2", arena).layer[2].window, 24);
  assert_int_equal(config_named("tiny-qwen2", arena).layer[1].window, 0);
  assert_false(config_named("tiny-smollm3", arena).layer[1].rope);
  assert_true(config_named("tiny-qwen3", arena).qk_norm);
  arena_close(arena);
}

static void every_listed_name_is_a_preset(void **state) {
  (void)state;
  Arena *arena = arena_open(0);
  char name[64];
  for (int i = 0; i < preset_count(); i++)
    assert_true(config_named(preset_name(i, name, sizeof name), arena).layers > 0);
  ModelConfig config;
  Error error = {0};
  assert_false(preset_config("huge", arena, &config, &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  for (int i = 0; i < preset_count(); i++)
    assert_non_null(strstr(error.message, preset_name(i, name, sizeof name)));
  assert_string_equal(preset_of_path("preset:tiny"), "tiny");
  assert_null(preset_of_path("tiny"));
  arena_close(arena);
}

static void random_rows_are_near_normal_and_differ(void **state) {
  (void)state;
  enum { COUNT = 100000 };
  static float row[COUNT], other[COUNT];
  memset(row, 0xFF, sizeof row);
  preset_row(7, 3, COUNT, 1.0f, 0.25f, row);
  double sum = 0.0, squares = 0.0, cubes = 0.0, most = 0.0;
  for (int i = 0; i < COUNT; i++) {
    double value = ((double)row[i] - 1.0) / 0.25;
    sum += value;
    squares += value * value;
    cubes += value * value * value;
    most = fmax(most, fabs(value));
  }
  // Five standard errors: 0.016, 0.02 and 0.06.
  assert_true(fabs(sum / COUNT) < 0.016);
  assert_true(fabs(squares / COUNT - 1.0) < 0.02);
  assert_true(fabs(cubes / COUNT) < 0.06);
  assert_true(most > 2.5 && most < 3.5);
  for (int which = 0; which < 2; which++) {
    preset_row(which ? 8 : 7, which ? 3 : 4, COUNT, 1.0f, 0.25f, other);
    double product = 0.0;
    for (int i = 0; i < COUNT; i++)
      product += ((double)row[i] - 1.0) * ((double)other[i] - 1.0) * 16.0;
    assert_true(fabs(product / COUNT) < 0.016);
  }
  preset_row(7, 3, 10, 1.0f, 0.25f, other);
  assert_memory_equal(other, row, 10 * sizeof(float));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(released_models_have_their_sizes),
      cmocka_unit_test(every_family_has_a_tiny_one),
      cmocka_unit_test(every_listed_name_is_a_preset),
      cmocka_unit_test(random_rows_are_near_normal_and_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
