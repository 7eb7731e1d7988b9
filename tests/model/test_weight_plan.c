// SPDX-License-Identifier: Apache-2.0
#include "model/presets.h"
#include "model/weight_plan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
// after the standard headers, as cmocka asks
#include <cmocka.h>

static const Dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};

// Entries lie one behind the other, aligned, without overlap, inside the block.
static void check_places(const WeightPlan *plan) {
  int64_t used = 0;
  for (int64_t i = 0; i < plan->count; i++) {
    const WeightEntry *entry = &plan->entries[i];
    assert_int_equal(entry->offset % (entry->matrix ? WEIGHT_PAGE : MATRIX_ALIGNMENT), 0);
    assert_true(entry->offset >= WEIGHT_PAGE);
    assert_true(entry->offset + entry->bytes <= plan->bytes);
    assert_true((entry->matrix != NULL) != (entry->vector != NULL));
    used += entry->bytes;
    for (int64_t j = 0; j < i; j++) {
      const WeightEntry *other = &plan->entries[j];
      assert_true(other->offset + other->bytes <= entry->offset ||
                  entry->offset + entry->bytes <= other->offset);
    }
  }
  assert_true(used + WEIGHT_PAGE <= plan->bytes);
  assert_true(plan->bytes <= used + (plan->count + 2) * WEIGHT_PAGE);
}

static int64_t elements(const WeightPlan *plan) {
  int64_t sum = 0;
  for (int64_t i = 0; i < plan->count; i++) {
    int64_t rows = 0;
    for (int part = 0; part < plan->entries[i].part_count; part++)
      rows += plan->entries[i].parts[part].rows;
    assert_int_equal(rows, plan->entries[i].rows);
    sum += rows * plan->entries[i].columns;
  }
  return sum;
}

static void every_preset_is_planned_whole(void **state) {
  (void)state;
  char name[64];
  for (int i = 0; i < preset_count(); i++) {
    for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
      Arena *arena = arena_open(0);
      ModelConfig config;
      WeightPlan plan, again, other;
      Error error;
      assert_true(preset_config(preset_name(i, name, sizeof name), arena, &config, &error));
      weight_plan_build(&plan, &config, dtypes[d], !config.tied, arena);
      check_places(&plan);
      assert_int_equal(elements(&plan), config_weights(&config));
      weight_plan_build(&again, &config, dtypes[d], !config.tied, arena);
      assert_true(again.signature == plan.signature);
      weight_plan_build(&other, &config, dtypes[d], config.tied, arena);
      assert_true(other.signature != plan.signature);
      arena_close(arena);
    }
  }
}

static void binding_points_into_the_block(void **state) {
  (void)state;
  Arena *arena = arena_open(0);
  ModelConfig config;
  WeightPlan plan;
  Error error;
  assert_true(preset_config("tiny-gpt2", arena, &config, &error));
  weight_plan_build(&plan, &config, DTYPE_BF16, false, arena);
  const char *base = (const char *)(uintptr_t)WEIGHT_PAGE;
  weight_plan_bind(&plan, base);
  const Weights *weights = &plan.weights;
  assert_ptr_equal(weights->head.panels, weights->embedding.panels);
  assert_ptr_equal(weights->embedding.panels, base + plan.entries[0].offset);
  assert_non_null(weights->positions);
  assert_non_null(weights->final_norm.bias);
  for (int64_t i = 0; i < config.layers; i++) {
    const LayerWeights *layer = &weights->layers[i];
    assert_int_equal(layer->qkv.rows, 3 * 64);
    assert_int_equal(layer->qkv.columns, 64);
    assert_int_equal(layer->up.rows, 256);
    assert_int_equal(layer->down.columns, 256);
    assert_non_null(layer->qkv.bias);
    assert_non_null(layer->attention_output.bias);
    assert_non_null(layer->up.bias);
    assert_non_null(layer->down.bias);
    assert_non_null(layer->attention_norm.bias);
    assert_null(layer->query_norm.weight);
  }
  arena_close(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_preset_is_planned_whole),
      cmocka_unit_test(binding_points_into_the_block),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
